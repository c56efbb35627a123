//! `mainspring import`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::PathBuf;
use std::thread;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mainspring::wire::{Json, read_value};
use mainspring::{Carrier, Error, Key, Store, Timestamp, Write};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::failure::{Failure, reason};
use super::screen::{Screen, now};
use super::tally::Tally;
use crate::cli::exit::Exit;
use crate::cli::output::{is_standard, tell};
use crate::cli::progress::Bar;

pub const ABOUT: &str = "\
Set keys from lines of JSON, as `export`, `get --json` and `scan --json` write them.

Of a line `key`, `value` and `ttl` (a time, or null) count: an entry keeps the deadline that it has, and one whose \
deadline has passed is left out. Entries are set in groups, each entry for itself, so an import that fails has done \
a part, and says how much; to do it again does no harm.";

/// Groups that are on their way at once.
const IN_FLIGHT: usize = 8;
/// The most entries of a group, and about the most bytes: so that there are not too many in memory. What is too long
/// for one request the store sends in several.
const GROUP: usize = 500;
const GROUP_BYTES: usize = 256 << 10;
/// Failures that are told one by one.
const TOLD: u64 = 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to read; - is the standard input
    #[arg(default_value = "-")]
    input: PathBuf,

    /// Leave keys as they are that are there already
    #[arg(long)]
    if_absent: bool,
}

/// What has become of the entries.
#[derive(Debug, Default)]
struct Counts {
    set: u64,
    present: u64,
    expired: u64,
    failed: Tally,
}

pub async fn run<C: Carrier<Json>>(
    args: Args,
    store: &Store<Json, C>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let (mut lines, total) = open(&args)?;
    let mut bar = Bar::new("importing");
    let mut import = Import { if_absent: args.if_absent, ..Import::default() };
    let mut flying = FuturesUnordered::new();
    let mut bytes = 0;
    let mut ended = None;
    let mut is_read = false;
    loop {
        // A key that is on its way already waits: the later line counts.
        let is_due = is_read || ended.is_some() || import.is_full() || import.held.is_some();
        let may_fly = flying.len() < IN_FLIGHT && (import.held.is_none() || flying.is_empty());
        if is_due && may_fly && !import.group.is_empty() {
            let group = std::mem::take(&mut import.group);
            import.bytes = 0;
            import.flying.extend(group.iter().map(|(_, write)| write.key().clone()));
            flying.push(async move {
                let (numbers, writes): (Vec<_>, Vec<_>) = group.into_iter().unzip();
                let keys: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
                let done = store.write_many(writes).await;
                (numbers, keys, done)
            });
            continue;
        }
        if flying.is_empty() {
            if let Some(held) = import.held.take() {
                import.group.push(held);
                continue;
            }
            if is_read || ended.is_some() {
                break;
            }
        }
        tokio::select! {
            line = lines.recv(), if !is_due => match line {
                None => is_read = true,
                Some((number, line)) => {
                    let taken = line.context("cannot read the input").and_then(|line| {
                        bytes += line.len() as u64 + 1;
                        if total > 0 {
                            bar.show_part(bytes, total.max(bytes));
                        }
                        import.take(number, &line)
                    });
                    ended = taken.err();
                }
            },
            Some((numbers, keys, done)) = flying.next(), if !flying.is_empty() => {
                import.flying.retain(|key| !keys.contains(key));
                match done {
                    Ok(done) => import.note(&numbers, done),
                    Err(error) => {
                        // What is not sent yet is not sent at all.
                        import.group.clear();
                        import.held = None;
                        ended.get_or_insert(error.into());
                    }
                }
            }
        }
    }
    drop(bar);
    finish(&import.counts, ended, screen)
}

fn finish(counts: &Counts, ended: Option<anyhow::Error>, screen: Screen) -> anyhow::Result<Exit> {
    let Counts { set, present, expired, failed } = *counts;
    let Tally { refused, not_taken, unknown } = failed;
    if let Some(error) = ended {
        return Err(match error.downcast::<Failure>() {
            Ok(failure) => {
                let exit = if set > 0 { Exit::Incomplete } else { failure.exit() };
                Failure::error(
                    exit,
                    format!(
                        "{failure}. {set} entries before it were set, and none after it: mend the line, or take it out, and \
                         import again"
                    ),
                )
            }
            Err(error) => {
                let unknown =
                    if unknown > 0 { format!(", {unknown} perhaps") } else { String::new() };
                tell(format_args!(
                    "{set} entries were set{unknown}; import again to set the others"
                ));
                error
            }
        });
    }
    if screen.json {
        let counts = serde_json::json!({
            "set": set, "present": present, "expired": expired, "refused": refused, "not_taken": not_taken,
            "unknown": unknown,
        });
        screen.say(counts)?;
    } else {
        let mut text = format!("{set} entries set");
        for (count, what) in [
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

type Lines = mpsc::Receiver<(u64, std::io::Result<String>)>;

/// The lines, numbered from 1, read by a thread: so that waiting for input keeps no answer waiting. And how many bytes
/// there are, if that is known.
fn open(args: &Args) -> anyhow::Result<(Lines, u64)> {
    let (sender, lines) = mpsc::channel(1024);
    let read = move |input: &mut dyn BufRead| {
        for (number, line) in (1..).zip(input.lines()) {
            let failed = line.is_err();
            if sender.blocking_send((number, line)).is_err() || failed {
                break;
            }
        }
    };
    if is_standard(&args.input) {
        thread::spawn(move || read(&mut stdin().lock()));
        return Ok((lines, 0));
    }
    let file =
        File::open(&args.input).with_context(|| format!("cannot open {}", args.input.display()))?;
    let total = file.metadata().map_or(0, |data| data.len());
    thread::spawn(move || read(&mut BufReader::new(file)));
    Ok((lines, total))
}

#[derive(Default)]
struct Import {
    if_absent: bool,
    /// What goes next, each with the number of its line.
    group: Vec<(u64, Write<Json>)>,
    bytes: usize,
    /// Waits until its key is not on its way any more.
    held: Option<(u64, Write<Json>)>,
    flying: HashSet<Key>,
    counts: Counts,
}

/// What counts of a row.
#[derive(Deserialize)]
struct Row<'a> {
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
    ttl: Option<String>,
}

impl Import {
    fn is_full(&self) -> bool {
        self.group.len() >= GROUP || self.bytes >= GROUP_BYTES
    }

    fn take(&mut self, number: u64, line: &str) -> anyhow::Result<()> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::misused(format!("line {number} is no entry: {why}"))
        };
        let row: Row<'_> = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        let value = read_value(row.value.get())
            .map_err(|error| wrong(&format_args!("its value: {error}")))?;
        if !(1..=Key::MAX_LENGTH).contains(&row.key.len()) {
            return Err(wrong(&Error::InvalidKey { length: row.key.len() }));
        }
        let write = Write::set(row.key, value);
        let write = match row.ttl.as_deref().map(deadline).transpose() {
            Ok(None) => write.no_ttl(),
            Ok(Some(time)) => {
                let left = time.saturating_since(now());
                if left.is_zero() {
                    self.counts.expired += 1;
                    return Ok(());
                }
                write.ttl(left)
            }
            Err(error) => return Err(wrong(&format_args!("its ttl is no time: {error}"))),
        };
        let write = if self.if_absent { write.if_absent() } else { write };
        if self.flying.contains(write.key()) {
            self.held = Some((number, write));
        } else {
            self.bytes += line.len();
            self.group.push((number, write));
        }
        Ok(())
    }

    fn note<W>(&mut self, numbers: &[u64], done: Vec<Result<W, Error>>) {
        for (number, done) in numbers.iter().zip(done) {
            match done {
                Ok(_) => self.counts.set += 1,
                Err(Error::ConditionFailed { .. }) => self.counts.present += 1,
                Err(error) => {
                    self.counts.failed.add(&error);
                    if self.counts.failed.sum() <= TOLD {
                        tell(format_args!("line {number}: {}", reason(&error)));
                    }
                }
            }
        }
    }
}

fn deadline(text: &str) -> Result<Timestamp, jiff::Error> {
    let time: jiff::Timestamp = text.parse()?;
    let nanos = u64::try_from(time.as_nanosecond()).unwrap_or_default();
    Ok(Timestamp::from_nanos(nanos))
}
