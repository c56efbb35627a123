//! A store that survives a crash.
//!
//! Each run prints what it recovered from its journal, and adds to it. With `--crash` it aborts as soon as its writes
//! are acknowledged, without closing or flushing anything; the next run recovers all of them.
//!
//! ```sh
//! cargo run --features file --example journal -- --crash
//! cargo run --features file --example journal
//! ```

use std::env;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::abort;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::journal::file::Progress;

#[derive(Debug, Parser)]
struct Args {
    /// The directory of the journal
    #[arg(default_value_os_t = env::temp_dir().join("mainspring-example-journal"))]
    directory: PathBuf,

    /// Number of writes to add
    #[arg(long, default_value_t = 1_000)]
    writes: u32,

    /// Abort after the writes are acknowledged, instead of closing the journal
    #[arg(long)]
    crash: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let journal = FileJournal::open(&args.directory).on_progress(progress_bar());
    let store = Store::<String>::builder().journal(journal).spawn();

    let runs = match store.get("runs").await.context("cannot read the journal")? {
        Some(entry) => entry.list().unwrap_or_default().len(),
        None => 0,
    };
    let found = store.stats().entries;
    println!("found {found} entries of {runs} runs in {}", args.directory.display());

    // In one call: queued writes share an append and a sync.
    let started = Instant::now();
    let keys = (0..args.writes).map(|n| (format!("run/{runs}/{n}"), format!("value {n}")));
    for outcome in store.set_many(keys).await? {
        outcome?;
    }
    store.push("runs", format!("{} writes", args.writes)).await?;
    println!("added {} entries in {:?}, all synced", args.writes, started.elapsed());
    if args.crash {
        println!("aborting");
        abort();
    }
    store.shutdown().await?;
    println!("closed");
    Ok(())
}

/// Show a progress bar on a terminal, if recovery takes longer than a second.
fn progress_bar() -> impl FnMut(Progress) + Send {
    let (started, mut bar) = (Instant::now(), None);
    move |Progress { done, total, .. }| {
        if !stderr().is_terminal() || started.elapsed() < Duration::from_secs(1) {
            return;
        }
        let bar = bar.get_or_insert_with(|| {
            let style =
                ProgressStyle::with_template("reading the journal {wide_bar} {percent}% {eta}");
            ProgressBar::new(total)
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_position(done);
        if done == total {
            bar.finish_and_clear();
        }
    }
}
