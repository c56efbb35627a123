//! The handle, and optimistic changes of accounts.

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

/// The maximum number of attempts to change an account that is changed concurrently.
const TRIES: usize = 100;

/// Lifetimes and claims of tokens. Start from [`AuthOptions::default`] and change the fields that should differ.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AuthOptions {
    /// The time to live of an access token, at most 15 minutes. Default: 10 minutes.
    pub access_ttl: Duration,
    /// The time after which an unused login ends. Default: 30 days.
    pub refresh_ttl: Duration,
    /// The issuer (`iss`) of tokens. Default: `mainspring`.
    pub issuer: String,
    /// The audience (`aud`) of tokens. Servers that share signing keys need different audiences. Default: `mainspring`.
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

/// Accounts and authentication. Cheap to clone. See the [module](crate::auth) for the design.
#[derive(Clone)]
pub struct Auth(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) accounts: Store<Account>,
    pub(super) view: View<Account>,
    pub(super) keys: Keys,
    pub(super) passwords: Passwords,
    pub(super) attempts: Attempts,
    pub(super) verified: Verified,
    /// Locked while the rights of an administrator are removed: two administrators must not remove each other
    /// concurrently.
    pub(super) administrators: Mutex<()>,
    pub(super) parties: Parties,
    pub(super) access_ttl: u64,
    pub(super) refresh_ttl: u64,
}

impl Auth {
    /// Creates accounts in this store, which must not be used for anything else, with these signing keys. Blocks for about
    /// 20 ms, to hash a password.
    ///
    /// # Errors
    ///
    /// [`AuthError::NoRandomness`].
    ///
    /// # Panics
    ///
    /// If it is called outside a Tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::Store;
    /// use mainspring_http::auth::{Auth, AuthOptions, Keys};
    ///
    /// let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, AuthOptions::default())?;
    /// assert!(auth.ensure_admin("root", "wheels within wheels".into()).await?);
    /// assert!(!auth.ensure_admin("root", "wheels within wheels".into()).await?, "there is one already");
    /// # Ok(()) }
    /// ```
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

    /// Returns the store of the accounts.
    pub fn store(&self) -> &Store<Account> {
        &self.0.accounts
    }

    /// Returns the signing keys.
    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Returns the seconds since the Unix epoch, by the clock of the store.
    pub(super) fn now(&self) -> u64 {
        Duration::from_nanos(self.0.view.now().as_nanos()).as_secs()
    }

    /// Returns the current state of an account.
    pub(super) fn account(&self, name: &str) -> Option<Account> {
        self.0.view.get(name)?.value.into_item()
    }

    /// Changes an account with a compare-and-set loop, and returns the result of `change`, which may reject the change.
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
