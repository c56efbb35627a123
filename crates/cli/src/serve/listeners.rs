//! Listening sockets, bound before anything else is opened, so that a port in use is reported at once.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use super::settings::Settings;
use crate::output::print_line;

/// The two sockets. Clients that connect before they are served wait.
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

    /// Log both URLs, and print them as the first two lines of the output, for scripts. Returns the URL of the API.
    pub fn announce(&self, settings: &Settings) -> anyhow::Result<String> {
        let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
        let (api, health) = (url(scheme, &self.api)?, url("http", &self.health)?);
        tracing::info!(%api, %health, "listening");
        print_line(&api)?;
        print_line(health)?;
        Ok(api)
    }
}

async fn bind(address: SocketAddr, purpose: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for {purpose}: choose another {flag}"))
}

fn url(scheme: &str, listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("{scheme}://{}", listener.local_addr()?))
}
