//! Accounts: create, list, change and remove.

use mainspring::{Error, Timestamp};

use super::access::{Access, Role};
use super::account::{Account, validate_name};
use super::grant::Grant;
use super::profile::{Profile, TokenInfo};
use super::secret::Secret;
use super::{Auth, AuthError};

impl Profile {
    fn of(name: &str, account: &Account, now: u64) -> Self {
        let mut record = account.record().clone();
        record.sweep(now);
        Self {
            name: name.to_owned(),
            created: timestamp(record.created),
            logins: record.sessions.len(),
            tokens: record.tokens.iter().map(TokenInfo::of).collect(),
            access: record.access,
        }
    }
}

/// Converts from seconds since the Unix epoch.
pub(super) fn timestamp(seconds: u64) -> Timestamp {
    Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000))
}

impl Auth {
    /// Creates an account.
    ///
    /// # Errors
    ///
    /// [`AuthError::Exists`]; [`AuthError::Invalid`] for a name that is not 1 to 64 letters, digits, dots, dashes and
    /// underscores, a password that is not 8 to 1024 bytes, or an admin with a prefix; [`AuthError::Busy`];
    /// [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the account may or may not have been created.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use mainspring::Store;
    /// # use mainspring_http::auth::{Access, Auth, AuthError, Keys, AuthOptions, Role};
    /// # let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, AuthOptions::default())?;
    /// let access = Access::new(Role::Writer).within("car/");
    /// auth.register("ada", "wheels within wheels".into(), access.clone()).await?;
    /// assert_eq!(auth.profile("ada").unwrap().access, access);
    ///
    /// let again = auth.register("ada", "springs and wheels".into(), access).await;
    /// assert_eq!(again, Err(AuthError::Exists));
    /// # Ok(()) }
    /// ```
    pub async fn register(
        &self,
        name: &str,
        password: Secret,
        access: Access,
    ) -> Result<(), AuthError> {
        validate_name(name)?;
        access.validate().map_err(AuthError::Invalid)?;
        if self.account(name).is_some() {
            return Err(AuthError::Exists);
        }
        let password = self.0.passwords.hash(password).await?;
        let account = Account::new(access.clone(), password, self.now());
        match self.0.accounts.set(name, account).if_absent().await {
            Ok(_) => {}
            Err(Error::ConditionFailed { .. }) => return Err(AuthError::Exists),
            Err(error) => return Err(error.into()),
        }
        let (role, prefix) = (access.role, access.prefix.as_deref());
        tracing::info!(target: "mainspring::audit", account = name, %role, prefix, "account created");
        Ok(())
    }

    /// Creates the first administrator, unless there is an administrator. An administrator that was removed since is not
    /// created again. Returns whether the account was created.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the account may or may not have been created.
    pub async fn ensure_admin(&self, name: &str, password: Secret) -> Result<bool, AuthError> {
        if self.has_admin().await? {
            return Ok(false);
        }
        self.register(name, password, Access::new(Role::Admin)).await.map(|()| true)
    }

    /// Whether there is an administrator.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn has_admin(&self) -> Result<bool, AuthError> {
        let profiles = self.profiles().await?;
        Ok(profiles.iter().any(|profile| profile.access.role == Role::Admin))
    }

    /// Returns all accounts, by name.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn profiles(&self) -> Result<Vec<Profile>, AuthError> {
        let mut profiles = Vec::new();
        let mut after = None;
        loop {
            let mut scan = self.0.accounts.scan("");
            if let Some(after) = after.take() {
                scan = scan.after(after);
            }
            let page = scan.await?;
            let to_profile = |(name, entry): &(_, mainspring::Entry<Account>)| {
                let name: &mainspring::Key = name;
                entry.item().map(|account| Profile::of(name, account, self.now()))
            };
            profiles.extend(page.items.iter().filter_map(to_profile));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(profiles),
            }
        }
    }

    /// Returns one account; `None` if it does not exist.
    pub fn profile(&self, name: &str) -> Option<Profile> {
        self.account(name).map(|account| Profile::of(name, &account, self.now()))
    }

    /// Returns the caller's own account. An API token sees only itself, and no other token.
    pub(crate) fn own_profile(&self, grant: &Grant) -> Option<Profile> {
        let mut profile = self.profile(grant.account())?;
        profile.access = grant.access().clone();
        if let Some(id) = grant.token() {
            profile.tokens.retain(|token| token.id == id);
            profile.logins = 0;
        }
        Some(profile)
    }

    /// Changes the access of an account. Takes effect with its next request, and ends its streams.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Invalid`] as for [`register`](Self::register), or if no administrator would
    /// be left; [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the access may or may not have been changed.
    pub async fn set_access(&self, name: &str, access: Access) -> Result<(), AuthError> {
        access.validate().map_err(AuthError::Invalid)?;
        let _guard = self.0.administrators.lock().await;
        if access.role != Role::Admin {
            self.is_not_the_last_admin(name).await?;
        }
        self.change(name, |record| {
            record.access = access.clone();
            Ok(())
        })
        .await?;
        let (role, prefix) = (access.role, access.prefix.as_deref());
        tracing::info!(target: "mainspring::audit", account = name, %role, prefix, "access changed");
        Ok(())
    }

    /// Sets the password of an account. All of its logins end; its API tokens remain valid.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Invalid`] if the password is not 8 to 1024 bytes; [`AuthError::Busy`];
    /// [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the password may or may not have been changed.
    pub async fn set_password(&self, name: &str, password: Secret) -> Result<(), AuthError> {
        let password = self.0.passwords.hash(password).await?;
        self.change(name, |record| {
            record.password = password.clone();
            record.sessions.clear();
            Ok(())
        })
        .await?;
        tracing::info!(target: "mainspring::audit", account = name, "password changed");
        Ok(())
    }

    /// Sets the password of the caller's own account, after verifying the current one. Counts as a login attempt.
    pub(crate) async fn change_own_password(
        &self,
        grant: &Grant,
        current: Secret,
        new: Secret,
        from: std::net::IpAddr,
    ) -> Result<(), AuthError> {
        grant.require_login()?;
        let name = grant.account();
        let slot = self.0.passwords.reserve()?;
        let attempt = self.0.attempts.begin(name, from).await?;
        let account = self.account(name).ok_or(AuthError::Denied)?;
        if !slot.verify(current, Some(&account.record().password)).await? {
            tracing::warn!(target: "mainspring::audit", account = name, %from, "password change denied");
            return Err(AuthError::Denied);
        }
        attempt.succeeded().await?;
        self.set_password(name, new).await
    }

    /// Removes an account. Its tokens and streams end at once.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Invalid`] if no administrator would be left; [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the account may or may not have been removed.
    pub async fn remove(&self, name: &str) -> Result<(), AuthError> {
        let _guard = self.0.administrators.lock().await;
        self.is_not_the_last_admin(name).await?;
        match self.0.accounts.remove(name).await {
            Ok(_) => {}
            Err(Error::NotFound) => return Err(AuthError::NotFound),
            Err(error) => return Err(error.into()),
        }
        tracing::info!(target: "mainspring::audit", account = name, "account removed");
        Ok(())
    }

    async fn is_not_the_last_admin(&self, name: &str) -> Result<(), AuthError> {
        let profiles = self.profiles().await?;
        let mut admins = profiles.iter().filter(|profile| profile.access.role == Role::Admin);
        match (admins.next(), admins.next()) {
            (Some(only), None) if only.name == name => Err(AuthError::Invalid(
                "cannot remove or demote the only admin; create another admin first",
            )),
            _ => Ok(()),
        }
    }

    /// Signs with a new key from now on, like [`Keys::rotate`](super::Keys::rotate), without blocking the runtime.
    /// Returns the id of the new key.
    ///
    /// # Errors
    ///
    /// [`AuthError::Keys`]; [`AuthError::NoRandomness`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the rotation continues in the background.
    pub async fn rotate_keys(&self) -> Result<String, AuthError> {
        let auth = self.clone();
        let rotated = tokio::task::spawn_blocking(move || auth.0.keys.rotate()).await;
        let id = rotated.map_err(|error| AuthError::Keys(error.to_string()))??;
        tracing::info!(target: "mainspring::audit", key = id, "signing key created");
        Ok(id)
    }
}
