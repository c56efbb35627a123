//! Where a server is reached: taken before anything else is done, so that a port that is not free is known at once.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

use super::settings::Settings;
use crate::cli::output::say;

/// The two ports. Who connects to one that is not served yet waits.
pub struct Listeners {
    pub api: TcpListener,
    pub health: TcpListener,
}

impl Listeners {
    pub async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let Settings { host, port, health_port, .. } = *settings;
        let api = bind((host, port).into(), "the API", "--port").await?;
        let health = bind((host, health_port).into(), "health checks", "--health-port").await?;
        Ok(Self { api, health })
    }

    /// Say where they are: to people in the log, and to scripts as the first two lines of the output.
    pub fn say(&self) -> anyhow::Result<()> {
        let (api, health) = (url(&self.api)?, url(&self.health)?);
        tracing::info!(%api, %health, "listening");
        say(api)?;
        say(health)?;
        Ok(())
    }
}

async fn bind(address: SocketAddr, purpose: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen at {address} for {purpose}: choose another {flag}, or --host")
    })
}

fn url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}
