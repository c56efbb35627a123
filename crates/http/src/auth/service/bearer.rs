//! What an `Authorization` header may bring.

use super::fingerprint::random;
use super::secret::Secret;
use super::{AuthError, account};

/// How an API token begins, and how a refresh token does: so that a scanner for lost secrets knows them.
const API: &str = "mst_";
const REFRESH: &str = "msr_";

/// A token as it is presented, not yet looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bearer<'a> {
    /// Signed by us, if it is any good.
    Access(&'a str),
    /// Of a program.
    Api(Named<'a>),
}

/// A token of an account: `mst_NAME.ID.SECRET`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) account: &'a str,
    pub(super) id: &'a str,
    pub(super) whole: &'a str,
}

impl<'a> Bearer<'a> {
    /// What is in the header, if it is of the scheme that is taken.
    pub(super) fn read(header: &'a str) -> Option<Self> {
        let (scheme, token) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = token.trim_start();
        if token.starts_with(API) {
            return Named::read(API, token).map(Self::Api);
        }
        Some(Self::Access(token))
    }
}

impl<'a> Named<'a> {
    pub(super) fn read_refresh(token: &'a str) -> Option<Self> {
        Self::read(REFRESH, token)
    }

    fn read(kind: &str, whole: &'a str) -> Option<Self> {
        let (rest, secret) = whole.strip_prefix(kind)?.rsplit_once('.')?;
        let (account, id) = rest.rsplit_once('.')?;
        let fits = account::validate_name(account).is_ok() && !id.is_empty() && secret.len() == 43;
        fits.then_some(Self { account, id, whole })
    }
}

pub(super) fn new_api(account: &str, id: &str) -> Result<Secret, AuthError> {
    new(API, account, id)
}

pub(super) fn new_refresh(account: &str, id: &str) -> Result<Secret, AuthError> {
    new(REFRESH, account, id)
}

fn new(kind: &str, account: &str, id: &str) -> Result<Secret, AuthError> {
    Ok(format!("{kind}{account}.{id}.{}", random::<32>()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_made() {
        let token = new_api("first.last", "7").unwrap();
        let header = format!("bearer  {}", token.expose());
        let Some(Bearer::Api(named)) = Bearer::read(&header) else { panic!("{header}") };
        assert_eq!((named.account, named.id, named.whole), ("first.last", "7", token.expose()));
        let token = new_refresh("ada", "x").unwrap();
        assert_eq!(Named::read_refresh(token.expose()).unwrap().account, "ada");
        assert_eq!(Bearer::read("Bearer a.b.c"), Some(Bearer::Access("a.b.c")));
    }

    #[test]
    fn the_rest_is_nothing() {
        for header in
            ["", "Bearer", "Basic YTpi", "Bearer mst_", "Bearer mst_a.b", "Bearer mst_a.b.c"]
        {
            assert_eq!(Bearer::read(header), None, "{header}");
        }
        let refresh = new_refresh("ada", "x").unwrap();
        let header = format!("Bearer {}", refresh.expose());
        assert!(matches!(Bearer::read(&header), Some(Bearer::Access(_))), "and that is not signed");
    }
}
