//! Access tokens: JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519),
//! [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) of one algorithm.

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::fingerprint::random;
use super::keys::Keys;
use super::secret::Secret;
use super::{AuthError, LEEWAY, MAX_ACCESS_TTL};

/// The only type of token that is taken.
const TYPE: &str = "at+jwt";
/// Longer ones are not ours.
const LONGEST: usize = 2_048;

/// What an access token says. Every claim has to be there and of its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    /// The account.
    pub(super) sub: String,
    /// In seconds since the Unix epoch.
    pub(super) iat: u64,
    pub(super) exp: u64,
    /// Not sent, but honoured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<u64>,
    pub(super) jti: String,
    /// The login that it came from.
    pub(super) sid: String,
}

/// Who makes tokens, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Parties {
    pub(super) issuer: String,
    pub(super) audience: String,
}

impl Claims {
    pub(super) fn new(
        parties: &Parties,
        account: &str,
        session: &str,
        now: u64,
        ttl: u64,
    ) -> Result<Self, AuthError> {
        Ok(Self {
            iss: parties.issuer.clone(),
            aud: parties.audience.clone(),
            sub: account.to_owned(),
            iat: now,
            exp: now + ttl.min(MAX_ACCESS_TTL),
            nbf: None,
            jti: random::<16>()?,
            sid: session.to_owned(),
        })
    }

    pub(super) fn sign(&self, keys: &Keys) -> Result<Secret, AuthError> {
        let signed = keys.with_newest(|key| {
            let mut header = Header::new(Algorithm::EdDSA);
            header.typ = Some(TYPE.to_owned());
            header.kid = Some(key.id.clone());
            encode(&header, self, &key.signs)
        });
        let token = signed.and_then(Result::ok);
        token.map(Secret::from).ok_or_else(|| AuthError::Keys("no key signs".to_owned()))
    }

    /// What a token says, if it is one of ours and it is its time. Why not is nobody's business.
    pub(super) fn verify(token: &str, keys: &Keys, parties: &Parties, now: u64) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let header = decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return None;
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&parties.issuer]);
        validation.set_audience(&[&parties.audience]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        // By the clock of the store, which never runs back.
        validation.validate_exp = false;
        let decoded =
            keys.with(&header.kid?, |key| decode::<Self>(token, &key.verifies, &validation))?;
        Some(decoded.ok()?.claims).filter(|claims| claims.is_at(now))
    }

    fn is_at(&self, now: u64) -> bool {
        let begun = self.iat.max(self.nbf.unwrap_or(0)) <= now.saturating_add(LEEWAY);
        let lasts = self.exp.checked_sub(self.iat).is_some_and(|ttl| ttl <= MAX_ACCESS_TTL);
        begun && lasts && self.exp > now
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn parties() -> Parties {
        Parties { issuer: "mainspring".to_owned(), audience: "mainspring".to_owned() }
    }

    fn good() -> Claims {
        Claims::new(&parties(), "ada", "s1", NOW, 600).unwrap()
    }

    /// A token of these claims, with a header as it should be but for one change.
    fn token(keys: &Keys, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(keys.newest());
        change(&mut header);
        keys.with_newest(|key| encode(&header, claims, &key.signs)).unwrap().unwrap()
    }

    fn verify(token: &str, keys: &Keys) -> Option<Claims> {
        Claims::verify(token, keys, &parties(), NOW)
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let keys = Keys::in_memory().unwrap();
        let token = good().sign(&keys).unwrap();
        assert_eq!(verify(token.expose(), &keys).unwrap().sub, "ada");
        keys.rotate().unwrap();
        assert!(verify(token.expose(), &keys).is_some());
        keys.rotate().unwrap();
        assert!(verify(token.expose(), &keys).is_none(), "its key is gone");
    }

    #[test]
    fn every_claim_has_to_be_there_and_right() {
        let keys = Keys::in_memory().unwrap();
        let good = serde_json::to_value(good()).unwrap();
        assert!(verify(&token(&keys, &good, |_| ()), &keys).is_some());
        let wrong: [(&str, &[Value]); 8] = [
            ("iss", &[json!(null), json!("other"), json!(["mainspring"]), json!(1)]),
            ("aud", &[json!(null), json!("other"), json!(["mainspring"]), json!(1)]),
            ("sub", &[json!(null), json!(1), json!(["ada"])]),
            ("iat", &[json!(null), json!("now"), json!(-1), json!(1.5), json!(NOW + 60), json!(0)]),
            (
                "exp",
                &[
                    json!(null),
                    json!("later"),
                    json!(-1),
                    json!(NOW),
                    json!(NOW + 901),
                    json!(1e300),
                ],
            ),
            ("nbf", &[json!("now"), json!(NOW + 60), json!(-1)]),
            ("jti", &[json!(null), json!(7)]),
            ("sid", &[json!(null), json!(7)]),
        ];
        for (claim, values) in wrong {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(claim);
            assert_eq!(verify(&token(&keys, &without, |_| ()), &keys).is_none(), claim != "nbf");
            for value in values {
                let mut changed = good.clone();
                changed[claim] = value.clone();
                assert!(
                    verify(&token(&keys, &changed, |_| ()), &keys).is_none(),
                    "{claim} {value}"
                );
            }
        }
    }

    #[test]
    fn the_header_has_to_be_right() {
        let keys = Keys::in_memory().unwrap();
        let good = serde_json::to_value(good()).unwrap();
        let changes: [fn(&mut Header); 5] = [
            |header| header.typ = Some("JWT".to_owned()),
            |header| header.typ = None,
            |header| header.kid = None,
            |header| header.kid = Some("other".to_owned()),
            |header| header.crit = Some(vec!["exp".to_owned()]),
        ];
        for change in changes {
            assert!(verify(&token(&keys, &good, change), &keys).is_none());
        }
    }

    #[test]
    fn one_algorithm_and_no_other() {
        let keys = Keys::in_memory().unwrap();
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = encoded(&serde_json::to_value(good()).unwrap());
        for alg in ["none", "None", "HS256", "ES256", "EdDSA"] {
            let header = encoded(&json!({"alg": alg, "typ": TYPE, "kid": keys.newest()}));
            for signature in ["", "AAAA"] {
                let forged = format!("{header}.{claims}.{signature}");
                assert!(verify(&forged, &keys).is_none(), "{alg}");
            }
        }
        // Signed with what everybody may know.
        let header = Header { kid: Some(keys.newest()), ..Header::new(Algorithm::HS256) };
        let secret = jsonwebtoken::EncodingKey::from_secret(keys.newest().as_bytes());
        assert!(verify(&encode(&header, &good(), &secret).unwrap(), &keys).is_none());
        // Another server's key under the name of ours.
        let others = Keys::in_memory().unwrap();
        let kid = keys.newest();
        let claims = serde_json::to_value(good()).unwrap();
        assert!(verify(&token(&others, &claims, |header| header.kid = Some(kid)), &keys).is_none());
    }

    #[test]
    fn a_token_that_was_touched_is_none() {
        let keys = Keys::in_memory().unwrap();
        let token = good().sign(&keys).unwrap();
        let token = token.expose();
        assert!(verify(&token[..token.len() - 1], &keys).is_none());
        assert!(verify(&format!("{token}.x"), &keys).is_none());
        for at in (0..token.len()).step_by(7) {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(verify(std::str::from_utf8(&bytes).unwrap(), &keys).is_none(), "{at}");
        }
    }
}
