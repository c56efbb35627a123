//! `mainspring serve`: the store for everybody who is not inside the process.

mod accounts;
mod bytes;
mod demo;
mod descriptors;
mod exposure;
mod file;
mod given;
mod kind;
mod listeners;
mod logs;
mod print;
mod resolve;
mod settings;
mod signals;
mod source;
mod store;
mod table;

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
use self::given::Given;
pub use self::given::unquoted;
use self::listeners::Listeners;
use self::settings::Settings;
use self::signals::Asked;
use super::exit::Exit;
use super::output::tell;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Take settings from a TOML file; flags and the environment count more
    #[arg(long, value_name = "FILE", env = "MAINSPRING_CONFIG", hide_env_values = true)]
    config: Option<OsString>,

    /// Print the configuration and where each value is from, and end
    #[arg(long)]
    print_config: bool,

    #[command(flatten)]
    given: Given,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let file = args.config.as_deref().map(Path::new).filter(|path| !path.as_os_str().is_empty());
    let resolved = match resolve::resolve(args.given.0, file) {
        Ok(resolved) => resolved,
        Err(problems) => {
            problems.iter().for_each(|problem| tell(format_args!("error: {problem}")));
            return Ok(Exit::Misused);
        }
    };
    if args.print_config {
        print::print(&resolved)?;
        return Ok(Exit::Fine);
    }
    let Settings { log_level, log_format, audit_log, .. } = &resolved.settings;
    logs::start(log_level, *log_format, audit_log.as_deref())?;
    resolved.doubts.iter().for_each(|doubt| tracing::warn!("{doubt}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&resolved.settings))
}

/// Serve until a signal comes or the store ends. The last to start is the first to stop: the API, the store, the
/// health checks.
async fn serve(settings: &Settings) -> anyhow::Result<Exit> {
    signals::survive_file_size_limits().context("cannot listen for SIGXFSZ")?;
    // Before anything is taken: what is wrong with the files is said at once.
    let mut options = options(settings)?;
    options.limits.max_connections = allow_connections(settings.max_connections);
    let asked = Asked::by_signals().context("cannot listen for signals")?;
    let listeners = Listeners::bind(settings).await?;
    let from = || format!("cannot start from the journal {}", settings.journal);
    let store = store::open(settings).with_context(from)?;
    options.auth = accounts::open(settings).await?;
    let auth = options.auth.clone();
    let api = listeners.say(settings)?;
    demo::greet(settings, &api);

    let over = CancellationToken::new();
    let health = server::health((*store).clone(), &options, asked.stop.clone());
    let health = tokio::spawn(server::serve_health(listeners.health, health, over.clone()));

    let served = serve_api(settings, &store, listeners.api, options, &asked).await;
    // What it could not keep is known before the end, and not after it.
    let journal = journal_of(&store);
    let closed = store.shutdown().await;
    let accounts = match auth {
        Some(auth) => {
            let journal = journal_of(auth.store());
            journal.and(auth.store().shutdown().await)
        }
        None => Ok(()),
    };
    over.cancel();
    // Whoever reads from it still is told nothing new.
    let _ = health.await;

    let cut = served?;
    journal.context("what is in memory may be more than what is in the journal")?;
    closed.context("the journal could not be closed")?;
    accounts.context("the journal of the accounts could not be closed")?;
    tracing::info!(revision = store.revision(), "stopped");
    Ok(if cut == 0 { Exit::Fine } else { Exit::Incomplete })
}

/// Whether the journal of a store takes writes.
fn journal_of<T: Send + Sync + 'static>(store: &Store<T>) -> Result<(), Error> {
    match store.health() {
        Err(error @ Error::JournalFailed(_)) => Err(error),
        _ => Ok(()),
    }
}

/// Serve the API from when the store is ready. Answers how many connections were cut at the end.
async fn serve_api(
    settings: &Settings,
    store: &Store<Json>,
    listener: TcpListener,
    options: server::ServerOptions,
    asked: &Asked,
) -> anyhow::Result<usize> {
    let journal = &settings.journal;
    tokio::select! {
        ready = store.ready() => {
            ready.with_context(|| format!("cannot start from the journal {journal}"))?;
        }
        () = asked.stop.cancelled() => return Ok(0),
    }
    tracing::info!(%journal, revision = store.revision(), "ready");

    let metrics = options.metrics.clone();
    let drain = CancellationToken::new();
    let serving = server::serve(listener, store.clone(), options, drain.clone());
    let drained = async {
        let stop = async {
            asked.stop.cancelled().await;
            tokio::select! {
                () = tokio::time::sleep(settings.drain_delay) => {}
                () = asked.hurry.cancelled() => {}
            }
            drain.cancel();
            // Only `serving` ends this.
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
        // What is left then ends with the process.
        () = hurried(asked) => metrics.connections(),
        ended = store.closed() => return Ok(ended.map(|()| 0)?),
    };
    if cut > 0 {
        tracing::warn!(connections = cut, "cut connections that took too long to end");
    }
    Ok(cut)
}

/// Until a second signal, and a moment longer: connections without a request close by themselves.
async fn hurried(asked: &Asked) {
    asked.hurry.cancelled().await;
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
        let tls = Tls::from_files(certificates, key).context("cannot encrypt")?;
        options.tls = Some(tls.check_every(settings.tls_check_interval));
    }
    Ok(options)
}
