//! `mainspring backup`.

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use mainspring::Error;
use mainspring::journal::file::tools::{BackupReport, check_backup};
use mainspring::wire::Json;
use mainspring_http::Client;
use serde_json::json;

use super::failure::{Failure, reason};
use super::printer::Printer;
use crate::exit::Exit;
use crate::output::{AtomicFile, argument, cannot_write, is_standard, print_status};

pub const ABOUT: &str = "\
Back up the data and the accounts of the running server to one file, all entries as of one revision

Requires an administrator. Only this user can read the file. Checksums, parts and counts are verified before the file \
gets its name. `mainspring journal restore FILE --into NEW` creates a journal from it, with the same revisions and \
deadlines. With - the backup is written to the standard output without verification; use `mainspring journal check \
FILE`.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The output file; - is the standard output
    file: PathBuf,
}

pub async fn run(args: Args, client: &Client<Json>, printer: Printer) -> anyhow::Result<Exit> {
    if is_standard(&args.file) {
        let bytes = receive(client, stdout().lock()).await.map_err(incomplete_if_closed)?;
        if printer.json {
            print_status(json!({ "bytes": bytes }));
        } else {
            print_status(format_args!(
                "{bytes} bytes, not verified: run \"mainspring journal check FILE\""
            ));
        }
        return Ok(Exit::Success);
    }
    let written = write(client, &args.file).await;
    let report = written.map_err(|error| cannot_write(&args.file, error))?;
    print_report(&report, &args.file, printer)
}

/// Write the backup and verify it before the file gets its name.
async fn write(client: &Client<Json>, path: &Path) -> anyhow::Result<BackupReport> {
    let file = AtomicFile::create(path)?;
    receive(client, file.file()).await?;
    file.sync()?;
    let report = check_backup(file.part(), &mut |_| ())?;
    file.finish()?;
    Ok(report)
}

/// Write the backup and return its length in bytes.
async fn receive(client: &Client<Json>, mut out: impl Write) -> anyhow::Result<u64> {
    let mut backup = client.backup().await?;
    let mut bytes = 0;
    while let Some(piece) = backup.next().await.map_err(|error| transfer_error(&error))? {
        out.write_all(&piece)?;
        bytes += piece.len() as u64;
    }
    out.flush()?;
    Ok(bytes)
}

/// The error for a transfer that failed after the server was reached.
fn transfer_error(error: &Error) -> anyhow::Error {
    let why = match error {
        Error::Unreachable(why) => why.to_string(),
        error => reason(error),
    };
    Failure::with_exit(Exit::from_error(error), why)
}

/// A closed standard output leaves an incomplete backup, so it is a failure here.
fn incomplete_if_closed(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<io::Error>() {
        Some(closed) if closed.kind() == io::ErrorKind::BrokenPipe => {
            let why = "the backup is incomplete: the standard output was closed";
            Failure::with_exit(Exit::Failed, why)
        }
        _ => error,
    }
}

fn print_report(report: &BackupReport, file: &Path, printer: Printer) -> anyhow::Result<Exit> {
    if printer.json {
        print_status(serde_json::to_string(report)?);
        return Ok(Exit::Success);
    }
    let (entries, revision) = (report.data.entries, report.data.revision);
    let accounts = match &report.accounts {
        Some(accounts) => format!("{} accounts", accounts.entries),
        None => "no accounts".into(),
    };
    print_status(format_args!(
        "{entries} entries at revision {revision}, {accounts}: {}",
        argument(file)
    ));
    Ok(Exit::Success)
}
