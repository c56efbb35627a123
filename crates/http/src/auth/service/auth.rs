//! The handle, and how accounts are changed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mainspring::{Error, Store, View};
use tokio::sync::Mutex;

use super::AuthError;
use super::account::{Account, Record};
use super::attempts::Attempts;
use super::claims::Parties;
use super::keys::Keys;
use super::password::Passwords;
use super::verified::Verified;

/// How often a change is tried when others change the same account meanwhile.
const TRIES: usize = 100;

/// How long tokens are good, and for whom. Start from [`AuthOptions::default`] and change what should be otherwise.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthOptions {
    /// How long an access token is good: at most 15 minutes. 10 minutes.
    pub access_ttl: Duration,
    /// How long a login lasts that is not used. 30 days.
    pub refresh_ttl: Duration,
    /// Who makes the tokens. `mainspring`.
    pub issuer: String,
    /// Whom they are for: servers that take the same keys tell themselves apart by it. `mainspring`.
    pub audience: String,
}

impl Default for AuthOptions {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(10 * 60),
            refresh_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            issuer: "mainspring".to_owned(),
            audience: "mainspring".to_owned(),
        }
    }
}

/// Accounts, and who is asking. Cheap to clone. See the [module](crate::auth) for what it does.
#[derive(Clone)]
pub struct Auth(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) accounts: Store<Account>,
    pub(super) view: View<Account>,
    pub(super) keys: Keys,
    pub(super) passwords: Passwords,
    pub(super) attempts: Attempts,
    pub(super) verified: Verified,
    /// Held by who takes a right away: two admins must not remove each other at the same moment.
    pub(super) administrators: Mutex<()>,
    pub(super) parties: Parties,
    pub(super) access_ttl: u64,
    pub(super) refresh_ttl: u64,
}

impl Auth {
    /// The accounts of this store, which is for nothing else, with these signing keys. Blocks for some 20 ms, and has
    /// to be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`AuthError::NoRandomness`].
    pub fn new(
        accounts: Store<Account>,
        keys: Keys,
        options: AuthOptions,
    ) -> Result<Self, AuthError> {
        let seconds = |ttl: Duration| ttl.as_secs().max(1);
        Ok(Self(Arc::new(Inner {
            view: accounts.view(),
            accounts,
            keys,
            passwords: Passwords::new()?,
            attempts: Attempts::new(),
            verified: Verified::new(),
            administrators: Mutex::new(()),
            parties: Parties { issuer: options.issuer, audience: options.audience },
            access_ttl: seconds(options.access_ttl),
            refresh_ttl: seconds(options.refresh_ttl),
        })))
    }

    /// The store of the accounts.
    pub fn store(&self) -> &Store<Account> {
        &self.0.accounts
    }

    /// The signing keys.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// In seconds since the Unix epoch, by the clock of the store.
    pub(super) fn now(&self) -> u64 {
        Duration::from_nanos(self.0.view.now().as_nanos()).as_secs()
    }

    /// The account as it is now.
    pub(super) fn account(&self, name: &str) -> Option<Account> {
        self.0.view.get(name)?.value.into_item()
    }

    /// Change an account, if it allows it, and answer what that gave. Tried again when somebody else was faster.
    pub(super) async fn change<R>(
        &self,
        name: &str,
        mut change: impl FnMut(&mut Record) -> Result<R, AuthError>,
    ) -> Result<R, AuthError> {
        let accounts = &self.0.accounts;
        for _ in 0..TRIES {
            let entry = accounts.get(name).await?.ok_or(AuthError::NotFound)?;
            let revision = entry.revision;
            let account = entry.value.into_item().ok_or(AuthError::NotFound)?;
            let mut result = Err(AuthError::NotFound);
            let now = self.now();
            let changed = account.with(|record| {
                record.sweep(now);
                result = change(record);
            });
            let result = result?;
            match accounts.update(name, changed).if_revision(revision).await {
                Ok(_) => return Ok(result),
                Err(Error::ConditionFailed { .. }) => {}
                Err(Error::NotFound) => return Err(AuthError::NotFound),
                Err(error) => return Err(error.into()),
            }
        }
        Err(AuthError::Busy)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("accounts", &self.0.view.entries())
            .field("keys", &self.0.keys)
            .finish_non_exhaustive()
    }
}
