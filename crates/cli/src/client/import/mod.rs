//! `mainspring import`.

mod list;
mod read;
mod send;

use std::path::PathBuf;

use mainspring::wire::Json;
use mainspring::{Backend, Store};

use self::send::{Counts, Import};
use super::screen::Screen;
use super::tally::Tally;
use crate::exit::Exit;
use crate::output::tell;

pub const ABOUT: &str = "\
Set keys from lines of JSON, as `export`, `get --json` and `scan --json` write them.

All lines are read before the first key is set, and held in memory; a line that is no entry ends the import before it \
has begun. Entries are set in the order of their revisions, those without one after the others in the order of their \
lines; if a key has several lines, its last one counts. Each entry gets a new revision of the server, and its times are \
those of the import.

An entry with `expires_in`, as `export` writes it, expires that long after it is set; one with a `ttl` alone keeps that \
deadline. An entry that has no time left is not set, and counted.

Each entry is set by itself, so an import that fails has done a part, and says how much; to do it again does no harm. A \
list that is longer than the server takes in one request (its --max-body-bytes) is set with its first elements, and the \
others are pushed, many at a time: until it is complete a reader sees its first part. It keeps its deadline, and the \
import of it ends if another client changes it meanwhile. An entry that does not fit is named, and the others are set.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to read; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Leave keys as they are that are there already
    #[arg(long)]
    if_absent: bool,
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let input = read::all(args.input).await?;
    let mut import = Import::new(store, args.if_absent, input.superseded);
    let ended = import.send(input.entries).await;
    finish(&import.counts, ended, screen)
}

fn finish(counts: &Counts, ended: anyhow::Result<()>, screen: Screen) -> anyhow::Result<Exit> {
    let Counts { set, superseded, present, expired, failed } = *counts;
    let Tally { refused, not_taken, unknown } = failed;
    if let Err(error) = ended {
        let unknown = if unknown > 0 { format!(", {unknown} perhaps") } else { String::new() };
        tell(format_args!("{set} entries were set{unknown}; import again to set the others"));
        return Err(error);
    }
    if screen.json {
        let counts = serde_json::json!({
            "set": set, "superseded": superseded, "present": present, "expired": expired, "refused": refused,
            "not_taken": not_taken, "unknown": unknown,
        });
        screen.say(counts)?;
    } else {
        let mut text = format!("{set} entries set");
        for (count, what) in [
            (superseded, "superseded by a later line of the same key"),
            (present, "were there already"),
            (expired, "have expired since"),
            (refused, "refused"),
            (not_taken, "not taken by the server"),
            (unknown, "perhaps set: their answer is lost"),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        screen.say(text)?;
    }
    Ok(failed.exit())
}
