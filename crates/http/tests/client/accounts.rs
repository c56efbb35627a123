//! Authenticated clients: tokens, renewed logins, and the management of accounts.

use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use mainspring::wire::Json;
use mainspring::{Error, Event, Store};
use mainspring_http::auth::{self, Access, Auth, AuthError, Keys, Role};
use mainspring_http::client::{Accounts, LockedTokens, Login, TokenStorage, Tokens};
use mainspring_http::{Client, server};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const PASSWORD: &str = "wheels within wheels";

struct Server {
    url: String,
    store: Store<Json>,
    auth: Auth,
    stop: CancellationToken,
}

impl Server {
    /// Starts a server with the administrator ada.
    async fn start(access_ttl: Duration) -> Self {
        let mut options = auth::AuthOptions::default();
        options.access_ttl = access_ttl;
        let accounts = Store::builder().spawn();
        let auth = Auth::new(accounts, Keys::in_memory().unwrap(), options).unwrap();
        auth.ensure_admin("ada", PASSWORD.into()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (store, stop) = (Store::builder().spawn(), CancellationToken::new());
        let mut options = server::ServerOptions::default();
        options.auth = Some(auth.clone());
        tokio::spawn(server::serve(listener, store.clone(), options, stop.clone()));
        Self { url, store, auth, stop }
    }

    async fn tokens(&self) -> Tokens {
        Accounts::connect(&self.url).unwrap().login("ada", PASSWORD).await.unwrap()
    }

    fn client(&self, login: impl Into<Login>) -> Client<u64> {
        Client::builder(&self.url).login(login).connect().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The same tokens, with a renewal that is due.
fn due(mut tokens: Tokens) -> Tokens {
    tokens.renew_at = UNIX_EPOCH.into();
    tokens
}

fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

#[tokio::test]
async fn login_is_renewed_before_it_ends() {
    let server = Server::start(Duration::from_secs(1)).await;
    let login = Login::from(server.tokens().await);
    let first = login.tokens();
    let store = server.client(login.clone());
    let end = Instant::now() + Duration::from_secs(4);
    let mut tasks = Vec::new();
    for n in 0..4 {
        let store = if n == 0 { server.client(login.clone()) } else { store.clone() };
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                store.set(format!("k{n}"), n).await.unwrap();
                sleep(Duration::from_millis(5)).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_ne!(login.tokens(), first);
    assert_eq!(server.auth.profile("ada").unwrap().logins, 1);
}

#[tokio::test]
async fn rejected_token_is_renewed_and_the_request_repeated_once() {
    let server = Server::start(Duration::from_secs(1)).await;
    let mut tokens = server.tokens().await;
    // As with a clock that is wrong.
    tokens.renew_at = tokens.renew_at + minutes(60);
    let store = server.client(tokens);
    sleep(Duration::from_millis(2_100)).await;
    assert_eq!(store.push("log", 1).await.unwrap().length, 1);
    assert_eq!(server.store.len("log").await.unwrap(), Some(1));
}

#[tokio::test]
async fn subscription_continues_after_its_token_has_ended() {
    let server = Server::start(Duration::from_secs(1)).await;
    let store = server.client(server.tokens().await);
    let mut events = store.subscribe().prefix("car/").await.unwrap();
    let writer = server.store.clone();
    let writes = tokio::spawn(async move {
        let end = Instant::now() + Duration::from_secs(6);
        let mut n = 0_u64;
        while Instant::now() < end {
            n += 1;
            writer.set("car/speed", n.to_string().parse::<Json>().unwrap()).await.unwrap();
            sleep(Duration::from_millis(2)).await;
        }
        n
    });
    let mut next = 1;
    loop {
        let Ok(event) = timeout(Duration::from_secs(3), events.recv()).await else { break };
        let Event::Change(change) = event.unwrap() else { continue };
        assert_eq!(change.revision, next, "no gap and no duplicate");
        next += 1;
    }
    assert_eq!(next - 1, writes.await.unwrap());
}

#[tokio::test]
async fn ended_login_ends_commands_and_subscriptions() {
    let server = Server::start(minutes(10)).await;
    let store = server.client(server.tokens().await);
    let other = server.client(server.tokens().await);
    let mut events = store.subscribe().await.unwrap();
    store.accounts().logout(false).await.unwrap();
    let ended = timeout(Duration::from_secs(5), events.recv()).await.unwrap();
    assert_eq!(ended.unwrap_err(), Error::Unauthorized);
    assert_eq!(store.set("k", 1).await.unwrap_err(), Error::Unauthorized);
    assert_eq!(store.accounts().me().await.unwrap_err(), AuthError::Denied);
    other.set("k", 1).await.unwrap();
    other.accounts().logout(true).await.unwrap();
    assert_eq!(other.get("k").await.unwrap_err(), Error::Unauthorized);
    // The same without a login.
    let anonymous = Client::<u64>::connect(&server.url).unwrap();
    assert_eq!(anonymous.get("k").await.unwrap_err(), Error::Unauthorized);
    assert_eq!(anonymous.ready().await.unwrap_err(), Error::Unauthorized);
    assert_eq!(anonymous.subscribe().await.unwrap_err(), Error::Unauthorized);
}

#[tokio::test]
async fn renewal_continues_after_its_future_is_dropped() {
    let server = Server::start(minutes(10)).await;
    let mut login = Login::from(server.tokens().await);
    for n in 0..60 {
        login = Login::from(due(login.tokens()));
        let store = server.client(login.clone());
        let _ = timeout(Duration::from_micros(50 * n), store.set("k", n)).await;
        store.set("k", n).await.unwrap();
    }
    assert_eq!(server.auth.profile("ada").unwrap().logins, 1);
}

#[tokio::test]
async fn login_survives_an_unreachable_server() {
    let server = Server::start(minutes(10)).await;
    let tokens = due(server.tokens().await);
    let away = Client::<u64>::builder("http://127.0.0.1:9").tries(1).login(tokens.clone());
    let error = away.connect().unwrap().set("k", 1).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    server.client(tokens).set("k", 1).await.unwrap();
}

/// Storage that several logins share, with the number of renewals.
#[derive(Clone, Default)]
struct SharedStorage(Arc<Mutex<(Option<Tokens>, u64)>>);

struct LockedStorage(OwnedMutexGuard<(Option<Tokens>, u64)>);

impl TokenStorage for SharedStorage {
    fn take(&self) -> io::Result<Box<dyn LockedTokens>> {
        Ok(Box::new(LockedStorage(Arc::clone(&self.0).blocking_lock_owned())))
    }
}

impl LockedTokens for LockedStorage {
    fn tokens(&self) -> Option<Tokens> {
        self.0.0.clone()
    }

    fn keep(&mut self, tokens: &Tokens) -> io::Result<()> {
        self.0.0 = Some(tokens.clone());
        self.0.1 += 1;
        Ok(())
    }
}

#[tokio::test]
async fn logins_with_shared_storage_renew_once() {
    let server = Server::start(minutes(10)).await;
    let storage = SharedStorage::default();
    let mut tokens = server.tokens().await;
    for round in 1..=20 {
        tokens = due(tokens);
        storage.0.lock().await.0 = Some(tokens.clone());
        let both = [(); 2].map(|()| server.client(Login::kept(tokens.clone(), storage.clone())));
        let (one, other) = tokio::join!(both[0].set("k", round), both[1].set("k", round));
        one.unwrap();
        other.unwrap();
        let (stored, renewals) = storage.0.lock().await.clone();
        assert_eq!(renewals, round, "one renewal per round");
        tokens = stored.unwrap();
    }
    // A logout through the storage ends this login too.
    let store = server.client(Login::kept(due(tokens), storage.clone()));
    storage.0.lock().await.0 = None;
    assert_eq!(store.get("k").await.unwrap_err(), Error::Unauthorized);
}

#[tokio::test]
async fn api_token_has_its_access_until_it_is_removed() {
    let server = Server::start(minutes(10)).await;
    let admin = server.client(server.tokens().await).accounts();
    let access = Access::new(Role::Writer).within("car/");
    admin.register("robot", "springs and wheels", access).await.unwrap();
    let reads = Access::new(Role::Reader).within("car/");
    let token =
        admin.add_token("robot", "dash", Some(reads.clone()), Some(minutes(1))).await.unwrap();
    assert_eq!((token.info.label.as_str(), &token.info.access), ("dash", &reads));

    let robot = Client::<u64>::builder(&server.url).token(token.token.clone()).connect().unwrap();
    assert_eq!(robot.get("car/speed").await.unwrap(), None);
    assert_eq!(robot.set("car/speed", 1).await.unwrap_err(), Error::Forbidden);
    assert_eq!(robot.get("plane").await.unwrap_err(), Error::Forbidden);
    let mut events = robot.subscribe().prefix("car/").await.unwrap();
    assert_eq!(robot.accounts().list().await.unwrap_err(), AuthError::Forbidden);
    assert_eq!(robot.accounts().me().await.unwrap().access, reads);

    admin.remove_token("robot", &token.info.id).await.unwrap();
    assert_eq!(robot.get("car/speed").await.unwrap_err(), Error::Unauthorized);
    let ended = timeout(Duration::from_secs(5), events.recv()).await.unwrap();
    assert_eq!(ended.unwrap_err(), Error::Unauthorized);
}

#[tokio::test]
async fn account_management_over_http() {
    let server = Server::start(minutes(10)).await;
    let admin = server.client(server.tokens().await).accounts();
    let reader = Access::new(Role::Reader);
    let account = admin.register("grace.h", "nanoseconds", reader.clone()).await.unwrap();
    assert_eq!((account.name.as_str(), &account.access), ("grace.h", &reader));
    let again = admin.register("grace.h", "nanoseconds", reader.clone()).await;
    assert_eq!(again.unwrap_err(), AuthError::Exists);
    let short = admin.register("eve", "short", reader.clone()).await.unwrap_err();
    let AuthError::Store(Error::Rejected(why)) = short else { panic!("{short:?}") };
    assert!(why.contains("8 to 1024 bytes"), "{why}");
    assert_eq!(admin.remove("unknown").await.unwrap_err(), AuthError::NotFound);
    for name in ["", ".", "..", "a/b", "?"] {
        assert!(admin.remove(name).await.is_err(), "{name:?}");
    }
    let names: Vec<_> =
        admin.list().await.unwrap().into_iter().map(|account| account.name).collect();
    assert_eq!(names, ["ada", "grace.h"]);

    let anonymous = Accounts::connect(&server.url).unwrap();
    let tokens = anonymous.login("grace.h", "nanoseconds").await.unwrap();
    let grace = server.client(tokens);
    assert_eq!(grace.set("k", 1).await.unwrap_err(), Error::Forbidden);
    admin.set_access("grace.h", Access::new(Role::Writer)).await.unwrap();
    grace.set("k", 1).await.unwrap();
    let wrong = grace.accounts().change_password("milliseconds", "picoseconds").await;
    assert_eq!(wrong.unwrap_err(), AuthError::Denied);
    grace.accounts().change_password("nanoseconds", "picoseconds").await.unwrap();
    assert_eq!(grace.get("k").await.unwrap_err(), Error::Unauthorized, "every login has ended");
    anonymous.login("grace.h", "picoseconds").await.unwrap();
    admin.set_password("grace.h", "femtoseconds").await.unwrap();
    admin.remove("grace.h").await.unwrap();
    assert_eq!(admin.rotate_keys().await.unwrap().len(), 2);

    let without = Store::<Json>::builder().spawn();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = server::ServerOptions::default();
    tokio::spawn(server::serve(listener, without, options, server.stop.clone()));
    let error = Accounts::connect(&url).unwrap().login("ada", PASSWORD).await.unwrap_err();
    assert!(error.to_string().contains("has no accounts"), "{error}");
}

#[tokio::test]
async fn repeated_failed_logins_are_delayed() {
    let server = Server::start(minutes(10)).await;
    let anonymous = Accounts::connect(&server.url).unwrap();
    for _ in 0..100 {
        match anonymous.login("ada", "a guess of mine").await.unwrap_err() {
            AuthError::Denied => {}
            AuthError::TooManyAttempts { wait } => {
                assert!(wait >= Duration::from_secs(1), "{wait:?}");
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("no attempt was delayed");
}

#[tokio::test]
async fn debug_output_and_errors_hide_secrets() {
    let server = Server::start(minutes(10)).await;
    let tokens = server.tokens().await;
    let login = Login::from(tokens.clone());
    let options = Client::<u64>::builder(&server.url).login(login.clone());
    let with_token = Client::<u64>::builder(&server.url).token("mst_secret");
    let store = options.clone().connect().unwrap();
    let shown =
        format!("{tokens:?} {login:?} {options:?} {with_token:?} {store:?} {:?}", store.accounts());
    for secret in [tokens.access.expose(), tokens.refresh.expose(), "mst_secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let error = Client::<u64>::builder(&server.url).token("mst_secret\n").connect().unwrap_err();
    assert!(matches!(error, Error::Rejected(_)) && !error.to_string().contains("mst"), "{error}");
    let rejected = Client::<u64>::builder(&server.url).token("mst_secret").connect().unwrap();
    let error = rejected.get("k").await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("mst_secret"));
}
