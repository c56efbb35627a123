//! `mainspring journal restore`.

use std::path::PathBuf;

use mainspring::journal::file::tools::{Target, restore};

use crate::cli::exit::Exit;
use crate::cli::output::{say, say_json};
use crate::cli::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the journal
    dir: PathBuf,

    /// A revision, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "REVISION|TIME")]
    to: Target,

    /// The folder of the new journal
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("restoring");
    let done = restore(&args.dir, args.to, &args.into, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        say_json(&done)?;
    } else {
        let (entries, revision, store) = (done.entries, done.revision, &done.store);
        say(format!("{entries} entries at revision {revision}, as the new store {store}"))?;
    }
    Ok(Exit::Fine)
}
