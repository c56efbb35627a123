//! Parsing of `Authorization` headers.

use super::fingerprint::random_text;
use super::secret::Secret;
use super::{AuthError, account};

/// The prefixes of API tokens and refresh tokens, by which a secret scanner recognizes them.
const API: &str = "mst_";
const REFRESH: &str = "msr_";

/// A token as the client sent it, not verified yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// An access token. Its signature is not verified yet.
    Access(&'a str),
    /// An API token.
    Api(AccountToken<'a>),
}

/// A token of an account: `mst_NAME.ID.SECRET`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AccountToken<'a> {
    pub(super) account: &'a str,
    pub(super) id: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Bearer<'a> {
    /// Parses a header; `None` if it has another scheme.
    pub(super) fn read(header: &'a str) -> Option<Self> {
        let (scheme, token) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = token.trim_start();
        if token.starts_with(API) {
            return AccountToken::read(API, token).map(Self::Api);
        }
        Some(Self::Access(token))
    }
}

impl<'a> AccountToken<'a> {
    pub(super) fn read_refresh(token: &'a str) -> Option<Self> {
        Self::read(REFRESH, token)
    }

    fn read(prefix: &str, text: &'a str) -> Option<Self> {
        let (rest, secret) = text.strip_prefix(prefix)?.rsplit_once('.')?;
        let (account, id) = rest.rsplit_once('.')?;
        let is_valid =
            account::validate_name(account).is_ok() && !id.is_empty() && secret.len() == 43;
        is_valid.then_some(Self { account, id, text })
    }
}

pub(super) fn new_api(account: &str, id: &str) -> Result<Secret, AuthError> {
    new(API, account, id)
}

pub(super) fn new_refresh(account: &str, id: &str) -> Result<Secret, AuthError> {
    new(REFRESH, account, id)
}

fn new(prefix: &str, account: &str, id: &str) -> Result<Secret, AuthError> {
    Ok(format!("{prefix}{account}.{id}.{}", random_text::<32>()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_tokens_round_trip() {
        let token = new_api("first.last", "7").unwrap();
        let header = format!("bearer  {}", token.expose());
        let Some(Bearer::Api(api)) = Bearer::read(&header) else { panic!("{header}") };
        assert_eq!((api.account, api.id, api.text), ("first.last", "7", token.expose()));
        let token = new_refresh("ada", "x").unwrap();
        assert_eq!(AccountToken::read_refresh(token.expose()).unwrap().account, "ada");
        assert_eq!(Bearer::read("Bearer a.b.c"), Some(Bearer::Access("a.b.c")));
    }

    #[test]
    fn malformed_headers_are_rejected() {
        for header in
            ["", "Bearer", "Basic YTpi", "Bearer mst_", "Bearer mst_a.b", "Bearer mst_a.b.c"]
        {
            assert_eq!(Bearer::read(header), None, "{header}");
        }
        let refresh = new_refresh("ada", "x").unwrap();
        let header = format!("Bearer {}", refresh.expose());
        assert!(
            matches!(Bearer::read(&header), Some(Bearer::Access(_))),
            "it has no valid signature"
        );
    }
}
