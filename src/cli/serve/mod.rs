//! `mainspring serve`: the store for everybody who is not inside the process.

mod bytes;
mod demo;
mod file;
mod given;
mod journal;
mod kind;
mod logs;
mod print;
mod resolve;
mod settings;
mod signals;
mod source;
mod table;

use std::ffi::OsString;
use std::path::Path;

use anyhow::Context;
use mainspring::journal::FileJournal;
use mainspring::wire::Json;
use mainspring::{Builder, Store, http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::given::Given;
use self::journal::JournalUrl;
use self::settings::Settings;
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
    logs::start(&resolved.settings.log_level, resolved.settings.log_format)?;
    resolved.doubts.iter().for_each(|doubt| tracing::warn!("{doubt}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(&resolved.settings))
}

/// Serve until a signal comes or the store ends: the server stops before the store.
async fn serve(settings: &Settings) -> anyhow::Result<Exit> {
    let token = CancellationToken::new();
    signals::cancel(&token).context("cannot listen for signals")?;
    let store = open(settings);
    let served = run_store(settings, &store, &token).await;
    let closed = store.shutdown().await;
    served?;
    closed?;
    tracing::info!(revision = store.revision(), "stopped");
    Ok(Exit::Fine)
}

/// The store, which recovers what its journal holds from here on.
fn open(settings: &Settings) -> Store<Json> {
    let mut builder: Builder<Json> = Store::builder()
        .weigher(|element: &Json| element.as_str().len())
        .queue_capacity(settings.queue_capacity)
        .history_changes(settings.history_changes)
        .history_bytes(settings.history_bytes)
        .max_entries(settings.max_entries.unwrap_or(usize::MAX))
        .max_bytes(settings.max_bytes.unwrap_or(u64::MAX))
        .max_entry_bytes(settings.max_entry_bytes.unwrap_or(u64::MAX))
        .shutdown_deadline(settings.shutdown_deadline);
    if let Some(ttl) = settings.default_ttl {
        builder = builder.default_ttl(ttl);
    }
    let (builder, demo) = demo::gate(settings, builder);
    let store = match &settings.journal {
        JournalUrl::None => builder.spawn(),
        JournalUrl::File(folder) => {
            builder.journal(FileJournal::open(folder).sync(settings.sync)).spawn()
        }
    };
    if let Some(demo) = demo {
        demo.start(&store);
    }
    store
}

/// Until the token is cancelled, or the store has ended.
async fn run_store(
    settings: &Settings,
    store: &Store<Json>,
    token: &CancellationToken,
) -> anyhow::Result<()> {
    let journal = &settings.journal;
    tokio::select! {
        ready = store.ready() => ready.with_context(|| format!("cannot start from the journal {journal}"))?,
        () = token.cancelled() => return Ok(()),
    }
    tracing::info!(%journal, revision = store.revision(), "ready");

    let address = (settings.host, settings.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen at {}:{}: choose another --port, or --host", address.0, address.1)
    })?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    demo::greet(settings, listener.local_addr()?);
    let serving = http::serve(listener, store.clone(), options(settings), token.clone());
    tokio::select! {
        drained = serving => {
            if drained.cut > 0 {
                tracing::warn!(connections = drained.cut, "cut connections that took too long to end");
            }
            Ok(())
        }
        ended = store.closed() => Ok(ended?),
    }
}

fn options(settings: &Settings) -> http::Options {
    let mut options = http::Options::default();
    options.limits = settings.limits();
    options.heartbeat = settings.heartbeat;
    options.compression = settings.compression;
    options.cors_origins.clone_from(&settings.cors_origins);
    options.api_version.clone_from(&settings.api_version);
    options
}
