//! `mainspring journal export`.

use std::io::stdout;
use std::path::PathBuf;

use mainspring::journal::file::tools::export;

use crate::exit::Exit;
use crate::output::{is_standard, print_status, write_atomic};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal
    dir: PathBuf,

    /// The file to write to; - is the standard output
    #[arg(default_value = "-")]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("exporting");
    let mut show = |progress| bar.show(progress);
    let report = if is_standard(&args.out) {
        export(&args.dir, stdout().lock(), &mut show)?
    } else {
        write_atomic(&args.out, |file| Ok(export(&args.dir, file, &mut show)?))?
    };
    drop(bar);
    print_status(format_args!("{} entries at revision {}", report.entries, report.revision));
    Ok(Exit::Success)
}
