//! Store ids and resume tokens.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;
use std::time::SystemTime;

/// The random id of a store. A store without a journal gets a new one each time it is started. A store with a journal
/// keeps its id until its revisions are no longer valid, as after a restore.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub(crate) u64);

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StoreId {
    /// Creates a random id.
    pub fn random() -> Self {
        // std seeds `RandomState` from the operating system, and each instance differently.
        Self(RandomState::new().hash_one((SystemTime::now(), std::process::id())))
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A position in the changes of one store, from which a subscription can resume. Its text form is
/// `<store id>-<revision>`.
///
/// # Examples
///
/// ```
/// use mainspring::{ResumeToken, StoreId};
///
/// let token = ResumeToken { store: StoreId::random(), revision: 42 };
/// assert_eq!(token.to_string().parse(), Ok(token));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResumeToken {
    /// The store.
    pub store: StoreId,
    /// The revision after which to resume.
    pub revision: u64,
}

impl fmt::Display for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.store, self.revision)
    }
}

/// The error of parsing a text that is not a resume token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid resume token: expected sixteen hexadecimal digits, a dash and a revision")]
pub struct InvalidResumeToken;

impl FromStr for ResumeToken {
    type Err = InvalidResumeToken;

    fn from_str(text: &str) -> Result<Self, InvalidResumeToken> {
        let (store, revision) = text.split_once('-').ok_or(InvalidResumeToken)?;
        if store.len() != 16 || !revision.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidResumeToken);
        }
        Ok(Self {
            store: StoreId(u64::from_str_radix(store, 16).map_err(|_| InvalidResumeToken)?),
            revision: revision.parse().map_err(|_| InvalidResumeToken)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_token_is_rejected() {
        for text in
            ["", "-", "1-1", "00000000000000zz-1", "0000000000000001-", "0000000000000001-+1"]
        {
            assert_eq!(text.parse::<ResumeToken>(), Err(InvalidResumeToken), "{text}");
        }
    }
}
