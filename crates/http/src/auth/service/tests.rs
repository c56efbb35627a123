//! Accounts and tokens from the outside: what holds, and from when on.

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

fn enters(auth: &Auth, token: &Secret) -> Result<Grant, AuthError> {
    auth.authenticate(Some(&format!("Bearer {}", token.expose())))
}

async fn ending(auth: &Auth, token: &Secret) -> impl Future<Output = ()> + Send + 'static + use<> {
    auth.clone().ending(enters(auth, token).unwrap()).await.unwrap()
}

fn is_denied(auth: &Auth, token: &Secret) -> bool {
    matches!(enters(auth, token), Err(AuthError::Denied))
}

#[tokio::test]
async fn a_login_is_good_until_it_is_ended() {
    let auth = with_ada(Role::Writer).await;
    let (one, other) = (login(&auth).await, login(&auth).await);
    let grant = enters(&auth, &one.access).unwrap();
    assert_eq!(grant.account(), "ada");
    auth.logout(&grant, false).await.unwrap();
    assert!(is_denied(&auth, &one.access), "also though its signature is remembered");
    assert_eq!(auth.refresh(&one.refresh).await, Err(AuthError::Denied));
    let grant = enters(&auth, &other.access).unwrap();
    auth.logout(&grant, true).await.unwrap();
    assert!(is_denied(&auth, &other.access));
}

#[tokio::test]
async fn wrong_names_and_passwords_are_the_same() {
    let auth = with_ada(Role::Reader).await;
    for (name, password) in [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("a b", PASSWORD)] {
        let refused = auth.login(name, password.into(), HERE).await;
        assert_eq!(refused, Err(AuthError::Denied), "{name}");
    }
}

#[tokio::test]
async fn unknown_accounts_take_as_long_as_known_ones() {
    let auth = with_ada(Role::Reader).await;
    let mut took = [Vec::new(), Vec::new()];
    for n in 0..15 {
        for (name, took) in ["ada", "nobody"].into_iter().zip(&mut took) {
            let from = Ipv4Addr::from(n).into();
            let begun = std::time::Instant::now();
            let _ = auth.login(name, "wrong".into(), from).await;
            took.push(begun.elapsed());
        }
        // So that none is held back.
        for name in ["ada", "nobody"] {
            auth.0.attempts.forget(name).await.unwrap();
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let [known, unknown] = took.map(median);
    assert!((0.5..2.0).contains(&(known / unknown)), "{known} s and {unknown} s");
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_the_login() {
    let auth = with_ada(Role::Reader).await;
    let first = login(&auth).await;
    let second = auth.refresh(&first.refresh).await.unwrap();
    let third = auth.refresh(&second.refresh).await.unwrap();
    assert!(enters(&auth, &third.access).is_ok());
    assert_eq!(auth.refresh(&first.refresh).await, Err(AuthError::Denied));
    for token in [&first.access, &second.access, &third.access] {
        assert!(is_denied(&auth, token));
    }
    assert_eq!(auth.refresh(&third.refresh).await, Err(AuthError::Denied));
}

#[tokio::test]
async fn a_refresh_token_that_was_never_made_ends_nothing() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let known = tokens.refresh.expose().rsplit_once('.').unwrap().0;
    let forged = Secret::from(format!("{known}.{}", "A".repeat(43)));
    assert_eq!(auth.refresh(&forged).await, Err(AuthError::Denied));
    assert!(enters(&auth, &tokens.access).is_ok());
    assert!(auth.refresh(&tokens.refresh).await.is_ok());
}

#[tokio::test]
async fn of_many_refreshes_at_once_at_most_one_is_answered() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let all = (0..20).map(|_| auth.refresh(&tokens.refresh));
    let answered = futures_util::future::join_all(all).await;
    assert_eq!(answered.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(is_denied(&auth, &tokens.access), "for one of them was a thief's");
}

#[tokio::test(start_paused = true)]
async fn tokens_end_by_themselves() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    assert!(enters(&auth, &tokens.access).is_ok());
    advance(tokens.access_ttl - Duration::from_secs(2)).await;
    assert!(enters(&auth, &tokens.access).is_ok());
    advance(Duration::from_secs(2)).await;
    assert!(is_denied(&auth, &tokens.access));
    let next = auth.refresh(&tokens.refresh).await.unwrap();
    assert!(enters(&auth, &next.access).is_ok());
    advance(next.refresh_ttl).await;
    assert_eq!(auth.refresh(&next.refresh).await, Err(AuthError::Denied));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_program_does_no_more_than_its_account() {
    let auth = with_ada(Role::Writer).await;
    let reader = Access::new(Role::Reader).within("car/");
    let made = auth.add_token("ada", "dash", Some(reader.clone()), Some(MINUTE)).await.unwrap();
    assert_eq!(*enters(&auth, &made.token).unwrap().access(), reader);
    let more = auth.add_token("ada", "more", Some(Access::new(Role::Admin)), None).await;
    assert!(matches!(more, Err(AuthError::Invalid(_))));

    let all = auth.add_token("ada", "all", None, None).await.unwrap();
    auth.set_access("ada", Access::new(Role::Reader)).await.unwrap();
    assert_eq!(enters(&auth, &all.token).unwrap().access().role, Role::Reader);
    auth.set_access("ada", Access::new(Role::Writer).within("plane/")).await.unwrap();
    assert!(is_denied(&auth, &made.token), "they have no key in common");

    auth.remove_token("ada", &all.info.id).await.unwrap();
    assert!(is_denied(&auth, &all.token));
    auth.set_access("ada", Access::new(Role::Writer)).await.unwrap();
    assert!(enters(&auth, &made.token).is_ok());
    advance(MINUTE).await;
    assert!(is_denied(&auth, &made.token));
}

#[tokio::test]
async fn another_password_ends_the_logins() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let grant = enters(&auth, &tokens.access).unwrap();
    let new = || Secret::from("another password");
    let wrong = auth.change_own_password(&grant, "wrong".into(), new(), HERE).await;
    assert_eq!(wrong, Err(AuthError::Denied));
    auth.change_own_password(&grant, PASSWORD.into(), new(), HERE).await.unwrap();
    assert!(is_denied(&auth, &tokens.access));
    assert_eq!(auth.login("ada", PASSWORD.into(), HERE).await, Err(AuthError::Denied));
    auth.login("ada", new(), HERE).await.unwrap();
}

#[tokio::test]
async fn the_only_admin_stays() {
    let auth = with_ada(Role::Admin).await;
    assert!(matches!(auth.remove("ada").await, Err(AuthError::Invalid(_))));
    let less = auth.set_access("ada", Access::new(Role::Reader)).await;
    assert!(matches!(less, Err(AuthError::Invalid(_))));
    assert!(!auth.ensure_admin("grace", PASSWORD.into()).await.unwrap(), "there is one");
    auth.register("grace", PASSWORD.into(), Access::new(Role::Admin)).await.unwrap();
    // Two who remove each other at the same moment.
    let (one, other) = tokio::join!(auth.remove("ada"), auth.remove("grace"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert!(auth.has_admin().await.unwrap());
    assert!(!auth.ensure_admin("ada", PASSWORD.into()).await.unwrap(), "who is gone stays gone");
    let names: Vec<_> = auth.profiles().await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_told_when_its_right_ends() {
    let auth = with_ada(Role::Writer).await;
    auth.register("grace", PASSWORD.into(), Access::new(Role::Reader)).await.unwrap();
    let tokens = login(&auth).await;

    let watching = tokio::spawn(ending(&auth, &tokens.access).await);
    fixtures::login(&auth, "ada").await;
    auth.set_access("grace", Access::new(Role::Writer)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!watching.is_finished(), "nothing of it has changed");
    auth.set_access("ada", Access::new(Role::Reader)).await.unwrap();
    timeout(Duration::from_secs(1), watching).await.unwrap().unwrap();

    let watching = tokio::spawn(ending(&auth, &tokens.access).await);
    auth.logout(&enters(&auth, &tokens.access).unwrap(), false).await.unwrap();
    timeout(Duration::from_secs(1), watching).await.unwrap().unwrap();

    let tokens = login(&auth).await;
    let begun = Instant::now();
    let grant = enters(&auth, &tokens.access).unwrap();
    auth.clone().ending(grant.clone()).await.unwrap().await;
    assert!(begun.elapsed() <= tokens.access_ttl + Duration::from_secs(1));
    assert!(matches!(auth.clone().ending(grant).await.map(drop), Err(AuthError::Denied)));
}

#[tokio::test]
async fn a_restart_keeps_accounts_and_revocations() {
    let (journal, keys) = (MemoryJournal::new(), std::env::temp_dir());
    let keys = keys.join(format!("mainspring-restart-{}.json", std::process::id()));
    let start = || async {
        let store = Store::builder().journal(journal.clone()).spawn();
        store.ready().await.unwrap();
        Auth::new(store, Keys::open(&keys).unwrap(), AuthOptions::default()).unwrap()
    };
    let auth = start().await;
    auth.register("ada", PASSWORD.into(), Access::new(Role::Reader)).await.unwrap();
    let (kept, ended) = (login(&auth).await, login(&auth).await);
    auth.logout(&enters(&auth, &ended.access).unwrap(), false).await.unwrap();
    let removed = auth.add_token("ada", "old", None, None).await.unwrap();
    auth.remove_token("ada", &removed.info.id).await.unwrap();
    auth.store().shutdown().await.unwrap();

    let auth = start().await;
    assert!(enters(&auth, &kept.access).is_ok());
    assert!(is_denied(&auth, &ended.access) && is_denied(&auth, &removed.token));
    assert_eq!(auth.refresh(&ended.refresh).await, Err(AuthError::Denied));
    std::fs::remove_file(&keys).unwrap();
}

#[tokio::test]
async fn nothing_that_is_kept_or_shown_is_a_secret() {
    let auth = with_ada(Role::Reader).await;
    let tokens = login(&auth).await;
    let made = auth.add_token("ada", "dash", None, None).await.unwrap();
    let entry = auth.store().get("ada").await.unwrap().unwrap();
    let kept = serde_json::to_string(entry.item().unwrap()).unwrap();
    let shown = format!("{auth:?} {entry:?} {tokens:?} {made:?} {:?}", auth.profile("ada"));
    for secret in [PASSWORD, tokens.access.expose(), tokens.refresh.expose(), made.token.expose()] {
        let last = secret.rsplit('.').next().unwrap();
        assert!(!kept.contains(last) && !shown.contains(last), "{last}");
    }
    assert!(!shown.contains("$argon2id"), "{shown}");
}
