//! Where a server is reached: taken before anything else is done, so that a port that is not free is known at once.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use super::settings::Settings;
use crate::output::say;

/// The two ports. Who connects to one that is not served yet waits.
pub struct Listeners {
    pub api: TcpListener,
    pub health: TcpListener,
}

impl Listeners {
    pub async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let Settings { host, port, health_host, health_port, .. } = *settings;
        let api = bind((host, port).into(), "the API", "--port, or --host").await?;
        let health = bind(
            (health_host, health_port).into(),
            "health checks",
            "--health-port, or --health-host",
        )
        .await?;
        Ok(Self { api, health })
    }

    /// Say where they are: to people in the log, and to scripts as the first two lines of the output. Answers the first.
    pub fn say(&self, settings: &Settings) -> anyhow::Result<String> {
        let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
        let (api, health) = (url(scheme, &self.api)?, url("http", &self.health)?);
        tracing::info!(%api, %health, "listening");
        say(&api)?;
        say(health)?;
        Ok(api)
    }
}

async fn bind(address: SocketAddr, purpose: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address} for {purpose}: choose another {flag}"))
}

fn url(scheme: &str, listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("{scheme}://{}", listener.local_addr()?))
}
