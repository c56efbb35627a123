//! `mainspring get` and `range`.

use mainspring::wire::{Json, row_line};
use mainspring::{Backend, Error, Store};

use super::failure::Failure;
use super::screen::{Screen, Style, plain};
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub struct Get {
    /// The key
    key: String,
}

/// A list is an element a line.
pub async fn get<B: Backend<Json>>(
    Get { key }: Get,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let entry = store.get(&key).await?.ok_or_else(|| Failure::of_key(&Error::NotFound, &key))?;
    if screen.json {
        screen.say(row_line(&key, &entry)?)?;
        return Ok(Exit::Fine);
    }
    for element in entry.value.elements() {
        screen.say(screen.lines(&plain(element)))?;
    }
    if screen.terminal {
        screen.say(screen.paint(Style::Dim, screen.meta(&entry)))?;
    }
    Ok(Exit::Fine)
}

#[derive(Debug, clap::Args)]
pub struct Range {
    /// The key of the list
    key: String,
    /// The first element, counted from 0, or if it is below zero from the end
    #[arg(allow_negative_numbers = true, default_value_t = 0)]
    offset: isize,
    /// The most elements [default: all]
    limit: Option<usize>,
}

pub async fn range<B: Backend<Json>>(
    Range { key, offset, limit }: Range,
    store: &Store<Json, B>,
    screen: Screen,
) -> anyhow::Result<Exit> {
    let elements = store.range(&key, offset, limit.unwrap_or(usize::MAX)).await;
    let elements = elements.map_err(|error| Failure::of_key(&error, &key))?;
    let elements = elements.ok_or_else(|| Failure::of_key(&Error::NotFound, &key))?;
    if screen.json {
        screen.say(serde_json::to_string(&elements)?)?;
        return Ok(Exit::Fine);
    }
    elements.iter().try_for_each(|element| screen.say(screen.lines(&plain(element))))?;
    Ok(Exit::Fine)
}
