//! Opening of the account store, and creation of the first administrator.

use anyhow::Context;
use mainspring_http::auth::{Auth, AuthOptions};

use super::settings::Settings;
use crate::accounts;

/// Opens the account store, and creates the first administrator if the settings name one. Returns `None` if
/// authentication is disabled.
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
        let created = auth.ensure_admin(name, password.clone()).await;
        if !created.with_context(|| format!("cannot create the administrator {name:?}"))? {
            tracing::info!(
                name,
                "an administrator exists already: the configured one is not created"
            );
        }
    }
    anyhow::ensure!(
        auth.has_admin().await?,
        "authentication is enabled, but {url} contains no administrator: set ADMIN_USER and ADMIN_PASSWORD, or create \
         one with `mainspring user add`"
    );
    tracing::info!(accounts = %url, keys = ?auth.keys().ids(), "authentication is enabled");
    Ok(Some(auth))
}
