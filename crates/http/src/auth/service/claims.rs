//! Access tokens: JSON Web Tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519),
//! [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) with one algorithm.

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::fingerprint::random_text;
use super::keys::Keys;
use super::secret::Secret;
use super::{AuthError, LEEWAY, MAX_ACCESS_TTL};

/// The only accepted type of token.
const TYPE: &str = "at+jwt";
/// The maximum length of a token. The server issues no longer ones.
const LONGEST: usize = 2_048;

/// The claims of an access token. Every claim is required, with its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    /// The account.
    pub(super) sub: String,
    /// In seconds since the Unix epoch.
    pub(super) iat: u64,
    pub(super) exp: u64,
    /// Not issued, but respected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<u64>,
    pub(super) jti: String,
    /// The id of the login for which the token was issued.
    pub(super) sid: String,
}

/// The issuer and the audience of tokens.
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
            jti: random_text::<16>()?,
            sid: session.to_owned(),
        })
    }

    pub(super) fn sign(&self, keys: &Keys) -> Result<Secret, AuthError> {
        let signed = keys.with_newest(|key| {
            let mut header = Header::new(Algorithm::EdDSA);
            header.typ = Some(TYPE.to_owned());
            header.kid = Some(key.id.clone());
            encode(&header, self, &key.encoding)
        });
        let token = signed.and_then(Result::ok);
        token
            .map(Secret::from)
            .ok_or_else(|| AuthError::Keys("cannot sign an access token".to_owned()))
    }

    /// Returns the claims of a token if its signature and claims are valid. The reason of a failure is not reported.
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
        // Expiry is checked by the clock of the store, which never runs backwards.
        validation.validate_exp = false;
        let decoded =
            keys.with(&header.kid?, |key| decode::<Self>(token, &key.decoding, &validation))?;
        Some(decoded.ok()?.claims).filter(|claims| claims.is_valid_at(now))
    }

    fn is_valid_at(&self, now: u64) -> bool {
        let has_begun = self.iat.max(self.nbf.unwrap_or(0)) <= now.saturating_add(LEEWAY);
        let is_short = self.exp.checked_sub(self.iat).is_some_and(|ttl| ttl <= MAX_ACCESS_TTL);
        has_begun && is_short && self.exp > now
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

    fn valid_claims() -> Claims {
        Claims::new(&parties(), "ada", "s1", NOW, 600).unwrap()
    }

    /// A token of these claims, with a valid header after one change.
    fn token(keys: &Keys, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(keys.newest());
        change(&mut header);
        keys.with_newest(|key| encode(&header, claims, &key.encoding)).unwrap().unwrap()
    }

    fn verify(token: &str, keys: &Keys) -> Option<Claims> {
        Claims::verify(token, keys, &parties(), NOW)
    }

    #[test]
    fn token_is_valid_until_two_rotations() {
        let keys = Keys::in_memory().unwrap();
        let token = valid_claims().sign(&keys).unwrap();
        assert_eq!(verify(token.expose(), &keys).unwrap().sub, "ada");
        keys.rotate().unwrap();
        assert!(verify(token.expose(), &keys).is_some());
        keys.rotate().unwrap();
        assert!(verify(token.expose(), &keys).is_none(), "its key was removed");
    }

    #[test]
    fn missing_or_invalid_claim_is_rejected() {
        let keys = Keys::in_memory().unwrap();
        let valid = serde_json::to_value(valid_claims()).unwrap();
        assert!(verify(&token(&keys, &valid, |_| ()), &keys).is_some());
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
            let mut without = valid.clone();
            without.as_object_mut().unwrap().remove(claim);
            assert_eq!(verify(&token(&keys, &without, |_| ()), &keys).is_none(), claim != "nbf");
            for value in values {
                let mut changed = valid.clone();
                changed[claim] = value.clone();
                assert!(
                    verify(&token(&keys, &changed, |_| ()), &keys).is_none(),
                    "{claim} {value}"
                );
            }
        }
    }

    #[test]
    fn invalid_header_is_rejected() {
        let keys = Keys::in_memory().unwrap();
        let valid = serde_json::to_value(valid_claims()).unwrap();
        let changes: [fn(&mut Header); 5] = [
            |header| header.typ = Some("JWT".to_owned()),
            |header| header.typ = None,
            |header| header.kid = None,
            |header| header.kid = Some("other".to_owned()),
            |header| header.crit = Some(vec!["exp".to_owned()]),
        ];
        for change in changes {
            assert!(verify(&token(&keys, &valid, change), &keys).is_none());
        }
    }

    #[test]
    fn other_algorithms_are_rejected() {
        let keys = Keys::in_memory().unwrap();
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = encoded(&serde_json::to_value(valid_claims()).unwrap());
        for alg in ["none", "None", "HS256", "ES256", "EdDSA"] {
            let header = encoded(&json!({"alg": alg, "typ": TYPE, "kid": keys.newest()}));
            for signature in ["", "AAAA"] {
                let forged = format!("{header}.{claims}.{signature}");
                assert!(verify(&forged, &keys).is_none(), "{alg}");
            }
        }
        // Signed with public data as the secret.
        let header = Header { kid: Some(keys.newest()), ..Header::new(Algorithm::HS256) };
        let secret = jsonwebtoken::EncodingKey::from_secret(keys.newest().as_bytes());
        assert!(verify(&encode(&header, &valid_claims(), &secret).unwrap(), &keys).is_none());
        // The key of another server under the id of ours.
        let others = Keys::in_memory().unwrap();
        let kid = keys.newest();
        let claims = serde_json::to_value(valid_claims()).unwrap();
        assert!(verify(&token(&others, &claims, |header| header.kid = Some(kid)), &keys).is_none());
    }

    #[test]
    fn modified_token_is_rejected() {
        let keys = Keys::in_memory().unwrap();
        let token = valid_claims().sign(&keys).unwrap();
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
