//! `mainspring journal export`.

use std::io::stdout;
use std::path::PathBuf;

use mainspring::journal::file::tools::export;

use crate::exit::Exit;
use crate::output::{is_standard, tell, write_whole};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the journal
    dir: PathBuf,

    /// The file to write to; - is the standard output
    #[arg(default_value = "-")]
    out: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("exporting");
    let mut show = |progress| bar.show(progress);
    let done = if is_standard(&args.out) {
        export(&args.dir, stdout().lock(), &mut show)?
    } else {
        write_whole(&args.out, |file| Ok(export(&args.dir, file, &mut show)?))?
    };
    drop(bar);
    tell(format_args!("{} entries at revision {}", done.entries, done.revision));
    Ok(Exit::Fine)
}
