//! The accounts of the server that the settings ask for.

use anyhow::Context;
use mainspring_http::auth::{Auth, AuthOptions};

use super::settings::Settings;
use crate::accounts;

/// The accounts, if everybody is asked who they are, with the first administrator.
pub async fn open(settings: &Settings) -> anyhow::Result<Option<Auth>> {
    if !settings.auth_enabled {
        return Ok(None);
    }
    let url = settings.accounts();
    let mut options = AuthOptions::default();
    options.access_ttl = settings.access_ttl;
    options.refresh_ttl = settings.refresh_ttl;
    let auth = accounts::open(&url, options).await?;
    if let (Some(name), Some(password)) = (&settings.admin_user, &settings.admin_password) {
        let made = auth.ensure_admin(name, password.clone()).await;
        if !made.with_context(|| format!("cannot make the administrator {name:?}"))? {
            tracing::info!(
                name,
                "there is an administrator already: the one that is named is not made"
            );
        }
    }
    anyhow::ensure!(
        auth.has_admin().await?,
        "everybody is asked who they are, and there is no administrator in {url}: name the first administrator with \
         ADMIN_USER and ADMIN_PASSWORD, or make one with `mainspring user add`"
    );
    tracing::info!(accounts = %url, keys = ?auth.keys().ids(), "everybody is asked who they are");
    Ok(Some(auth))
}
