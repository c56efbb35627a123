//! `mainspring get` and `range`.

use mainspring::wire::{Json, row_line};
use mainspring::{Backend, Error, Store};

use super::failure::Failure;
use super::printer::{Printer, Style, plain};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub struct Get {
    /// The key
    key: String,
}

/// Print the value of a key; a list as one element per line.
pub async fn get<B: Backend<Json>>(
    Get { key }: Get,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let entry = store.get(&key).await?.ok_or_else(|| Failure::of_key(&Error::NotFound, &key))?;
    if printer.json {
        printer.print_line(row_line(&key, &entry)?)?;
        return Ok(Exit::Success);
    }
    for element in entry.value.elements() {
        printer.print_line(printer.lines(&plain(element)))?;
    }
    if printer.terminal {
        printer.print_line(printer.paint(Style::Dim, printer.describe(&entry)))?;
    }
    Ok(Exit::Success)
}

#[derive(Debug, clap::Args)]
pub struct Range {
    /// The key of the list
    key: String,
    /// The index of the first element, from 0; a negative index counts from the end
    #[arg(allow_negative_numbers = true, default_value_t = 0)]
    offset: isize,
    /// The most elements [default: all]
    limit: Option<usize>,
}

pub async fn range<B: Backend<Json>>(
    Range { key, offset, limit }: Range,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let elements = store.range(&key, offset, limit.unwrap_or(usize::MAX)).await;
    let elements = elements.map_err(|error| Failure::of_key(&error, &key))?;
    let elements = elements.ok_or_else(|| Failure::of_key(&Error::NotFound, &key))?;
    if printer.json {
        printer.print_line(serde_json::to_string(&elements)?)?;
        return Ok(Exit::Success);
    }
    elements.iter().try_for_each(|element| printer.print_line(printer.lines(&plain(element))))?;
    Ok(Exit::Success)
}
