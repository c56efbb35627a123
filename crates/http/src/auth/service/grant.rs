//! What an authenticated caller may do, and until when.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use mainspring::{Key, Subscription};
use tokio::time::sleep;

use super::access::{Access, Right};
use super::bearer::{Bearer, Named};
use super::claims::Claims;
use super::identity::{Identity, Proof};
use super::{Account, Auth, AuthError};

/// Somebody, and what they may do at this moment.
///
/// What it may do is what its account may do now, or less if the token is limited.
#[derive(Debug, Clone)]
pub struct Grant {
    identity: Arc<Identity>,
    access: Access,
}

impl Grant {
    /// The name of the account.
    pub fn account(&self) -> &str {
        &self.identity.account
    }

    /// What it may do.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The login that it came from; none of an API token.
    pub(super) fn session(&self) -> Option<&str> {
        match &self.identity.proof {
            Proof::Session(id) => Some(id),
            Proof::Token(_) => None,
        }
    }

    /// The id of the token that it came in with; none of a login.
    pub(super) fn token(&self) -> Option<&str> {
        match &self.identity.proof {
            Proof::Session(_) => None,
            Proof::Token(id) => Some(id),
        }
    }

    /// Note in the audit log what it has done to an account.
    pub(crate) fn did(&self, what: &str, account: &str) {
        let by = self.account();
        tracing::info!(target: "mainspring::audit", by, what, account, "accounts changed");
    }

    /// A token of a program makes no others, unless it is an admin's: who has stolen one shall not keep it.
    pub(crate) fn needs_login(&self) -> Result<(), AuthError> {
        if self.session().is_some() { Ok(()) } else { self.needs(Right::Admin) }
    }

    pub(crate) fn needs(&self, right: Right) -> Result<(), AuthError> {
        if self.access.allows(right) { Ok(()) } else { Err(AuthError::Forbidden) }
    }

    pub(crate) fn needs_key(&self, key: &str) -> Result<(), AuthError> {
        if self.access.covers(key) { Ok(()) } else { Err(AuthError::Forbidden) }
    }

    /// The keys that are asked for, as far as they are allowed.
    pub(crate) fn narrow<'a>(&'a self, prefix: &'a str) -> Result<&'a str, AuthError> {
        self.access.narrow(prefix).ok_or(AuthError::Forbidden)
    }
}

impl Auth {
    /// Authenticate a caller by the `Authorization` header of its request: for routes of a service of your own. Waits for
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`], whatever is wrong.
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
            Bearer::Access(token) => self.by_access(token),
            Bearer::Api(token) => self.by_api(&token),
        };
        let identity = identity.ok_or(AuthError::Denied)?;
        let access = self.access_of(&identity).ok_or(AuthError::Denied)?;
        Ok(Grant { identity, access })
    }

    fn by_access(&self, token: &str) -> Option<Arc<Identity>> {
        // Before the keys are looked at: what an older set has verified counts as older.
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

    fn by_api(&self, token: &Named<'_>) -> Option<Arc<Identity>> {
        let account = self.account(token.account)?;
        let known = account.record().token(token.id, self.now())?;
        let until = known.expires.unwrap_or(u64::MAX);
        let is_it = known.fingerprint.is_of(token.whole);
        let (account, proof) = (Key::from(token.account), Proof::Token(token.id.to_owned()));
        is_it.then(|| Arc::new(Identity { account, proof, until }))
    }

    /// What somebody may do now; `None` if the token, the login or the account has ended.
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

    /// A future that is ready when the token ends, or what it allows is not what it was.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] if that is so already.
    pub(crate) async fn ending(
        self,
        grant: Grant,
    ) -> Result<impl Future<Output = ()> + Send + 'static, AuthError> {
        let Grant { identity, access } = grant;
        // Before the look, so that no change falls between them.
        let changes = self.0.accounts.subscribe().key(identity.account.clone()).await?;
        if self.access_of(&identity).as_ref() != Some(&access) {
            return Err(AuthError::Denied);
        }
        Ok(self.ended(identity, access, changes))
    }

    async fn ended(
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
                    // The accounts are gone, or it is not known what has changed.
                    _ => return,
                },
            }
        }
    }
}
