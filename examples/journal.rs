//! Kill it, start it, everything is there.
//!
//! Each run says what it found in its journal and adds to it. With `--crash` it aborts as soon as its writes
//! are acknowledged: nothing is closed, nothing is flushed, and the next run finds all of it.
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
    /// The folder of the journal
    #[arg(default_value_os_t = env::temp_dir().join("mainspring-example-journal"))]
    folder: PathBuf,

    /// How many writes to add
    #[arg(long, default_value_t = 1_000)]
    writes: u32,

    /// Abort when they are acknowledged, instead of closing the journal
    #[arg(long)]
    crash: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let journal = FileJournal::open(&args.folder).on_progress(bar());
    let store = Store::<String>::builder().journal(journal).spawn();

    let runs = match store.get("runs").await.context("the journal")? {
        Some(entry) => entry.list().unwrap_or_default().len(),
        None => 0,
    };
    let found = store.stats().entries;
    println!("found {found} entries of {runs} runs in {}", args.folder.display());

    // All at once: whatever is queued shares an append and a sync.
    let began = Instant::now();
    let keys = (0..args.writes).map(|n| (format!("run/{runs}/{n}"), format!("value {n}")));
    for outcome in store.set_many(keys).await? {
        outcome?;
    }
    store.push("runs", format!("{} writes", args.writes)).await?;
    println!("added {} entries in {:?}, all of them synced", args.writes, began.elapsed());
    if args.crash {
        println!("and now it crashes");
        abort();
    }
    store.shutdown().await?;
    println!("closed");
    Ok(())
}

/// A bar on a terminal, if the journal is so long that reading it takes more than a second.
fn bar() -> impl FnMut(Progress) + Send {
    let (began, mut bar) = (Instant::now(), None);
    move |Progress { done, total, .. }| {
        if !stderr().is_terminal() || began.elapsed() < Duration::from_secs(1) {
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
