//! `mainspring ready`: check the readiness of a server, for example in the health check of a container.

use std::time::Duration;

use anyhow::Context;
use rustls::crypto::ring;
use serde_json::Value;

use super::exit::Exit;
use super::output::{print_line, print_status};
use super::serve::unquoted;
use super::url;

/// A readiness response is one line; a longer body is not one.
const MAX_BYTES: usize = 64 << 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The URL of the health checks [default: http://127.0.0.1:8081, or the port in HEALTH_PORT]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Timeout in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(check(args)) {
        Ok(status) => {
            print_line(status)?;
            Ok(Exit::Success)
        }
        Err(reason) => {
            print_status(format_args!("not ready: {reason:#}"));
            Ok(Exit::Failed)
        }
    }
}

/// Return the status of the server, or an error if it is not ready.
async fn check(args: &Args) -> anyhow::Result<String> {
    let timeout = Duration::from_secs(args.timeout);
    // Health checks use plain HTTP, so loading the system certificates would only cost time.
    let tls = rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    // A proxy would answer for itself.
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls);
    let client = client.no_proxy().timeout(timeout).build()?;
    let url = args.url.clone().unwrap_or_else(default_url);
    let cannot = || format!("no response from {}", url::shown(&url));
    let request = client.get(format!("{}/readyz", url.trim_end_matches('/')));
    let mut response =
        request.send().await.map_err(reqwest::Error::without_url).with_context(cannot)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&chunk);
        anyhow::ensure!(
            body.len() <= MAX_BYTES,
            "the response {status} is longer than {MAX_BYTES} bytes and not from a health port"
        );
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    if status.as_u16() == 200 && body["status"] == "ready" {
        return Ok(word("status"));
    }
    match body["status"].as_str() {
        Some(state) => anyhow::bail!("{state}: {}", word("message")),
        None => anyhow::bail!("the response {status} is not from a health port"),
    }
}

/// The URL of a server with the same environment variables.
fn default_url() -> String {
    let port = std::env::var("HEALTH_PORT").unwrap_or_default();
    let port = unquoted(&port);
    format!("http://127.0.0.1:{}", if port.is_empty() { "8081" } else { port })
}
