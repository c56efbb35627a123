//! `mainspring stats`.

use std::time::Duration;

use mainspring::journal::JournalStats;
use mainspring::wire::Json;
use mainspring::{Stats, StoreId};
use mainspring_http::Client;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::printer::Printer;
use super::table::{CellStyle, Rows};
use crate::exit::Exit;
use crate::signals::Signals;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Repeat every second until Ctrl-C
    #[arg(long)]
    watch: bool,
}

pub async fn run(args: Args, client: &Client<Json>, printer: Printer) -> anyhow::Result<Exit> {
    let mut before = None;
    if !args.watch {
        show(client, printer, &mut before).await?;
        return Ok(Exit::Success);
    }
    let mut signals = Signals::new()?;
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let shown = async {
            ticks.tick().await;
            show(client, printer, &mut before).await
        };
        tokio::select! {
            shown = shown => shown?,
            exit = signals.next() => return Ok(exit),
        }
    }
}

async fn show(
    client: &Client<Json>,
    printer: Printer,
    before: &mut Option<Stats>,
) -> anyhow::Result<()> {
    let (id, stats) = (client.id().await?, client.stats().await?);
    if printer.json {
        return Ok(printer.print_line(json(id, &stats))?);
    }
    // Clear the screen before each repetition.
    let clear = if printer.terminal && before.is_some() { "\x1b[H\x1b[2J" } else { "" };
    let rows = rows(id, &stats, before.replace(stats));
    if !printer.terminal {
        rows.iter()
            .try_for_each(|(name, value, _)| printer.print_line(format_args!("{name}\t{value}")))?;
        return Ok(());
    }
    let mut table = Rows::new(printer, &[]);
    for (name, value, note) in rows {
        table.add([
            (name.into(), CellStyle::Name),
            (value, CellStyle::Number),
            (note, CellStyle::Dim),
        ]);
    }
    Ok(printer.print_line(format_args!("{clear}{}", table.text()))?)
}

fn json(id: StoreId, stats: &Stats) -> serde_json::Value {
    let journal = &stats.journal;
    json!({
        "id": id.to_string(),
        "revision": stats.revision,
        "entries": stats.entries,
        "bytes": stats.bytes,
        "queued": stats.queued,
        "queue_capacity": stats.queue_capacity,
        "turns": stats.turns,
        "commands": stats.commands,
        "expired": stats.expired,
        "subscribers": stats.subscribers,
        "lagged": stats.lagged,
        "max_lag": stats.max_lag,
        "history_floor": stats.history_floor,
        "history_changes": stats.history_changes,
        "history_bytes": stats.history_bytes,
        "journal": {
            "appends": journal.appends,
            "appended_bytes": journal.appended_bytes,
            "syncs": journal.syncs,
            "sync_seconds": journal.sync_time.as_secs_f64(),
            "unsynced_seconds": journal.unsynced.as_secs_f64(),
            "compactions": journal.compactions,
            "failed_compactions": journal.failed_compactions,
            "bytes": journal.bytes,
        },
    })
}

/// Rows of name, number and note.
fn rows(id: StoreId, stats: &Stats, before: Option<Stats>) -> Vec<(&'static str, String, String)> {
    // The rows are one second apart.
    let rate = |of: fn(&Stats) -> u64| {
        before
            .as_ref()
            .map_or_else(String::new, |old| format!("{}/s", of(stats).saturating_sub(of(old))))
    };
    let row = |name, number: u64, note: String| (name, number.to_string(), note);
    let none = String::new;
    let mut rows = vec![
        ("store", id.to_string(), none()),
        row("revision", stats.revision, rate(|stats| stats.revision)),
        row("entries", stats.entries as u64, none()),
        row("bytes", stats.bytes, none()),
        row("commands", stats.commands, rate(|stats| stats.commands)),
        row("turns", stats.turns, rate(|stats| stats.turns)),
        row("queued", stats.queued as u64, format!("of {}", stats.queue_capacity)),
        row("expired", stats.expired, rate(|stats| stats.expired)),
        row("subscribers", stats.subscribers as u64, format!("lagged {} times", stats.lagged)),
        row(
            "history",
            stats.history_changes as u64,
            format!("changes, {} bytes", stats.history_bytes),
        ),
    ];
    if stats.journal != JournalStats::default() {
        let journal = &stats.journal;
        rows.push(row(
            "journal",
            journal.bytes,
            format!(
                "bytes, {} compactions, {} failed",
                journal.compactions, journal.failed_compactions
            ),
        ));
        rows.push(row("appends", journal.appends, rate(|stats| stats.journal.appends)));
        let mean = journal.sync_time.checked_div(u32::try_from(journal.syncs).unwrap_or(u32::MAX));
        rows.push(row(
            "syncs",
            journal.syncs,
            mean.map_or_else(none, |mean| format!("{mean:.1?} each")),
        ));
    }
    rows
}
