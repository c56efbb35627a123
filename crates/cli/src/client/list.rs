//! `mainspring keys` and `scan`: print all pages, one after another.

use mainspring::wire::{Json, row_line};
use mainspring::{Backend, Entry, Key, Store};

use super::printer::{Printer, ago, now, until};
use super::table::{CellStyle, Rows};
use crate::exit::Exit;

/// The page size. On a terminal, the rows of a page are aligned.
const PAGE: usize = 500;

#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only keys with this prefix
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
    /// The most keys [default: all]
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    /// Start after this key, which does not need to exist
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Scan {
    #[command(flatten)]
    list: ListArgs,
}

/// Print one key per line.
pub async fn keys<B: Backend<Json>>(
    ListArgs { prefix, mut limit, after }: ListArgs,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let mut next = after.map(Key::from);
    while limit > 0 {
        let mut page = store.keys(&prefix).limit(limit.min(PAGE));
        if let Some(after) = next {
            page = page.after(after);
        }
        let page = page.await?;
        for key in &page.items {
            if printer.json {
                printer.print_line(serde_json::to_string(key.as_str())?)?;
            } else {
                printer.print_line(printer.text(key))?;
            }
        }
        limit -= page.items.len().min(limit);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(Exit::Success)
}

/// Print keys and values. In a pipe, a line is a key, a tab and the value; a list is a JSON array.
pub async fn scan<B: Backend<Json>>(
    Scan { list: ListArgs { prefix, mut limit, after } }: Scan,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let mut next = after.map(Key::from);
    let mut is_first = true;
    while limit > 0 {
        let mut page = store.scan(&prefix).limit(limit.min(PAGE));
        if let Some(after) = next {
            page = page.after(after);
        }
        let page = page.await?;
        if !printer.terminal || printer.json {
            for (key, entry) in &page.items {
                if printer.json {
                    printer.print_line(row_line(key, entry)?)?;
                } else {
                    printer.print_line(format_args!("{key}\t{}", printer.value(&entry.value)))?;
                }
            }
        } else if !page.items.is_empty() {
            printer.print_line(table(&page.items, printer, is_first))?;
            is_first = false;
        }
        limit -= page.items.len().min(limit);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    Ok(Exit::Success)
}

fn table(page: &[(Key, Entry<Json>)], printer: Printer, has_header: bool) -> String {
    let header = ["KEY", "VALUE", "REVISION", "UPDATED", "EXPIRES"];
    let mut rows = Rows::new(printer, if has_header { &header } else { &[] });
    let now = now();
    for (key, entry) in page {
        rows.add([
            (printer.text(key).into_owned(), CellStyle::Name),
            (printer.value(&entry.value), CellStyle::Plain),
            (entry.revision.to_string(), CellStyle::Number),
            (ago(entry.updated_at, now), CellStyle::Dim),
            (entry.expires_at.map_or_else(|| "-".into(), |time| until(time, now)), CellStyle::Dim),
        ]);
    }
    rows.text()
}
