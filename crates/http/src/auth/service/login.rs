//! Logins: log in with a password, refresh, log out.

use std::net::IpAddr;
use std::time::Duration;

use super::account::{MAX_SESSIONS, MAX_USED, Session};
use super::bearer::{self, AccountToken};
use super::claims::Claims;
use super::fingerprint::{Fingerprint, random_text};
use super::grant::Grant;
use super::secret::Secret;
use super::{Auth, AuthError, account};

/// The tokens of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Authenticates requests, as `Authorization: Bearer`.
    pub access: Secret,
    /// The time to live of the access token.
    pub access_ttl: Duration,
    /// Valid for one [`refresh`](Auth::refresh).
    pub refresh: Secret,
    /// The time to live of the refresh token.
    pub refresh_ttl: Duration,
}

impl Auth {
    /// Logs in. `from` is the address of the client; further attempts from an address are delayed after several failures.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] if the account does not exist or the password is wrong, after the same time;
    /// [`AuthError::TooManyAttempts`]; [`AuthError::Busy`]; [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the attempt may count as failed, or a login may remain whose tokens are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::net::Ipv4Addr;
    /// # use mainspring::Store;
    /// # use mainspring_http::auth::{Access, Auth, AuthError, Keys, AuthOptions, Role};
    /// # let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, AuthOptions::default())?;
    /// # auth.register("ada", "wheels within wheels".into(), Access::new(Role::Reader)).await?;
    /// let address = Ipv4Addr::LOCALHOST.into();
    /// let tokens = auth.login("ada", "wheels within wheels".into(), address).await?;
    /// let next = auth.refresh(&tokens.refresh).await?;
    ///
    /// // A second use of the refresh token ends the login.
    /// assert_eq!(auth.refresh(&tokens.refresh).await, Err(AuthError::Denied));
    /// assert_eq!(auth.refresh(&next.refresh).await, Err(AuthError::Denied));
    /// # Ok(()) }
    /// ```
    pub async fn login(
        &self,
        name: &str,
        password: Secret,
        from: IpAddr,
    ) -> Result<Tokens, AuthError> {
        account::validate_name(name).map_err(|_| AuthError::Denied)?;
        // Reserved before the attempt counts: an attempt that is not verified has not failed.
        let slot = self.0.passwords.reserve()?;
        // Not in the audit log: delayed attempts could fill a disk. The failures that caused the delay are logged.
        let attempt = self.0.attempts.begin(name, from).await.inspect_err(|_| {
            tracing::debug!(account = name, %from, "login delayed");
        })?;
        let account = self.account(name);
        let hash = account.as_ref().map(|account| &account.record().password);
        if !slot.verify(password, hash).await? {
            tracing::warn!(target: "mainspring::audit", account = name, %from, "login failed");
            return Err(AuthError::Denied);
        }
        attempt.succeeded().await?;
        let id = random_text::<12>()?;
        let refresh = bearer::new_refresh(name, &id)?;
        let session = Session {
            id: id.clone(),
            refresh: Fingerprint::of(refresh.expose()),
            used: Vec::new(),
            expires: self.now() + self.0.refresh_ttl,
        };
        // The password may have been changed since it was verified; then the login is denied.
        let verified = hash.cloned();
        let begun = self.change(name, |record| {
            if verified.as_ref() != Some(&record.password) {
                return Err(AuthError::Denied);
            }
            if record.sessions.len() >= MAX_SESSIONS {
                record.sessions.remove(0);
            }
            record.sessions.push(session.clone());
            Ok(())
        });
        begun.await.map_err(denied_if_absent)?;
        tracing::info!(target: "mainspring::audit", account = name, %from, "login");
        self.tokens(name, &id, refresh)
    }

    /// Exchanges a refresh token for new tokens. A refresh token is valid once: if one of the last 32 is used again, it
    /// may have been stolen, and the login ends for every holder of its tokens.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`]; [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the token may have been used: log in again.
    pub async fn refresh(&self, token: &Secret) -> Result<Tokens, AuthError> {
        let used = AccountToken::read_refresh(token.expose()).ok_or(AuthError::Denied)?;
        let (name, id) = (used.account, used.id);
        let next = bearer::new_refresh(name, id)?;
        let fingerprint = Fingerprint::of(next.expose());
        let expires = self.now() + self.0.refresh_ttl;
        let is_valid = self
            .change(name, |record| {
                let at = record.sessions.iter().position(|session| session.id == id);
                let at = at.ok_or(AuthError::Denied)?;
                let session = &mut record.sessions[at];
                if session.used.iter().any(|used| used.is_of(token.expose())) {
                    record.sessions.remove(at);
                    return Ok(false);
                }
                // A token that was never issued only proves that the caller has seen the id of the login.
                if !session.refresh.is_of(token.expose()) {
                    return Err(AuthError::Denied);
                }
                if session.used.len() >= MAX_USED {
                    session.used.remove(0);
                }
                session.used.push(std::mem::replace(&mut session.refresh, fingerprint.clone()));
                session.expires = expires;
                Ok(true)
            })
            .await
            .map_err(denied_if_absent)?;
        if !is_valid {
            tracing::warn!(target: "mainspring::audit", account = name, "refresh token used again: login ended");
            return Err(AuthError::Denied);
        }
        self.tokens(name, id, next)
    }

    /// Ends the login of the caller, or all logins of its account.
    pub(crate) async fn logout(&self, grant: &Grant, all: bool) -> Result<(), AuthError> {
        let session = grant.session();
        if session.is_none() {
            return Err(AuthError::Invalid(
                "an API token has no login to end; remove the token instead",
            ));
        }
        let ended = self.change(grant.account(), |record| {
            record.sessions.retain(|other| !all && Some(other.id.as_str()) != session);
            Ok(())
        });
        ended.await.map_err(denied_if_absent)?;
        tracing::info!(target: "mainspring::audit", account = grant.account(), all, "logout");
        Ok(())
    }

    fn tokens(&self, name: &str, session: &str, refresh: Secret) -> Result<Tokens, AuthError> {
        let (now, ttl) = (self.now(), self.0.access_ttl);
        let claims = Claims::new(&self.0.parties, name, session, now, ttl)?;
        Ok(Tokens {
            access: claims.sign(&self.0.keys)?,
            access_ttl: Duration::from_secs(claims.exp - now),
            refresh,
            refresh_ttl: Duration::from_secs(self.0.refresh_ttl),
        })
    }
}

/// Hides from a caller whether the account exists.
pub(super) fn denied_if_absent(error: AuthError) -> AuthError {
    match error {
        AuthError::NotFound => AuthError::Denied,
        error => error,
    }
}
