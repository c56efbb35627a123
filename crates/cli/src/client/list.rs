//! `mainspring keys` and `scan`: all pages, one after another, as they are wanted.

use mainspring::wire::{Json, row_line};
use mainspring::{Backend, Entry, Key, Store};

use super::screen::{Screen, ago, now, until};
use super::table::{Look, Rows};
use crate::exit::Exit;

/// How much of a list is asked for at once. On a terminal it is also how many rows are aligned with each other.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub struct Keys {
    /// Only keys that begin with this
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    /// Start after this key, which need not be there
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Scan {
    #[command(flatten)]
    which: Keys,
}

/// A key a line.
pub async fn keys<B: Backend<Json>>(
    Keys { prefix, mut limit, after }: Keys,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let mut next = after.map(Key::from);
    while limit > 0 {
        let mut page = store.keys(&prefix).limit(limit.min(PAGE));
        if let Some(after) = next {
            page = page.after(after);
        }
        let page = page.await?;
        for key in &page.items {
            if screen.json {
                screen.say(serde_json::to_string(key.as_str())?)?;
            } else {
                screen.say(screen.text(key))?;
            }
        }
        limit -= page.items.len().min(limit);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(Exit::Fine)
}

/// In a pipe a line is a key, a tab and the value, which for a list is JSON.
pub async fn scan<B: Backend<Json>>(
    Scan { which: Keys { prefix, mut limit, after } }: Scan,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let mut next = after.map(Key::from);
    let mut is_first = true;
    while limit > 0 {
        let mut page = store.scan(&prefix).limit(limit.min(PAGE));
        if let Some(after) = next {
            page = page.after(after);
        }
        let page = page.await?;
        if !screen.terminal || screen.json {
            for (key, entry) in &page.items {
                if screen.json {
                    screen.say(row_line(key, entry)?)?;
                } else {
                    screen.say(format_args!("{key}\t{}", screen.value(&entry.value)))?;
                }
            }
        } else if !page.items.is_empty() {
            screen.say(table(&page.items, screen, is_first))?;
            is_first = false;
        }
        limit -= page.items.len().min(limit);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(Exit::Fine)
}

fn table(page: &[(Key, Entry<Json>)], screen: Screen, has_header: bool) -> String {
    let header = ["KEY", "VALUE", "REVISION", "UPDATED", "EXPIRES"];
    let mut rows = Rows::new(screen, if has_header { &header } else { &[] });
    let now = now();
    for (key, entry) in page {
        rows.add([
            (screen.text(key).into_owned(), Look::Name),
            (screen.value(&entry.value), Look::Plain),
            (entry.revision.to_string(), Look::Number),
            (ago(entry.updated_at, now), Look::Dim),
            (entry.expires_at.map_or_else(|| "-".into(), |time| until(time, now)), Look::Dim),
        ]);
    }
    rows.text()
}
