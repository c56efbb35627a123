//! Test helpers: accounts without password hashing, and invalid tokens.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};

use super::access::Access;
use super::account::{Account, Session};
use super::claims::Claims;
use super::fingerprint::{Fingerprint, random_text};
use super::secret::Secret;
use super::{Auth, Keys};

/// Creates an account with a login, and returns the access token of the login.
pub(crate) async fn account(auth: &Auth, name: &str, access: Access) -> Secret {
    let account = Account::new(access, "no hash".into(), auth.now());
    auth.store().set(name, account).await.unwrap();
    login(auth, name).await
}

/// Adds a login, and returns its access token.
pub(crate) async fn login(auth: &Auth, name: &str) -> Secret {
    let id = random_text::<8>().unwrap();
    let session = Session {
        id: id.clone(),
        refresh: Fingerprint::of("none"),
        used: Vec::new(),
        expires: auth.now() + Duration::from_secs(3_600).as_secs(),
    };
    let begun = auth.change(name, |record| {
        record.sessions.push(session.clone());
        Ok(())
    });
    begun.await.unwrap();
    claims(auth, name, &id).sign(auth.keys()).unwrap()
}

fn claims(auth: &Auth, name: &str, session: &str) -> Claims {
    Claims::new(&auth.0.parties, name, session, auth.now(), 600).unwrap()
}

/// `Authorization` headers that must be rejected for this account, with the reason.
pub(crate) async fn invalid_headers(auth: &Auth, name: &str) -> Vec<(&'static str, String)> {
    let session = random_text::<8>().unwrap();
    let session_id = session.clone();
    let begun = auth.change(name, |record| {
        let (refresh, expires) = (Fingerprint::of("none"), u64::MAX);
        record.sessions.push(Session {
            id: session_id.clone(),
            refresh,
            used: Vec::new(),
            expires,
        });
        Ok(())
    });
    begun.await.unwrap();
    let now = auth.now();
    let valid = serde_json::to_value(claims(auth, name, &session)).unwrap();
    let header = |keys: &Keys| {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(keys.newest());
        header
    };
    let signed = |claims: &Value, header: &Header, keys: &Keys| {
        keys.with_newest(|key| encode(header, claims, &key.encoding)).unwrap().unwrap()
    };
    let with = |claim: &str, value: Value| {
        let mut claims = valid.clone();
        claims[claim] = value;
        signed(&claims, &header(auth.keys()), auth.keys())
    };
    // The claims that are changed below are valid without the change.
    let token = with("nbf", json!(now));
    assert!(auth.authenticate(Some(&format!("Bearer {token}"))).is_ok());

    let others = Keys::in_memory().unwrap();
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = json!({"alg": "none", "typ": "at+jwt", "kid": auth.keys().newest()});
    let revoked = login(auth, name).await;
    let grant = auth.authenticate(Some(&format!("Bearer {}", revoked.expose()))).unwrap();
    auth.logout(&grant, false).await.unwrap();
    let api = auth.add_token(name, "gone", None, None).await.unwrap();
    auth.remove_token(name, &api.info.id).await.unwrap();
    let bearer = |token: String| format!("Bearer {token}");
    vec![
        ("no token", String::new()),
        ("another scheme", format!("Basic {token}")),
        ("no scheme", token.clone()),
        ("a scheme without a token", "Bearer".to_owned()),
        ("not signed", bearer(format!("{}.{}.", text(&none), text(&valid)))),
        ("cut", bearer(token[..token.len() - 2].to_owned())),
        ("expired", bearer(with("exp", json!(now)))),
        ("not valid yet", bearer(with("nbf", json!(now + 60)))),
        ("issued in the future", bearer(with("iat", json!(now + 60)))),
        ("a lifetime that is too long", bearer(with("exp", json!(now + 3_600)))),
        ("another audience", bearer(with("aud", json!("other")))),
        ("several audiences", bearer(with("aud", json!(["mainspring", "other"])))),
        ("another issuer", bearer(with("iss", json!("other")))),
        ("a number as the name", bearer(with("sub", json!(7)))),
        ("a text as a time", bearer(with("exp", json!((now + 60).to_string())))),
        ("an unknown account", bearer(with("sub", json!("unknown")))),
        ("an unknown login", bearer(with("sid", json!("none")))),
        ("another key", bearer(signed(&valid, &header(&others), &others))),
        ("another key under the id of ours", bearer(signed(&valid, &header(auth.keys()), &others))),
        ("revoked", bearer(revoked.expose().to_owned())),
        ("a removed API token", bearer(api.token.expose().to_owned())),
        ("an unknown API token", bearer(format!("mst_{name}.x.{}", "A".repeat(43)))),
        ("a refresh token", bearer(format!("msr_{name}.x.{}", "A".repeat(43)))),
    ]
}
