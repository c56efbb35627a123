//! `mainspring journal compact`.

use std::path::PathBuf;

use mainspring::journal::file::tools::compact;

use crate::exit::Exit;
use crate::output::{print_json, print_line};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal
    dir: PathBuf,

    /// How many bytes of the newest changes to keep, for subscribers that resume at older revisions
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    history: u64,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("compacting");
    let report = compact(&args.dir, args.history, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        print_json(&report)?;
    } else {
        print_line(format!(
            "{} entries at revision {}: {} bytes before, {} bytes after",
            report.entries, report.revision, report.before, report.after
        ))?;
    }
    Ok(Exit::Success)
}
