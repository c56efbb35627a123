//! `mainspring serve`: a store over HTTP.

mod accounts;
mod bytes;
mod configuration;
mod demo;
mod descriptors;
mod exposure;
mod file;
mod listeners;
mod logs;
mod overrides;
mod print;
mod settings;
mod signals;
mod source;
mod store;
mod table;
mod value_type;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use mainspring::wire::Json;
use mainspring::{Error, Store};
use mainspring_http::server;
use mainspring_http::server::Tls;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::descriptors::allow_connections;
use self::listeners::Listeners;
use self::overrides::Overrides;
pub use self::overrides::unquoted;
use self::settings::Settings;
use self::signals::StopSignals;
use super::exit::Exit;
use super::output::print_status;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Read settings from a TOML file; flags and environment variables override it
    #[arg(long, value_name = "FILE", env = "MAINSPRING_CONFIG", hide_env_values = true)]
    config: Option<OsString>,

    /// Print the configuration and the source of each value, and exit
    #[arg(long)]
    print_config: bool,

    #[command(flatten)]
    overrides: Overrides,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let file = args.config.as_deref().map(Path::new).filter(|path| !path.as_os_str().is_empty());
    let configuration = match configuration::resolve(args.overrides.0, file) {
        Ok(configuration) => configuration,
        Err(problems) => {
            problems.iter().for_each(|problem| print_status(format_args!("error: {problem}")));
            return Ok(Exit::Usage);
        }
    };
    if args.print_config {
        print::print(&configuration)?;
        return Ok(Exit::Success);
    }
    let Settings { log_level, log_format, audit_log, .. } = &configuration.settings;
    logs::start(log_level, *log_format, audit_log.as_deref())?;
    configuration.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&configuration.settings))
}

/// Serve until a signal arrives or the store ends. Components stop in the reverse order of their start: the API, the
/// store, the health checks.
async fn serve(settings: &Settings) -> anyhow::Result<Exit> {
    signals::survive_file_size_limits().context("cannot listen for SIGXFSZ")?;
    // Before anything is opened, so that invalid certificate files are reported at once.
    let mut options = options(settings)?;
    options.limits.max_connections = allow_connections(settings.max_connections);
    let signals = StopSignals::listen().context("cannot listen for signals")?;
    let listeners = Listeners::bind(settings).await?;
    let from = || format!("cannot start from the journal {}", settings.journal);
    let store = store::open(settings).with_context(from)?;
    options.auth = accounts::open(settings).await?;
    let auth = options.auth.clone();
    let api = listeners.announce(settings)?;
    demo::print_instructions(settings, &api);

    let over = CancellationToken::new();
    let health = server::health((*store).clone(), &options, signals.stop.clone());
    let health = tokio::spawn(server::serve_health(listeners.health, health, over.clone()));

    let served = serve_api(settings, &store, listeners.api, options, &signals).await;
    // Before the shutdown: afterwards the health of the store is `Closed`.
    let journal = journal_health(&store);
    let closed = store.shutdown().await;
    let accounts = match auth {
        Some(auth) => {
            let journal = journal_health(auth.store());
            journal.and(auth.store().shutdown().await)
        }
        None => Ok(()),
    };
    over.cancel();
    // The health checks have no state to save.
    let _ = health.await;

    let cut = served?;
    journal.context("the journal has failed: the last changes may be in memory only")?;
    closed.context("cannot close the journal")?;
    accounts.context("cannot close the journal of the accounts")?;
    tracing::info!(revision = store.revision(), "stopped");
    Ok(if cut == 0 { Exit::Success } else { Exit::Incomplete })
}

/// Return the failure of the journal, if it has failed.
fn journal_health<T: Send + Sync + 'static>(store: &Store<T>) -> Result<(), Error> {
    match store.health() {
        Err(error @ Error::JournalFailed(_)) => Err(error),
        _ => Ok(()),
    }
}

/// Serve the API once the store is ready. Returns the number of connections that were cut at the end.
async fn serve_api(
    settings: &Settings,
    store: &Store<Json>,
    listener: TcpListener,
    options: server::ServerOptions,
    signals: &StopSignals,
) -> anyhow::Result<usize> {
    let journal = &settings.journal;
    tokio::select! {
        ready = store.ready() => {
            ready.with_context(|| format!("cannot start from the journal {journal}"))?;
        }
        () = signals.stop.cancelled() => return Ok(0),
    }
    tracing::info!(%journal, revision = store.revision(), "ready");

    let metrics = options.metrics.clone();
    let drain = CancellationToken::new();
    let serving = server::serve(listener, store.clone(), options, drain.clone());
    let drained = async {
        let stop = async {
            signals.stop.cancelled().await;
            tokio::select! {
                () = tokio::time::sleep(settings.drain_delay) => {}
                () = signals.force.cancelled() => {}
            }
            drain.cancel();
            // The select ends with `serving`.
            std::future::pending().await
        };
        tokio::select! {
            drained = serving => drained.cut,
            never = stop => never,
        }
    };
    let cut = tokio::select! {
        biased;
        cut = drained => cut,
        // The remaining connections end with the process.
        () = forced(signals) => metrics.connections(),
        ended = store.closed() => return Ok(ended.map(|()| 0)?),
    };
    if cut > 0 {
        tracing::warn!(connections = cut, "connections cut after the drain timeout");
    }
    Ok(cut)
}

/// Wait for a second signal and 100 ms more, in which connections without a request close by themselves.
async fn forced(signals: &StopSignals) {
    signals.force.cancelled().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn options(settings: &Settings) -> anyhow::Result<server::ServerOptions> {
    let mut options = server::ServerOptions::default();
    options.limits = settings.limits();
    options.heartbeat = settings.heartbeat;
    options.compression = settings.compression;
    options.cors_origins.clone_from(&settings.cors_origins);
    options.allowed_hosts.clone_from(&settings.allowed_hosts);
    options.api_version.clone_from(&settings.api_version);
    if let (Some(certificates), Some(key)) = (&settings.tls_cert, &settings.tls_key) {
        let tls = Tls::from_files(certificates, key).context("cannot enable TLS")?;
        options.tls = Some(tls.check_every(settings.tls_check_interval));
    }
    Ok(options)
}
