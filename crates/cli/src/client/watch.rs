//! `mainspring watch`.

use std::fmt::Write as _;

use mainspring::wire::{Json, event_line};
use mainspring::{Backend, Change, ChangeKind, Entry, Event, ResumeToken, Store, Subscription};
use tokio::io::{AsyncWriteExt, stdout};

use super::screen::{Screen, Style, now, plain, until};
use crate::exit::Exit;
use crate::output::tell;
use crate::signals;

pub const ABOUT: &str = "\
Print changes as they come: each once, in order, and none is left out in silence.

If the server is lost, that is said on the standard error, and the watch goes on after the last change as soon as the \
server is back. It ends when the server cannot tell what came in between: without a journal a restarted server has \
another store.

In a pipe a line is revision, change, key and value, with tabs in between; with --json it is the event, and where it \
is a place to go on from, the token for --from. At its end the watch says that token on the standard error.";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this key
    #[arg(conflicts_with = "prefix")]
    key: Option<String>,

    /// Only keys that begin with this
    #[arg(long)]
    prefix: Option<String>,

    /// Where to start: now, snapshot (what is there, and then what changes), or after a revision or a token
    #[arg(long, value_name = "PLACE", default_value = "now", value_parser = place)]
    from: From,

    /// End after so many changes; a batch is told to its end
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// End when everything up to this revision was told
    #[arg(long, value_name = "REVISION")]
    until_revision: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Now,
    Snapshot,
    Revision(u64),
    Token(ResumeToken),
}

fn place(text: &str) -> Result<From, String> {
    match (text, text.parse(), text.parse()) {
        ("now", ..) => Ok(From::Now),
        ("snapshot", ..) => Ok(From::Snapshot),
        (_, Ok(revision), _) => Ok(From::Revision(revision)),
        (_, _, Ok(token)) => Ok(From::Token(token)),
        _ => {
            Err("it is now, snapshot, a revision, or the token that a watch says at its end".into())
        }
    }
}

pub async fn run<B: Backend<Json>>(
    args: Args,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    // From here on, so that a signal finds the token printed.
    let mut signal = signals::Signals::new()?;
    let mut pending = store.subscribe();
    match (&args.key, &args.prefix) {
        (Some(key), _) => pending = pending.key(key),
        (_, Some(prefix)) => pending = pending.prefix(prefix),
        _ => {}
    }
    pending = match args.from {
        From::Now => pending,
        From::Snapshot => pending.from_snapshot(),
        From::Revision(revision) => pending.after(revision),
        From::Token(token) => pending.after(token),
    };
    let mut events = tokio::select! {
        events = pending => events?,
        exit = signal.next() => return Ok(exit),
    };
    let mut told = events.resume_token();
    let ended = tokio::select! {
        ended = follow(&args, &mut events, &mut told, screen) => ended,
        exit = signal.next() => Ok(exit),
    };
    if let Some(token) = told {
        tell(format_args!("to go on from here: --from {token}"));
    }
    ended
}

/// `told` is up to where everything was printed.
async fn follow(
    args: &Args,
    events: &mut Subscription<Json>,
    told: &mut Option<ResumeToken>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let mut changes = 0;
    // Writes in another thread: a reader that takes nothing does not keep a signal from ending the watch.
    let mut out = stdout();
    loop {
        let is_there = |revision| told.is_some_and(|place| place.revision >= revision);
        if args.count.is_some_and(|count| changes >= count)
            || args.until_revision.is_some_and(is_there)
        {
            return Ok(Exit::Fine);
        }
        let event = events.recv().await?;
        changes += event.changes().len() as u64;
        let mut lines =
            if screen.json { json(&event, events.resume_token())? } else { text(&event, screen) };
        if !lines.is_empty() {
            lines.push('\n');
            out.write_all(screen.line(&lines).as_bytes()).await?;
            out.flush().await?;
        }
        *told = events.resume_token();
    }
}

fn json(event: &Event<Json>, place: Option<ResumeToken>) -> anyhow::Result<String> {
    let mut line = event_line(event)?;
    if let Some(place) = place {
        line.pop();
        let _ = write!(line, ",\"resume\":\"{place}\"}}");
    }
    Ok(line)
}

/// A line for each change.
fn text(event: &Event<Json>, screen: Screen) -> String {
    match event {
        Event::Entry { key, entry } => {
            line(screen, entry.revision, "entry", key, &of_entry(screen, entry))
        }
        Event::SnapshotEnd { revision } => line(screen, *revision, "snapshot_end", "", ""),
        event => {
            let line = |change: &Change<Json>| {
                let (name, value) = of_change(screen, &change.kind);
                line(screen, change.revision, name, &change.key, &value)
            };
            let lines: Vec<String> = event.changes().iter().map(line).collect();
            lines.join("\n")
        }
    }
}

fn line(screen: Screen, revision: u64, name: &str, key: &str, value: &str) -> String {
    if !screen.terminal {
        return format!("{revision}\t{name}\t{key}\t{value}");
    }
    let style = match name {
        "removed" | "expired" | "cleared" => Style::Bad,
        "entry" | "snapshot_end" => Style::Dim,
        _ => Style::Good,
    };
    let key =
        if key.is_empty() { String::new() } else { screen.paint(Style::Marked, screen.text(key)) };
    let revision = screen.paint(Style::Dim, format_args!("{revision:>8}"));
    let name = screen.paint(style, format_args!("{name:<8}"));
    format!("{revision}  {name}  {key}  {value}").trim_end().to_owned()
}

fn of_entry(screen: Screen, entry: &Entry<Json>) -> String {
    screen.value(&entry.value) + &deadline(screen, entry.expires_at)
}

fn of_change(screen: Screen, kind: &ChangeKind<Json>) -> (&'static str, String) {
    match kind {
        ChangeKind::Set { value, expires_at } => {
            ("set", screen.value(value) + &deadline(screen, *expires_at))
        }
        ChangeKind::Updated { value, expires_at } => {
            ("updated", screen.value(value) + &deadline(screen, *expires_at))
        }
        ChangeKind::Removed => ("removed", String::new()),
        ChangeKind::Expired => ("expired", String::new()),
        ChangeKind::Pushed { element, length, .. } => {
            ("pushed", screen.text(&plain(element)).into_owned() + &length_of(screen, *length))
        }
        ChangeKind::Popped { length, .. } => ("popped", length_of(screen, *length)),
        ChangeKind::Trimmed { removed, length, .. } => {
            ("trimmed", format!("{removed} removed") + &length_of(screen, *length))
        }
        ChangeKind::Touched { expires_at } => ("touched", deadline(screen, *expires_at)),
        ChangeKind::Cleared { count } => ("cleared", count.to_string()),
        _ => ("changed", String::new()),
    }
}

/// Of these only people want to know; for programs there is --json.
fn deadline(screen: Screen, time: Option<mainspring::Timestamp>) -> String {
    match time {
        Some(time) if screen.terminal => {
            screen.paint(Style::Dim, format_args!("  expires {}", until(time, now())))
        }
        _ => String::new(),
    }
}

fn length_of(screen: Screen, length: usize) -> String {
    if screen.terminal {
        screen.paint(Style::Dim, format_args!("  list of {length}"))
    } else {
        String::new()
    }
}
