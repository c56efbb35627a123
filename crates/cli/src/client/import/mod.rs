//! `mainspring import`.

mod list;
mod read;
mod send;

use std::path::PathBuf;

use mainspring::wire::Json;
use mainspring::{Backend, Store};

use self::send::{Counts, Import};
use super::failure_counts::FailureCounts;
use super::printer::Printer;
use crate::exit::Exit;
use crate::output::print_status;

pub const ABOUT: &str = "\
Set keys from lines of JSON, as `export`, `get --json` and `scan --json` write them

All lines are read into memory and checked first: an invalid line ends the import before a key is set. Entries are set \
in the order of their revisions, those without a revision last, in the order of their lines. If a key has several \
lines, the last one is used. Each entry gets a new revision of the server and the times of the import.

An entry with `expires_in`, as `export` writes it, expires that long after it is set; one with only a `ttl` keeps that \
deadline. Expired entries are counted and not set.

Each entry is set independently. A failed import reports how many entries were set, and can be repeated safely. A list \
longer than the request limit of the server (--max-body-bytes) is set with its first elements and extended by pushes: \
until it is complete, readers see its first part. It keeps its deadline, and its import ends if another client changes \
it. An entry that is too long is reported, and the others are set.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The input file; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Do not change existing keys
    #[arg(long)]
    if_absent: bool,
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let input = read::all(args.input).await?;
    let mut import = Import::new(store, args.if_absent, input.superseded);
    let ended = import.send(input.entries).await;
    finish(&import.counts, ended, printer)
}

fn finish(counts: &Counts, ended: anyhow::Result<()>, printer: Printer) -> anyhow::Result<Exit> {
    let Counts { set, superseded, present, expired, failed } = *counts;
    let FailureCounts { rejected, unavailable, unknown } = failed;
    if let Err(error) = ended {
        let unknown = if unknown > 0 { format!(", {unknown} possibly") } else { String::new() };
        print_status(format_args!(
            "{set} entries set{unknown}; repeat the import to set the others"
        ));
        return Err(error);
    }
    if printer.json {
        let counts = serde_json::json!({
            "set": set, "superseded": superseded, "present": present, "expired": expired, "refused": rejected,
            "not_taken": unavailable, "unknown": unknown,
        });
        printer.print_line(counts)?;
    } else {
        let mut text = format!("{set} entries set");
        for (count, what) in [
            (superseded, "superseded by a later line of the same key"),
            (present, "existed already"),
            (expired, "expired"),
            (rejected, "rejected"),
            (unavailable, "not accepted by the server"),
            (unknown, "possibly set (the answer was lost)"),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        printer.print_line(text)?;
    }
    Ok(failed.exit())
}
