//! `mainspring backup`.

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use mainspring::Error;
use mainspring::journal::file::tools::{BackupReport, check_backup};
use mainspring::wire::Json;
use mainspring_http::Client;
use serde_json::json;

use super::failure::{Failure, reason};
use super::screen::Screen;
use crate::exit::Exit;
use crate::output::{Whole, argument, cannot_write, is_standard, tell};

pub const ABOUT: &str = "\
Write the data and the accounts of the server to one file, all entries as of one revision, while it serves

Needs an administrator. The file can be read by its owner alone, is complete on the disk when it gets its name, and is \
read back before: sums, parts and counts. `mainspring journal restore FILE --into NEW` makes a journal of it, with \
revisions and deadlines as they are. With - the bytes go to the standard output, and nothing checks them: \
`mainspring journal check FILE` does.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write to; - is the standard output
    file: PathBuf,
}

pub async fn run(args: Args, client: &Client<Json>, screen: Screen) -> anyhow::Result<Exit> {
    if is_standard(&args.file) {
        let bytes = receive(client, stdout().lock()).await.map_err(not_left)?;
        if screen.json {
            tell(json!({ "bytes": bytes }));
        } else {
            tell(format_args!("{bytes} bytes, not checked: run \"mainspring journal check FILE\""));
        }
        return Ok(Exit::Fine);
    }
    let written = write(client, &args.file).await;
    let report = written.map_err(|error| cannot_write(&args.file, error))?;
    report_on(&report, &args.file, screen)
}

/// Write the file, and read it back before it gets its name.
async fn write(client: &Client<Json>, path: &Path) -> anyhow::Result<BackupReport> {
    let whole = Whole::create(path)?;
    receive(client, whole.file()).await?;
    whole.sync()?;
    let report = check_backup(whole.part(), &mut |_| ())?;
    whole.finish()?;
    Ok(report)
}

/// Write the backup, and say how many bytes it has.
async fn receive(client: &Client<Json>, mut out: impl Write) -> anyhow::Result<u64> {
    let mut backup = client.backup().await?;
    let mut bytes = 0;
    while let Some(piece) = backup.next().await.map_err(|error| cut(&error))? {
        out.write_all(&piece)?;
        bytes += piece.len() as u64;
    }
    out.flush()?;
    Ok(bytes)
}

/// The server was reached, and the transfer did not end as it should.
fn cut(error: &Error) -> anyhow::Error {
    let why = match error {
        Error::Unreachable(why) => why.to_string(),
        error => reason(error),
    };
    Failure::error(Exit::of_refusal(error), why)
}

/// A reader that leaves has an incomplete backup, which is no success.
fn not_left(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<io::Error>() {
        Some(left) if left.kind() == io::ErrorKind::BrokenPipe => {
            let why = "the backup is incomplete: the standard output was closed before its end";
            Failure::error(Exit::Failed, why)
        }
        _ => error,
    }
}

fn report_on(report: &BackupReport, file: &Path, screen: Screen) -> anyhow::Result<Exit> {
    if screen.json {
        tell(serde_json::to_string(report)?);
        return Ok(Exit::Fine);
    }
    let (entries, revision) = (report.data.entries, report.data.revision);
    let accounts = match &report.accounts {
        Some(accounts) => format!("{} accounts", accounts.entries),
        None => "no accounts".into(),
    };
    tell(format_args!("{entries} entries at revision {revision}, {accounts}: {}", argument(file)));
    Ok(Exit::Fine)
}
