//! `mainspring ready`: whether a server is, for those who cannot ask it themselves, such as a container's health check.

use std::time::Duration;

use anyhow::Context;
use rustls::crypto::ring;
use serde_json::Value;

use super::exit::Exit;
use super::output::{say, tell};
use super::serve::unquoted;
use super::url;

/// An answer is one line. What is longer is something else.
const MOST_BYTES: usize = 64 << 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the server answers health checks [default: http://127.0.0.1:8081, or the port that HEALTH_PORT says]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

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
    let url = args.url.clone().unwrap_or_else(default_url);
    let cannot = || format!("no answer from {}", url::shown(&url));
    let request = client.get(format!("{}/readyz", url.trim_end_matches('/')));
    let mut answer =
        request.send().await.map_err(reqwest::Error::without_url).with_context(cannot)?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(
            body.len() <= MOST_BYTES,
            "the answer {status} has more than {MOST_BYTES} bytes, and is not that of a health port"
        );
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if status.as_u16() == 200 && body["status"] == "ready" {
        return Ok(word("status"));
    }
    match body["status"].as_str() {
        Some(state) => anyhow::bail!("{state}: {}", word("message")),
        None => anyhow::bail!("the answer {status} is not that of a health port"),
    }
}

/// Where a server of the same environment is.
fn default_url() -> String {
    let port = std::env::var("HEALTH_PORT").unwrap_or_default();
    let port = unquoted(&port);
    format!("http://127.0.0.1:{}", if port.is_empty() { "8081" } else { port })
}
