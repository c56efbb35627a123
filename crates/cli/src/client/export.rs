//! `mainspring export`.

use std::collections::HashMap;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use mainspring::wire::{Json, export_line};
use mainspring::{Backend, Entry, Event, Key, Store};

use super::printer::{Printer, now};
use crate::exit::Exit;
use crate::output::{is_standard, print_status, write_atomic};

pub const ABOUT: &str = "\
Write all entries as lines of JSON, sorted by key, as of one revision, which is printed to the standard error

The lines are those of `get --json`. An entry with a deadline also has `expires_in`, the remaining time by the clock of \
this machine. `import` and `journal import` read this format. The export is held in memory until it is complete, \
because entries may change while they are read.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The output file; - is the standard output
    #[arg(default_value = "-")]
    out: PathBuf,

    /// Only keys with this prefix
    #[arg(long)]
    prefix: Option<String>,
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let (entries, revision) = snapshot(store, args.prefix.as_deref()).await?;
    let now = now();
    let write = |out: &mut dyn Write, printer: Printer| -> anyhow::Result<()> {
        let mut out = BufWriter::new(out);
        for (key, entry) in &entries {
            writeln!(out, "{}", printer.line(&export_line(key, entry, now)?))?;
        }
        Ok(out.flush()?)
    };
    if is_standard(&args.out) {
        write(&mut stdout().lock(), Printer { json: true, ..printer })?;
    } else {
        write_atomic(&args.out, |mut file| {
            write(&mut file, Printer { terminal: false, ..printer })
        })?;
    }
    if printer.json {
        print_status(format_args!("{{\"entries\":{},\"revision\":{revision}}}", entries.len()));
    } else {
        print_status(format_args!("{} entries at revision {revision}", entries.len()));
    }
    Ok(Exit::Success)
}

/// Read a consistent copy of the store and its revision.
async fn snapshot<B: Backend<Json>>(
    store: &Store<Json, B>,
    prefix: Option<&str>,
) -> anyhow::Result<(Vec<(Key, Entry<Json>)>, u64)> {
    let mut events = match prefix {
        Some(prefix) => store.subscribe().prefix(prefix).from_snapshot().await?,
        None => store.subscribe().from_snapshot().await?,
    };
    let mut copy: HashMap<Key, Entry<Json>> = HashMap::new();
    let revision = loop {
        match events.recv().await? {
            Event::SnapshotEnd { revision } => break revision,
            event => event.apply_to(&mut copy),
        }
    };
    let mut entries: Vec<_> = copy.into_iter().collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok((entries, revision))
}
