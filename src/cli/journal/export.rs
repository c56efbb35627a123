//! `mainspring journal export`.

use std::fs::{File, rename};
use std::io::stdout;
use std::path::PathBuf;

use anyhow::Context;
use mainspring::journal::file::tools::export;

use crate::cli::exit::Exit;
use crate::cli::output::is_standard;
use crate::cli::progress::Bar;

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
        // Under its name there is never half an export.
        let mut part = args.out.clone().into_os_string();
        part.push(".part");
        let cannot = || format!("cannot write {}", args.out.display());
        let file = File::create(&part).with_context(cannot)?;
        let done = export(&args.dir, &file, &mut show).inspect_err(|_| {
            let _ = std::fs::remove_file(&part);
        })?;
        file.sync_all().with_context(cannot)?;
        rename(&part, &args.out).with_context(cannot)?;
        done
    };
    drop(bar);
    eprintln!("{} entries at revision {}", done.entries, done.revision);
    Ok(Exit::Fine)
}
