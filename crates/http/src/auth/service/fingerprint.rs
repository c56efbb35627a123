//! Random texts, and what is kept of them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::AuthError;

/// So many random bytes, as text for a URL.
pub(super) fn random<const N: usize>() -> Result<String, AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AuthError::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is kept of a token: enough to know it again, and no use to a thief. Tokens are 32 random bytes, so
/// nobody can try them all and one round of SHA-256 is enough.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Fingerprint(String);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token)))
    }

    /// Takes the same time wherever they differ.
    pub(super) fn is_of(&self, token: &str) -> bool {
        self.0.as_bytes().ct_eq(Self::of(token).0.as_bytes()).into()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_knows_its_token_and_shows_nothing() {
        let token = random::<32>().unwrap();
        let kept = Fingerprint::of(&token);
        assert!(kept.is_of(&token));
        assert!(!kept.is_of(&random::<32>().unwrap()));
        assert!(!serde_json::to_string(&kept).unwrap().contains(&token));
        assert_eq!(format!("{kept:?}"), "Fingerprint(..)");
    }
}
