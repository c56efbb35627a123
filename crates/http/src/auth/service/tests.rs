//! Accounts and tokens through the public interface.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use mainspring::Store;
use mainspring::journal::MemoryJournal;
use tokio::time::{Instant, advance, timeout};

use super::*;
use crate::auth::access::{Access, Role};
use crate::auth::secret::Secret;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "wheels within wheels";

const MINUTE: Duration = Duration::from_secs(60);

fn auth() -> Auth {
    Auth::new(Store::builder().spawn(), Keys::in_memory().unwrap(), AuthOptions::default()).unwrap()
}

async fn with_ada(role: Role) -> Auth {
    let auth = auth();
    auth.register("ada", PASSWORD.into(), Access::new(role)).await.unwrap();
    auth
}

async fn login(auth: &Auth) -> Tokens {
    auth.login("ada", PASSWORD.into(), HERE).await.unwrap()
}

fn authenticate(auth: &Auth, token: &Secret) -> Result<Grant, AuthError> {
    auth.authenticate(Some(&format!("Bearer {}", token.expose())))
}

async fn ending(auth: &Auth, token: &Secret) -> impl Future<Output = ()> + Send + 'static + use<> {
    auth.clone().ending(authenticate(auth, token).unwrap()).await.unwrap()
}

fn is_denied(auth: &Auth, token: &Secret) -> bool {
    matches!(authenticate(auth, token), Err(AuthError::Denied))
}

#[tokio::test]
async fn login_is_valid_until_logout() {
    let auth = with_ada(Role::Writer).await;
    let (one, other) = (login(&auth).await, login(&auth).await);
    let grant = authenticate(&auth, &one.access).unwrap();
    assert_eq!(grant.account(), "ada");
    auth.logout(&grant, false).await.unwrap();
    assert!(is_denied(&auth, &one.access), "although its signature is cached");
    assert_eq!(auth.refresh(&one.refresh).await, Err(AuthError::Denied));
    let grant = authenticate(&auth, &other.access).unwrap();
    auth.logout(&grant, true).await.unwrap();
    assert!(is_denied(&auth, &other.access));
}

#[tokio::test]
async fn unknown_name_and_wrong_password_have_the_same_error() {
    let auth = with_ada(Role::Reader).await;
    for (name, password) in [("ada", "wrong"), ("unknown", PASSWORD), ("", ""), ("a b", PASSWORD)] {
        let denied = auth.login(name, password.into(), HERE).await;
        assert_eq!(denied, Err(AuthError::Denied), "{name}");
    }
}

#[tokio::test]
async fn login_takes_the_same_time_without_an_account() {
    let auth = with_ada(Role::Reader).await;
    let mut took = [Vec::new(), Vec::new()];
    for n in 0..15 {
        for (name, took) in ["ada", "unknown"].into_iter().zip(&mut took) {
            let from = Ipv4Addr::from(n).into();
            let begun = std::time::Instant::now();
            let _ = auth.login(name, "wrong".into(), from).await;
            took.push(begun.elapsed());
        }
        // Resets the failures, so that no attempt is delayed.
        for name in ["ada", "unknown"] {
            auth.0.attempts.forget(name).await.unwrap();
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let [present, absent] = took.map(median);
    assert!((0.5..2.0).contains(&(present / absent)), "{present} s and {absent} s");
}

#[tokio::test]
async fn reused_refresh_token_ends_the_login() {
    let auth = with_ada(Role::Reader).await;
    let first = login(&auth).await;
    let second = auth.refresh(&first.refresh).await.unwrap();
    let third = auth.refresh(&second.refresh).await.unwrap();
    assert!(authenticate(&auth, &third.access).is_ok());
    assert_eq!(auth.refresh(&first.refresh).await, Err(AuthError::Denied));
    for token in [&first.access, &second.access, &third.access] {
        assert!(is_denied(&auth, token));
    }
    assert_eq!(auth.refresh(&third.refresh).await, Err(AuthError::Denied));
}

#[tokio::test]
async fn forged_refresh_token_does_not_end_the_login() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let prefix = tokens.refresh.expose().rsplit_once('.').unwrap().0;
    let forged = Secret::from(format!("{prefix}.{}", "A".repeat(43)));
    assert_eq!(auth.refresh(&forged).await, Err(AuthError::Denied));
    assert!(authenticate(&auth, &tokens.access).is_ok());
    assert!(auth.refresh(&tokens.refresh).await.is_ok());
}

#[tokio::test]
async fn concurrent_refreshes_succeed_once() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let all = (0..20).map(|_| auth.refresh(&tokens.refresh));
    let results = futures_util::future::join_all(all).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(is_denied(&auth, &tokens.access), "the reuse ended the login");
}

#[tokio::test(start_paused = true)]
async fn tokens_expire() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    assert!(authenticate(&auth, &tokens.access).is_ok());
    advance(tokens.access_ttl - Duration::from_secs(2)).await;
    assert!(authenticate(&auth, &tokens.access).is_ok());
    advance(Duration::from_secs(2)).await;
    assert!(is_denied(&auth, &tokens.access));
    let next = auth.refresh(&tokens.refresh).await.unwrap();
    assert!(authenticate(&auth, &next.access).is_ok());
    advance(next.refresh_ttl).await;
    assert_eq!(auth.refresh(&next.refresh).await, Err(AuthError::Denied));
}

#[tokio::test(start_paused = true)]
async fn api_token_never_exceeds_the_access_of_its_account() {
    let auth = with_ada(Role::Writer).await;
    let reader = Access::new(Role::Reader).within("car/");
    let dash = auth.add_token("ada", "dash", Some(reader.clone()), Some(MINUTE)).await.unwrap();
    assert_eq!(*authenticate(&auth, &dash.token).unwrap().access(), reader);
    let more = auth.add_token("ada", "more", Some(Access::new(Role::Admin)), None).await;
    assert!(matches!(more, Err(AuthError::Invalid(_))));

    let all = auth.add_token("ada", "all", None, None).await.unwrap();
    auth.set_access("ada", Access::new(Role::Reader)).await.unwrap();
    assert_eq!(authenticate(&auth, &all.token).unwrap().access().role, Role::Reader);
    auth.set_access("ada", Access::new(Role::Writer).within("plane/")).await.unwrap();
    assert!(is_denied(&auth, &dash.token), "no key in common");

    auth.remove_token("ada", &all.info.id).await.unwrap();
    assert!(is_denied(&auth, &all.token));
    auth.set_access("ada", Access::new(Role::Writer)).await.unwrap();
    assert!(authenticate(&auth, &dash.token).is_ok());
    advance(MINUTE).await;
    assert!(is_denied(&auth, &dash.token));
}

#[tokio::test]
async fn new_password_ends_all_logins() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let grant = authenticate(&auth, &tokens.access).unwrap();
    let new = || Secret::from("another password");
    let wrong = auth.change_own_password(&grant, "wrong".into(), new(), HERE).await;
    assert_eq!(wrong, Err(AuthError::Denied));
    auth.change_own_password(&grant, PASSWORD.into(), new(), HERE).await.unwrap();
    assert!(is_denied(&auth, &tokens.access));
    assert_eq!(auth.login("ada", PASSWORD.into(), HERE).await, Err(AuthError::Denied));
    auth.login("ada", new(), HERE).await.unwrap();
}

#[tokio::test]
async fn last_admin_cannot_be_removed() {
    let auth = with_ada(Role::Admin).await;
    assert!(matches!(auth.remove("ada").await, Err(AuthError::Invalid(_))));
    let less = auth.set_access("ada", Access::new(Role::Reader)).await;
    assert!(matches!(less, Err(AuthError::Invalid(_))));
    assert!(!auth.ensure_admin("grace", PASSWORD.into()).await.unwrap(), "ada is an admin");
    auth.register("grace", PASSWORD.into(), Access::new(Role::Admin)).await.unwrap();
    // Two administrators remove each other concurrently.
    let (one, other) = tokio::join!(auth.remove("ada"), auth.remove("grace"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert!(auth.has_admin().await.unwrap());
    assert!(!auth.ensure_admin("ada", PASSWORD.into()).await.unwrap(), "not created again");
    let names: Vec<_> =
        auth.profiles().await.unwrap().into_iter().map(|profile| profile.name).collect();
    assert_eq!(names.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ending_completes_when_the_rights_change() {
    let auth = with_ada(Role::Writer).await;
    auth.register("grace", PASSWORD.into(), Access::new(Role::Reader)).await.unwrap();
    let tokens = login(&auth).await;

    let watching = tokio::spawn(ending(&auth, &tokens.access).await);
    fixtures::login(&auth, "ada").await;
    auth.set_access("grace", Access::new(Role::Writer)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!watching.is_finished(), "its rights have not changed");
    auth.set_access("ada", Access::new(Role::Reader)).await.unwrap();
    timeout(Duration::from_secs(1), watching).await.unwrap().unwrap();

    let watching = tokio::spawn(ending(&auth, &tokens.access).await);
    auth.logout(&authenticate(&auth, &tokens.access).unwrap(), false).await.unwrap();
    timeout(Duration::from_secs(1), watching).await.unwrap().unwrap();

    let tokens = login(&auth).await;
    let begun = Instant::now();
    let grant = authenticate(&auth, &tokens.access).unwrap();
    auth.clone().ending(grant.clone()).await.unwrap().await;
    assert!(begun.elapsed() <= tokens.access_ttl + Duration::from_secs(1));
    assert!(matches!(auth.clone().ending(grant).await.map(drop), Err(AuthError::Denied)));
}

#[tokio::test]
async fn restart_keeps_accounts_and_revocations() {
    let (journal, keys) = (MemoryJournal::new(), std::env::temp_dir());
    let keys = keys.join(format!("mainspring-restart-{}.json", std::process::id()));
    let start = || async {
        let store = Store::builder().journal(journal.clone()).spawn();
        store.ready().await.unwrap();
        Auth::new(store, Keys::open(&keys).unwrap(), AuthOptions::default()).unwrap()
    };
    let auth = start().await;
    auth.register("ada", PASSWORD.into(), Access::new(Role::Reader)).await.unwrap();
    let (active, ended) = (login(&auth).await, login(&auth).await);
    auth.logout(&authenticate(&auth, &ended.access).unwrap(), false).await.unwrap();
    let removed = auth.add_token("ada", "old", None, None).await.unwrap();
    auth.remove_token("ada", &removed.info.id).await.unwrap();
    auth.store().shutdown().await.unwrap();

    let auth = start().await;
    assert!(authenticate(&auth, &active.access).is_ok());
    assert!(is_denied(&auth, &ended.access) && is_denied(&auth, &removed.token));
    assert_eq!(auth.refresh(&ended.refresh).await, Err(AuthError::Denied));
    std::fs::remove_file(&keys).unwrap();
}

#[tokio::test]
async fn stored_and_shown_data_contain_no_secret() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let api = auth.add_token("ada", "dash", None, None).await.unwrap();
    let entry = auth.store().get("ada").await.unwrap().unwrap();
    let stored = serde_json::to_string(entry.item().unwrap()).unwrap();
    let shown = format!("{auth:?} {entry:?} {tokens:?} {api:?} {:?}", auth.profile("ada"));
    for secret in [PASSWORD, tokens.access.expose(), tokens.refresh.expose(), api.token.expose()] {
        let last = secret.rsplit('.').next().unwrap();
        assert!(!stored.contains(last) && !shown.contains(last), "{last}");
    }
    assert!(!shown.contains("$argon2id"), "{shown}");
}
