//! The rights of an authenticated caller, and their end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use mainspring::{Key, Subscription};
use tokio::time::sleep;

use super::access::{Access, Right};
use super::bearer::{AccountToken, Bearer};
use super::claims::Claims;
use super::identity::{Identity, Proof};
use super::{Account, Auth, AuthError};

/// An authenticated caller, with its rights at the time of authentication.
///
/// The rights are those that the account has now, or less if the token is restricted.
#[derive(Debug, Clone)]
pub struct Grant {
    identity: Arc<Identity>,
    access: Access,
}

impl Grant {
    /// Returns the name of the account.
    pub fn account(&self) -> &str {
        &self.identity.account
    }

    /// Returns the access.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the id of the login, or `None` if the caller used an API token.
    pub(super) fn session(&self) -> Option<&str> {
        match &self.identity.proof {
            Proof::Session(id) => Some(id),
            Proof::Token(_) => None,
        }
    }

    /// Returns the id of the API token, or `None` if the caller used a login.
    pub(super) fn token(&self) -> Option<&str> {
        match &self.identity.proof {
            Proof::Session(_) => None,
            Proof::Token(id) => Some(id),
        }
    }

    /// Writes a change of an account by this caller to the audit log.
    pub(crate) fn audit(&self, what: &str, account: &str) {
        let by = self.account();
        tracing::info!(target: "mainspring::audit", by, what, account, "accounts changed");
    }

    /// Rejects a caller that used an API token, except that of an administrator: a stolen token must not be able to
    /// make itself permanent by creating other tokens.
    pub(crate) fn require_login(&self) -> Result<(), AuthError> {
        if self.session().is_some() { Ok(()) } else { self.require(Right::Admin) }
    }

    pub(crate) fn require(&self, right: Right) -> Result<(), AuthError> {
        if self.access.allows(right) { Ok(()) } else { Err(AuthError::Forbidden) }
    }

    pub(crate) fn require_key(&self, key: &str) -> Result<(), AuthError> {
        if self.access.covers(key) { Ok(()) } else { Err(AuthError::Forbidden) }
    }

    /// Returns the part of the requested prefix that is allowed.
    pub(crate) fn narrow<'a>(&'a self, prefix: &'a str) -> Result<&'a str, AuthError> {
        self.access.narrow(prefix).ok_or(AuthError::Forbidden)
    }
}

impl Auth {
    /// Authenticates a caller by the `Authorization` header of its request. Use it for routes of your own service. It
    /// does not wait.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`], for every reason.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use mainspring::Store;
    /// # use mainspring_http::auth::{Access, Auth, AuthError, Keys, AuthOptions, Role};
    /// # let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, AuthOptions::default())?;
    /// # auth.register("dash", "springs and wheels".into(), Access::new(Role::Reader)).await?;
    /// let made = auth.add_token("dash", "dashboard", None, None).await?;
    /// let header = format!("Bearer {}", made.token.expose());
    ///
    /// assert_eq!(auth.authenticate(Some(&header))?.account(), "dash");
    /// assert_eq!(auth.authenticate(None).unwrap_err(), AuthError::Denied);
    /// # Ok(()) }
    /// ```
    pub fn authenticate(&self, authorization: Option<&str>) -> Result<Grant, AuthError> {
        let bearer = authorization.and_then(Bearer::read).ok_or(AuthError::Denied)?;
        let identity = match bearer {
            Bearer::Access(token) => self.verify_access_token(token),
            Bearer::Api(token) => self.verify_api_token(&token),
        };
        let identity = identity.ok_or(AuthError::Denied)?;
        let access = self.access_of(&identity).ok_or(AuthError::Denied)?;
        Ok(Grant { identity, access })
    }

    fn verify_access_token(&self, token: &str) -> Option<Arc<Identity>> {
        // Read before the keys, so that a token verified with an older set of keys is not cached for the newer set.
        let generation = self.0.keys.generation();
        if let Some(identity) = self.0.verified.get(token, generation) {
            return Some(identity);
        }
        let now = self.now();
        let claims = Claims::verify(token, &self.0.keys, &self.0.parties, now)?;
        let (account, proof) = (Key::from(claims.sub), Proof::Session(claims.sid));
        let identity = Arc::new(Identity { account, proof, until: claims.exp });
        self.0.verified.insert(token, &identity, generation, now);
        Some(identity)
    }

    fn verify_api_token(&self, token: &AccountToken<'_>) -> Option<Arc<Identity>> {
        let account = self.account(token.account)?;
        let stored = account.record().token(token.id, self.now())?;
        let until = stored.expires.unwrap_or(u64::MAX);
        let matches = stored.fingerprint.is_of(token.text);
        let (account, proof) = (Key::from(token.account), Proof::Token(token.id.to_owned()));
        matches.then(|| Arc::new(Identity { account, proof, until }))
    }

    /// Returns the current access; `None` if the token, the login or the account has ended.
    fn access_of(&self, identity: &Identity) -> Option<Access> {
        let now = self.now();
        if identity.until <= now {
            return None;
        }
        let account = self.account(&identity.account)?;
        let record = account.record();
        match &identity.proof {
            Proof::Session(id) => record.session(id, now).map(|_| record.access.clone()),
            Proof::Token(id) => record.access.and(&record.token(id, now)?.access),
        }
    }

    /// Returns a future that completes when the token ends, or when its access has changed.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] if that is already the case.
    pub(crate) async fn ending(
        self,
        grant: Grant,
    ) -> Result<impl Future<Output = ()> + Send + 'static, AuthError> {
        let Grant { identity, access } = grant;
        // Subscribe before the check, so that no change between them is missed.
        let changes = self.0.accounts.subscribe().key(identity.account.clone()).await?;
        if self.access_of(&identity).as_ref() != Some(&access) {
            return Err(AuthError::Denied);
        }
        Ok(self.wait_for_end(identity, access, changes))
    }

    async fn wait_for_end(
        self,
        identity: Arc<Identity>,
        access: Access,
        mut changes: Subscription<Account>,
    ) {
        while self.access_of(&identity).as_ref() == Some(&access) {
            let left =
                Duration::from_secs(identity.until.saturating_sub(self.now()).clamp(1, 86_400));
            tokio::select! {
                () = sleep(left) => {}
                change = changes.next() => match change {
                    Some(Ok(_)) => {}
                    // The store of the accounts has ended, or changes may have been missed.
                    _ => return,
                },
            }
        }
    }
}
