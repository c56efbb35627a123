//! Logins: from a password to tokens, from a refresh token to the next, and out again.

use std::net::IpAddr;
use std::time::Duration;

use super::account::{MAX_SESSIONS, MAX_USED, Session};
use super::bearer::{self, Named};
use super::claims::Claims;
use super::fingerprint::{Fingerprint, random};
use super::grant::Grant;
use super::secret::Secret;
use super::{Auth, AuthError, account};

/// What a login answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Goes with each request, as `Authorization: Bearer`.
    pub access: Secret,
    /// How long the access token is good.
    pub access_ttl: Duration,
    /// Is good for one [`refresh`](Auth::refresh).
    pub refresh: Secret,
    /// How long the refresh token is good.
    pub refresh_ttl: Duration,
}

impl Auth {
    /// Log in. `from` is where the attempt comes from: an address that fails often has to wait.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] if there is no such account or it has another password, which takes the same time;
    /// [`AuthError::TooManyAttempts`]; [`AuthError::Busy`].
    ///
    /// # Cancel safety
    ///
    /// A dropped login counts as a failed attempt, or leaves one that nobody has the tokens of.
    pub async fn login(
        &self,
        name: &str,
        password: Secret,
        from: IpAddr,
    ) -> Result<Tokens, AuthError> {
        account::validate_name(name).map_err(|_| AuthError::Denied)?;
        // Before it counts: whoever is not looked at has not failed.
        let place = self.0.passwords.place()?;
        // Not in the audit log: whoever is held back could fill a disk with it. What came before it is there.
        let attempt = self.0.attempts.begin(name, from).await.inspect_err(|_| {
            tracing::debug!(account = name, %from, "login held back");
        })?;
        let known = self.account(name);
        let hash = known.as_ref().map(|account| &account.record().password);
        if !place.verify(password, hash).await? {
            tracing::warn!(target: "mainspring::audit", account = name, %from, "login failed");
            return Err(AuthError::Denied);
        }
        attempt.succeeded().await?;
        let id = random::<12>()?;
        let refresh = bearer::new_refresh(name, &id)?;
        let session = Session {
            id: id.clone(),
            refresh: Fingerprint::of(refresh.expose()),
            used: Vec::new(),
            expires: self.now() + self.0.refresh_ttl,
        };
        // The password may have been changed since it was compared: then this login is not one.
        let compared = hash.cloned();
        let begun = self.change(name, |record| {
            if compared.as_ref() != Some(&record.password) {
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

    /// The next tokens for a refresh token, which is good only once: when one of the last 32 comes again, somebody has
    /// stolen it, and the login ends, for whoever has it.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the token may have been used: log in again.
    pub async fn refresh(&self, token: &Secret) -> Result<Tokens, AuthError> {
        let named = Named::read_refresh(token.expose()).ok_or(AuthError::Denied)?;
        let (name, id) = (named.account, named.id);
        let next = bearer::new_refresh(name, id)?;
        let fingerprint = Fingerprint::of(next.expose());
        let expires = self.now() + self.0.refresh_ttl;
        let is_good = self
            .change(name, |record| {
                let at = record.sessions.iter().position(|session| session.id == id);
                let at = at.ok_or(AuthError::Denied)?;
                let session = &mut record.sessions[at];
                if session.used.iter().any(|used| used.is_of(token.expose())) {
                    record.sessions.remove(at);
                    return Ok(false);
                }
                // One that was never made proves nothing but that somebody has seen the id of the login.
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
        if !is_good {
            tracing::warn!(target: "mainspring::audit", account = name, "refresh token used again: login ended");
            return Err(AuthError::Denied);
        }
        self.tokens(name, id, next)
    }

    /// End the login that somebody came in with, or all of the account.
    pub(crate) async fn logout(&self, grant: &Grant, all: bool) -> Result<(), AuthError> {
        let session = grant.session();
        if session.is_none() {
            return Err(AuthError::Invalid("an API token is no login: remove it instead"));
        }
        let ended = self.change(grant.account(), |record| {
            record.sessions.retain(|one| !all && Some(one.id.as_str()) != session);
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

/// Whoever is not let in does not learn whether there is such an account.
pub(super) fn denied_if_absent(error: AuthError) -> AuthError {
    match error {
        AuthError::NotFound => AuthError::Denied,
        error => error,
    }
}
