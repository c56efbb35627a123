//! `mainspring ready`: whether a server is, for those who cannot ask it themselves, such as a container's health check.

use std::time::Duration;

use rustls::crypto::ring;
use serde_json::Value;

use super::exit::Exit;
use super::output::{say, tell};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the server answers health checks, which are not encrypted
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    url: String,

    /// How many seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(ask(args)) {
        Ok(status) => {
            say(status)?;
            Ok(Exit::Fine)
        }
        Err(reason) => {
            tell(format_args!("not ready: {reason:#}"));
            Ok(Exit::Failed)
        }
    }
}

/// What the server says, if it is ready.
async fn ask(args: &Args) -> anyhow::Result<String> {
    let timeout = Duration::from_secs(args.timeout);
    // Health checks are not encrypted: no time is spent on finding out whom to trust.
    let tls = rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    // A proxy would be asked about itself.
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    let client = client.no_proxy().timeout(timeout).build()?;
    let url = format!("{}/readyz", args.url.trim_end_matches('/'));
    let answer = client.get(url).send().await?;
    let status = answer.status();
    let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if status.as_u16() == 200 && body["status"] == "ready" {
        return Ok(word("status"));
    }
    match body["status"].as_str() {
        Some(state) => anyhow::bail!("{state}: {}", word("message")),
        None => anyhow::bail!("the answer {status} is not that of a health port"),
    }
}
