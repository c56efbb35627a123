//! Who asks, and until when.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::sleep;

use super::access::{Access, Right};
use super::bearer::{Bearer, Named};
use super::claims::Claims;
use super::{Account, Auth, AuthError};
use crate::{Key, Subscription};

/// Who asks: what a token says that was found to be good.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) account: Key,
    pub(super) by: By,
    /// When the token ends, in seconds since the Unix epoch.
    pub(super) until: u64,
}

/// What somebody came in with.
#[derive(Debug)]
pub(super) enum By {
    /// An access token of this login.
    Session(String),
    /// The API token of this id.
    Token(String),
}

/// Somebody, and what they may do at this moment.
///
/// What it may do is what its account may do now, or less if the token is limited.
#[derive(Debug, Clone)]
pub struct Grant {
    who: Arc<Who>,
    access: Access,
}

impl Grant {
    /// The name of the account.
    pub fn account(&self) -> &str {
        &self.who.account
    }

    /// What it may do.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The login that it came from; none of an API token.
    pub(super) fn session(&self) -> Option<&str> {
        match &self.who.by {
            By::Session(id) => Some(id),
            By::Token(_) => None,
        }
    }

    /// The id of the token that it came in with; none of a login.
    pub(super) fn token(&self) -> Option<&str> {
        match &self.who.by {
            By::Session(_) => None,
            By::Token(id) => Some(id),
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
    /// Who asks, by the `Authorization` header of a request: for routes of a service of one's own. Waits for nothing.
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
    /// # use mainspring::{Store, auth::{Access, Auth, AuthError, Keys, Options, Role}};
    /// # let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, Options::default())?;
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
        let who = match bearer {
            Bearer::Access(token) => self.by_access(token),
            Bearer::Api(token) => self.by_api(&token),
        };
        let who = who.ok_or(AuthError::Denied)?;
        let access = self.access_of(&who).ok_or(AuthError::Denied)?;
        Ok(Grant { who, access })
    }

    fn by_access(&self, token: &str) -> Option<Arc<Who>> {
        // Before the keys are looked at: what an older set has verified counts as older.
        let generation = self.0.keys.generation();
        if let Some(who) = self.0.verified.get(token, generation) {
            return Some(who);
        }
        let now = self.now();
        let claims = Claims::verify(token, &self.0.keys, &self.0.parties, now)?;
        let (account, by) = (Key::from(claims.sub), By::Session(claims.sid));
        let who = Arc::new(Who { account, by, until: claims.exp });
        self.0.verified.insert(token, &who, generation, now);
        Some(who)
    }

    fn by_api(&self, token: &Named<'_>) -> Option<Arc<Who>> {
        let account = self.account(token.account)?;
        let known = account.record().token(token.id, self.now())?;
        let until = known.expires.unwrap_or(u64::MAX);
        let is_it = known.fingerprint.is_of(token.whole);
        let (account, by) = (Key::from(token.account), By::Token(token.id.to_owned()));
        is_it.then(|| Arc::new(Who { account, by, until }))
    }

    /// What somebody may do now; `None` if the token, the login or the account has ended.
    fn access_of(&self, who: &Who) -> Option<Access> {
        let now = self.now();
        if who.until <= now {
            return None;
        }
        let account = self.account(&who.account)?;
        let record = account.record();
        match &who.by {
            By::Session(id) => record.session(id, now).map(|_| record.access.clone()),
            By::Token(id) => record.access.and(&record.token(id, now)?.access),
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
        let Grant { who, access } = grant;
        // Before the look, so that no change falls between them.
        let changes = self.0.accounts.subscribe().key(who.account.clone()).await?;
        if self.access_of(&who).as_ref() != Some(&access) {
            return Err(AuthError::Denied);
        }
        Ok(self.ended(who, access, changes))
    }

    async fn ended(self, who: Arc<Who>, access: Access, mut changes: Subscription<Account>) {
        while self.access_of(&who).as_ref() == Some(&access) {
            let left = Duration::from_secs(who.until.saturating_sub(self.now()).clamp(1, 86_400));
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
