//! `mainspring export`.

use std::collections::HashMap;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use mainspring::wire::{Json, export_line};
use mainspring::{Backend, Entry, Event, Key, Store};

use super::screen::{Screen, now};
use crate::exit::Exit;
use crate::output::{is_standard, tell, write_whole};

pub const ABOUT: &str = "\
Write every entry as a line of JSON, sorted by key, all as of one revision, which is said on the standard error.

The lines are those of `get --json`, and an entry that expires has `expires_in` besides: how long it has left, by the \
clock of this machine. `import` and `journal import` take them. All of it is held in memory until it is complete, \
because entries may change while they are read.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to write to; - is the standard output
    #[arg(default_value = "-")]
    out: PathBuf,

    /// Only keys that begin with this
    #[arg(long)]
    prefix: Option<String>,
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let (entries, revision) = snapshot(store, args.prefix.as_deref()).await?;
    let now = now();
    let put = |out: &mut dyn Write, screen: Screen| -> anyhow::Result<()> {
        let mut out = BufWriter::new(out);
        for (key, entry) in &entries {
            writeln!(out, "{}", screen.line(&export_line(key, entry, now)?))?;
        }
        Ok(out.flush()?)
    };
    if is_standard(&args.out) {
        put(&mut stdout().lock(), Screen { json: true, ..screen })?;
    } else {
        write_whole(&args.out, |mut file| put(&mut file, Screen { terminal: false, ..screen }))?;
    }
    if screen.json {
        tell(format_args!("{{\"entries\":{},\"revision\":{revision}}}", entries.len()));
    } else {
        tell(format_args!("{} entries at revision {revision}", entries.len()));
    }
    Ok(Exit::Fine)
}

/// What the store was at a revision.
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
