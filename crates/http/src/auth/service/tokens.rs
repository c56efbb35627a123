//! API tokens, for programs: long, random, and shown once.

use std::time::Duration;

use super::access::Access;
use super::account::{ApiToken, MAX_TOKENS};
use super::accounts::timestamp;
use super::fingerprint::{Fingerprint, random_text};
use super::profile::{NewToken, TokenInfo};
use super::{Auth, AuthError, bearer};

impl TokenInfo {
    pub(super) fn of(token: &ApiToken) -> Self {
        Self {
            id: token.id.clone(),
            label: token.label.clone(),
            access: token.access.clone(),
            created: timestamp(token.created),
            expires: token.expires.map(timestamp),
        }
    }
}

impl Auth {
    /// Creates an API token, by default with the access of the account.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`] if the account does not exist; [`AuthError::Invalid`] if it has 64 tokens, the label is
    /// longer than 100 bytes, or the requested access exceeds that of the account; [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a token may have been created that is lost. [`Profile`](crate::auth::Profile) lists it.
    pub async fn add_token(
        &self,
        account: &str,
        label: &str,
        access: Option<Access>,
        ttl: Option<Duration>,
    ) -> Result<NewToken, AuthError> {
        if label.len() > 100 || label.chars().any(char::is_control) {
            return Err(AuthError::Invalid(
                "invalid label; expected at most 100 bytes without control characters",
            ));
        }
        let id = random_text::<6>()?;
        let token = bearer::new_api(account, &id)?;
        let created = self.now();
        let expires = ttl.map(|ttl| created.saturating_add(ttl.as_secs().max(1)));
        let fingerprint = Fingerprint::of(token.expose());
        let created_token = self.change(account, |record| {
            if record.tokens.len() >= MAX_TOKENS {
                return Err(AuthError::Invalid(
                    "the account has 64 tokens, the maximum; remove one first",
                ));
            }
            let requested = access.clone().unwrap_or_else(|| record.access.clone());
            requested.validate().map_err(AuthError::Invalid)?;
            if record.access.and(&requested).as_ref() != Some(&requested) {
                return Err(AuthError::Invalid("a token cannot have more access than its account"));
            }
            let token = ApiToken {
                id: id.clone(),
                label: label.to_owned(),
                fingerprint: fingerprint.clone(),
                access: requested,
                created,
                expires,
            };
            let info = TokenInfo::of(&token);
            record.tokens.push(token);
            Ok(info)
        });
        let info = created_token.await?;
        tracing::info!(target: "mainspring::audit", account, token = info.id, label, "token created");
        Ok(NewToken { token, info })
    }

    /// Removes an API token of an account. It is rejected from now on.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`]; [`AuthError::Store`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the token may or may not have been removed.
    pub async fn remove_token(&self, account: &str, id: &str) -> Result<(), AuthError> {
        self.change(account, |record| {
            let before = record.tokens.len();
            record.tokens.retain(|token| token.id != id);
            if record.tokens.len() == before { Err(AuthError::NotFound) } else { Ok(()) }
        })
        .await?;
        tracing::info!(target: "mainspring::audit", account, token = id, "token removed");
        Ok(())
    }
}
