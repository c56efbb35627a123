//! `mainspring compact`.

use mainspring::wire::Json;
use mainspring::{Backend, Error, Store};
use serde_json::json;

use super::failure::Failure;
use super::screen::Screen;
use crate::exit::Exit;

pub const ABOUT: &str = "\
Replace the log of the server's journal by a snapshot, so that the disk has room again and the next start is fast

Waits until that is done, however long it takes. The server goes on with it if this command is ended meanwhile. How much
of the older log is kept for watchers is a setting of the server: --journal-history-bytes.";

#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run<B: Backend<Json>>(
    _: &Args,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let compacted = match store.compact().await {
        Ok(compacted) => compacted,
        Err(Error::Unknown) => {
            let text = "the answer is lost, and the compaction may go on: \"mainspring stats\" counts its end";
            return Err(Failure::error(Exit::Unknown, text));
        }
        Err(error) => return Err(error.into()),
    };
    let (revision, before, after) =
        (compacted.revision, compacted.bytes_before, compacted.bytes_after);
    if screen.json {
        let compacted =
            json!({ "revision": revision, "bytes_before": before, "bytes_after": after });
        screen.say(compacted)?;
    } else {
        screen.say(format_args!(
            "snapshot at revision {revision}: {before} bytes before, {after} after"
        ))?;
    }
    Ok(Exit::Fine)
}
