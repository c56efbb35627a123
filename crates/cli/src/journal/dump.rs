//! `mainspring journal dump`.

use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use mainspring::journal::file::tools::Dump;

use crate::exit::Exit;

/// How often to check for new changes.
const POLL: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal
    dir: PathBuf,

    /// The first revision [default: the oldest in the log]
    #[arg(long, value_name = "REVISION")]
    from: Option<u64>,

    /// The last revision [default: the newest]
    #[arg(long, value_name = "REVISION")]
    to: Option<u64>,

    /// Wait for new changes, until the last revision was printed or Ctrl-C is pressed
    #[arg(long)]
    follow: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut dump = Dump::open(&args.dir, args.from, args.to)?;
    let mut out = BufWriter::new(stdout().lock());
    while !dump.is_done() {
        match dump.next_line()? {
            Some(line) => writeln!(out, "{}", line.text)?,
            None if args.follow => {
                out.flush()?;
                sleep(POLL);
            }
            None => break,
        }
    }
    out.flush()?;
    Ok(Exit::Success)
}
