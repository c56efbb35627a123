//! Accounts: made, listed, changed and removed.

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
            created: at(record.created),
            logins: record.sessions.len(),
            tokens: record.tokens.iter().map(TokenInfo::of).collect(),
            access: record.access,
        }
    }
}

/// The moment that is this many seconds after the Unix epoch.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_nanos(seconds.saturating_mul(1_000_000_000))
}

impl Auth {
    /// Make an account.
    ///
    /// # Errors
    ///
    /// [`AuthError::Exists`]; [`AuthError::Invalid`] for a name that is not 1 to 64 letters, digits, dots, dashes and
    /// underscores, a password that is not 8 to 1024 bytes, or an admin that is limited to a prefix.
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
        tracing::info!(target: "mainspring::audit", account = name, %role, prefix, "account made");
        Ok(())
    }

    /// Make the first administrator, unless there is one already: who was removed since then does not come back.
    /// Answers whether it was made.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    pub async fn ensure_admin(&self, name: &str, password: Secret) -> Result<bool, AuthError> {
        if self.has_admin().await? {
            return Ok(false);
        }
        self.register(name, password, Access::new(Role::Admin)).await.map(|()| true)
    }

    /// Whether there is somebody to look after the accounts.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    pub async fn has_admin(&self) -> Result<bool, AuthError> {
        let profiles = self.profiles().await?;
        Ok(profiles.iter().any(|profile| profile.access.role == Role::Admin))
    }

    /// All accounts, by name.
    ///
    /// # Errors
    ///
    /// [`AuthError::Store`].
    pub async fn profiles(&self) -> Result<Vec<Profile>, AuthError> {
        let mut profiles = Vec::new();
        let mut after = None;
        loop {
            let mut scan = self.0.accounts.scan("");
            if let Some(after) = after.take() {
                scan = scan.after(after);
            }
            let page = scan.await?;
            let of = |(name, entry): &(_, mainspring::Entry<Account>)| {
                let name: &mainspring::Key = name;
                entry.item().map(|account| Profile::of(name, account, self.now()))
            };
            profiles.extend(page.items.iter().filter_map(of));
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(profiles),
            }
        }
    }

    /// One account; `None` if there is none of this name.
    pub fn profile(&self, name: &str) -> Option<Profile> {
        self.account(name).map(|account| Profile::of(name, &account, self.now()))
    }

    /// What somebody may know of themselves: a token of a program sees itself, and no other.
    pub(crate) fn own_profile(&self, grant: &Grant) -> Option<Profile> {
        let mut profile = self.profile(grant.account())?;
        profile.access = grant.access().clone();
        if let Some(id) = grant.token() {
            profile.tokens.retain(|token| token.id == id);
            profile.logins = 0;
        }
        Some(profile)
    }

    /// Change what an account may do. Takes effect with its next request, and ends its streams.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Invalid`] as for [`register`](Self::register), or if nobody would be left
    /// to look after the accounts.
    pub async fn set_access(&self, name: &str, access: Access) -> Result<(), AuthError> {
        access.validate().map_err(AuthError::Invalid)?;
        let _alone = self.0.administrators.lock().await;
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

    /// Give an account another password. All of its logins end; API tokens stay.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Invalid`] if the password is not 8 to 1024 bytes.
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

    /// The same for one's own account, by who knows the password that it has. Counts as an attempt to log in.
    pub(crate) async fn change_own_password(
        &self,
        grant: &Grant,
        current: Secret,
        new: Secret,
        from: std::net::IpAddr,
    ) -> Result<(), AuthError> {
        grant.needs_login()?;
        let name = grant.account();
        let place = self.0.passwords.place()?;
        let attempt = self.0.attempts.begin(name, from).await?;
        let account = self.account(name).ok_or(AuthError::Denied)?;
        if !place.verify(current, Some(&account.record().password)).await? {
            tracing::warn!(target: "mainspring::audit", account = name, %from, "password not known");
            return Err(AuthError::Denied);
        }
        attempt.succeeded().await?;
        self.set_password(name, new).await
    }

    /// Remove an account. Its tokens and streams end at once.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Invalid`] if nobody would be left to look after the accounts.
    pub async fn remove(&self, name: &str) -> Result<(), AuthError> {
        let _alone = self.0.administrators.lock().await;
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
            (Some(only), None) if only.name == name => {
                Err(AuthError::Invalid("this is the only admin: make another one first"))
            }
            _ => Ok(()),
        }
    }

    /// Sign with a new key. As [`Keys::rotate`](super::Keys::rotate), without blocking the runtime.
    ///
    /// # Errors
    ///
    /// [`AuthError::Keys`].
    pub async fn rotate_keys(&self) -> Result<String, AuthError> {
        let auth = self.clone();
        let rotated = tokio::task::spawn_blocking(move || auth.0.keys.rotate()).await;
        let id = rotated.map_err(|error| AuthError::Keys(error.to_string()))??;
        tracing::info!(target: "mainspring::audit", key = id, "signing key made");
        Ok(id)
    }
}
