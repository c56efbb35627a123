//! Random texts, and the fingerprints that are stored instead of them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::AuthError;

/// Returns `N` random bytes as URL-safe text.
pub(super) fn random_text<const N: usize>() -> Result<String, AuthError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AuthError::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The stored form of a token: enough to recognize it, and useless to a thief. Tokens are 32 random bytes, which cannot
/// be guessed, so one round of SHA-256 is enough.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Fingerprint(String);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token)))
    }

    /// Compares in constant time.
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
    fn fingerprint_matches_its_token_and_hides_it() {
        let token = random_text::<32>().unwrap();
        let fingerprint = Fingerprint::of(&token);
        assert!(fingerprint.is_of(&token));
        assert!(!fingerprint.is_of(&random_text::<32>().unwrap()));
        assert!(!serde_json::to_string(&fingerprint).unwrap().contains(&token));
        assert_eq!(format!("{fingerprint:?}"), "Fingerprint(..)");
    }
}
