//! `mainspring watch`.

use std::fmt::Write as _;

use mainspring::wire::{Json, event_line};
use mainspring::{Backend, Change, ChangeKind, Entry, Event, ResumeToken, Store, Subscription};
use tokio::io::{AsyncWriteExt, stdout};

use super::printer::{Printer, Style, now, plain, until};
use crate::exit::Exit;
use crate::output::print_status;
use crate::signals;

pub const ABOUT: &str = "\
Print changes as they happen: each once, in order, without a silent gap

If the connection is lost, a message is printed to the standard error, and the watch resumes after the last change as \
soon as the server is available again. It ends if the server no longer has the changes in between: without a journal, a \
restarted server has another store.

In a pipe, a line is revision, change, key and value, separated by tabs. With --json it is the event and, where a watch \
can resume, the token for --from. At its end the watch prints this token to the standard error.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this key
    #[arg(conflicts_with = "prefix")]
    key: Option<String>,

    /// Only keys with this prefix
    #[arg(long)]
    prefix: Option<String>,

    /// Where to start: now, snapshot (existing entries, then changes), or after a revision or a token
    #[arg(long, value_name = "START", default_value = "now", value_parser = parse_start)]
    from: Start,

    /// Exit after this many changes; a batch is printed completely
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Exit after all changes up to this revision were printed
    #[arg(long, value_name = "REVISION")]
    until_revision: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Start {
    Now,
    Snapshot,
    Revision(u64),
    Token(ResumeToken),
}

fn parse_start(text: &str) -> Result<Start, String> {
    match (text, text.parse(), text.parse()) {
        ("now", ..) => Ok(Start::Now),
        ("snapshot", ..) => Ok(Start::Snapshot),
        (_, Ok(revision), _) => Ok(Start::Revision(revision)),
        (_, _, Ok(token)) => Ok(Start::Token(token)),
        _ => Err("expected now, snapshot, a revision, or the token that a watch prints at its end"
            .into()),
    }
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    // Before the subscription, so that a signal never ends the process without the token.
    let mut signal = signals::Signals::new()?;
    let mut pending = store.subscribe();
    match (&args.key, &args.prefix) {
        (Some(key), _) => pending = pending.key(key),
        (_, Some(prefix)) => pending = pending.prefix(prefix),
        _ => {}
    }
    pending = match args.from {
        Start::Now => pending,
        Start::Snapshot => pending.from_snapshot(),
        Start::Revision(revision) => pending.after(revision),
        Start::Token(token) => pending.after(token),
    };
    let mut events = tokio::select! {
        events = pending => events?,
        exit = signal.next() => return Ok(exit),
    };
    let mut printed = events.resume_token();
    let ended = tokio::select! {
        ended = follow(&args, &mut events, &mut printed, printer) => ended,
        exit = signal.next() => Ok(exit),
    };
    if let Some(token) = printed {
        print_status(format_args!("to resume: --from {token}"));
    }
    ended
}

/// Print events. `printed` is the position up to which everything was printed.
async fn follow(
    args: &Args,
    events: &mut Subscription<Json>,
    printed: &mut Option<ResumeToken>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let mut changes = 0;
    // Writes in another thread, so that a signal ends the watch even if the reader of the pipe is blocked.
    let mut out = stdout();
    loop {
        let is_printed = |revision| printed.is_some_and(|token| token.revision >= revision);
        if args.count.is_some_and(|count| changes >= count)
            || args.until_revision.is_some_and(is_printed)
        {
            return Ok(Exit::Success);
        }
        let event = events.recv().await?;
        changes += event.changes().len() as u64;
        let mut lines =
            if printer.json { json(&event, events.resume_token())? } else { text(&event, printer) };
        if !lines.is_empty() {
            lines.push('\n');
            out.write_all(printer.line(&lines).as_bytes()).await?;
            out.flush().await?;
        }
        *printed = events.resume_token();
    }
}

fn json(event: &Event<Json>, token: Option<ResumeToken>) -> anyhow::Result<String> {
    let mut line = event_line(event)?;
    if let Some(token) = token {
        line.pop();
        let _ = write!(line, ",\"resume\":\"{token}\"}}");
    }
    Ok(line)
}

/// Format an event as one line per change.
fn text(event: &Event<Json>, printer: Printer) -> String {
    match event {
        Event::Entry { key, entry } => {
            line(printer, entry.revision, "entry", key, &of_entry(printer, entry))
        }
        Event::SnapshotEnd { revision } => line(printer, *revision, "snapshot_end", "", ""),
        event => {
            let line = |change: &Change<Json>| {
                let (name, value) = of_change(printer, &change.kind);
                line(printer, change.revision, name, &change.key, &value)
            };
            let lines: Vec<String> = event.changes().iter().map(line).collect();
            lines.join("\n")
        }
    }
}

fn line(printer: Printer, revision: u64, name: &str, key: &str, value: &str) -> String {
    if !printer.terminal {
        return format!("{revision}\t{name}\t{key}\t{value}");
    }
    let style = match name {
        "removed" | "expired" | "cleared" => Style::Bad,
        "entry" | "snapshot_end" => Style::Dim,
        _ => Style::Good,
    };
    let key = if key.is_empty() {
        String::new()
    } else {
        printer.paint(Style::Marked, printer.text(key))
    };
    let revision = printer.paint(Style::Dim, format_args!("{revision:>8}"));
    let name = printer.paint(style, format_args!("{name:<8}"));
    format!("{revision}  {name}  {key}  {value}").trim_end().to_owned()
}

fn of_entry(printer: Printer, entry: &Entry<Json>) -> String {
    printer.value(&entry.value) + &deadline(printer, entry.expires_at)
}

fn of_change(printer: Printer, kind: &ChangeKind<Json>) -> (&'static str, String) {
    match kind {
        ChangeKind::Set { value, expires_at } => {
            ("set", printer.value(value) + &deadline(printer, *expires_at))
        }
        ChangeKind::Updated { value, expires_at } => {
            ("updated", printer.value(value) + &deadline(printer, *expires_at))
        }
        ChangeKind::Removed => ("removed", String::new()),
        ChangeKind::Expired => ("expired", String::new()),
        ChangeKind::Pushed { element, length, .. } => {
            ("pushed", printer.text(&plain(element)).into_owned() + &length_of(printer, *length))
        }
        ChangeKind::Popped { length, .. } => ("popped", length_of(printer, *length)),
        ChangeKind::Trimmed { removed, length, .. } => {
            ("trimmed", format!("{removed} removed") + &length_of(printer, *length))
        }
        ChangeKind::Touched { expires_at } => ("touched", deadline(printer, *expires_at)),
        ChangeKind::Cleared { count } => ("cleared", count.to_string()),
        _ => ("changed", String::new()),
    }
}

/// Only on a terminal. Programs get it from --json.
fn deadline(printer: Printer, time: Option<mainspring::Timestamp>) -> String {
    match time {
        Some(time) if printer.terminal => {
            printer.paint(Style::Dim, format_args!("  expires {}", until(time, now())))
        }
        _ => String::new(),
    }
}

fn length_of(printer: Printer, length: usize) -> String {
    if printer.terminal {
        printer.paint(Style::Dim, format_args!("  list of {length}"))
    } else {
        String::new()
    }
}
