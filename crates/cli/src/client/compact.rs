//! `mainspring compact`.

use mainspring::wire::Json;
use mainspring::{Backend, Error, Store};
use serde_json::json;

use super::failure::Failure;
use super::printer::Printer;
use crate::exit::Exit;

pub const ABOUT: &str = "\
Replace the log of the server's journal with a snapshot, which frees disk space and makes the next start faster

Waits for the compaction without a timeout. The server completes it even if this command is interrupted. The option \
--journal-history-bytes of the server sets how much older log is kept for subscribers.";

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run<B: Backend<Json>>(
    _: &Args,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let compacted = match store.compact().await {
        Ok(compacted) => compacted,
        Err(Error::Unknown) => {
            let text = "the answer was lost, and the compaction may still run: \"mainspring stats\" counts completed ones";
            return Err(Failure::with_exit(Exit::Unknown, text));
        }
        Err(error) => return Err(error.into()),
    };
    let (revision, before, after) =
        (compacted.revision, compacted.bytes_before, compacted.bytes_after);
    if printer.json {
        let compacted =
            json!({ "revision": revision, "bytes_before": before, "bytes_after": after });
        printer.print_line(compacted)?;
    } else {
        printer.print_line(format_args!(
            "snapshot at revision {revision}: {before} bytes before, {after} after"
        ))?;
    }
    Ok(Exit::Success)
}
