//! `mainspring journal export`.

use std::fs::{File, remove_file, rename};
use std::io::{self, stdout};
use std::path::{Path, PathBuf};

use mainspring::journal::file::tools::export;

use crate::cli::exit::Exit;
use crate::cli::output::{is_standard, tell};
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
        let cannot = || format!("cannot write {}", args.out.display());
        write_whole(&args.out, |file| Ok(export(&args.dir, file, &mut show)?)).map_err(|error| {
            match error.downcast::<io::Error>() {
                Ok(error) => anyhow::Error::new(error).context(cannot()),
                Err(error) => error,
            }
        })?
    };
    drop(bar);
    tell(format_args!("{} entries at revision {}", done.entries, done.revision));
    Ok(Exit::Fine)
}

/// Under its name there is never half a file, and it is there after a power cut.
fn write_whole<R>(
    path: &Path,
    write: impl FnOnce(&File) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let file = File::create(&part)?;
    let written = write(&file).and_then(|done| {
        file.sync_all()?;
        rename(&part, path)?;
        Ok(done)
    });
    let done = written.inspect_err(|_| drop(remove_file(&part)))?;
    // Elsewhere a folder cannot be opened.
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(done)
}
