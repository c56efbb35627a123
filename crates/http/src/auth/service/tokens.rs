//! Tokens of programs: long, random, shown once.

use std::time::Duration;

use super::access::Access;
use super::account::{ApiToken, MAX_TOKENS};
use super::accounts::at;
use super::fingerprint::{Fingerprint, random};
use super::profile::{NewToken, TokenInfo};
use super::{Auth, AuthError, bearer};

impl TokenInfo {
    pub(super) fn of(token: &ApiToken) -> Self {
        Self {
            id: token.id.clone(),
            label: token.label.clone(),
            access: token.access.clone(),
            created: at(token.created),
            expires: token.expires.map(at),
        }
    }
}

impl Auth {
    /// Make a token for a program, with no more than what the account may do, and all of it unless said otherwise.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`] if there is no such account; [`AuthError::Invalid`] if it has 64 tokens, the label is
    /// longer than 100 bytes, or the token shall do more than the account.
    pub async fn add_token(
        &self,
        account: &str,
        label: &str,
        access: Option<Access>,
        ttl: Option<Duration>,
    ) -> Result<NewToken, AuthError> {
        if label.len() > 100 || label.chars().any(char::is_control) {
            return Err(AuthError::Invalid("a label has at most 100 bytes of visible text"));
        }
        let id = random::<6>()?;
        let token = bearer::new_api(account, &id)?;
        let created = self.now();
        let expires = ttl.map(|ttl| created.saturating_add(ttl.as_secs().max(1)));
        let fingerprint = Fingerprint::of(token.expose());
        let made = self.change(account, |record| {
            if record.tokens.len() >= MAX_TOKENS {
                return Err(AuthError::Invalid("the account has 64 tokens: remove one first"));
            }
            let wanted = access.clone().unwrap_or_else(|| record.access.clone());
            wanted.validate().map_err(AuthError::Invalid)?;
            if record.access.and(&wanted).as_ref() != Some(&wanted) {
                return Err(AuthError::Invalid("a token may do no more than its account"));
            }
            let made = ApiToken {
                id: id.clone(),
                label: label.to_owned(),
                fingerprint: fingerprint.clone(),
                access: wanted,
                created,
                expires,
            };
            let info = TokenInfo::of(&made);
            record.tokens.push(made);
            Ok(info)
        });
        let info = made.await?;
        tracing::info!(target: "mainspring::audit", account, token = info.id, label, "token made");
        Ok(NewToken { token, info })
    }

    /// Remove a token of an account. It is refused from now on.
    ///
    /// # Errors
    ///
    /// [`AuthError::NotFound`].
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
