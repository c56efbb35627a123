//! `mainspring set`, `update`, `remove`, `push`, `pop`, `trim`, `expire` and `persist`.

use mainspring::wire::{Json, time_text};
use mainspring::{Backend, Store, Ttl, Value, Write, Written};
use serde::Serialize;

use super::failure::Failure;
use super::printer::{Printer, Style, plain};
use super::values::{ConditionArgs, ElementArgs, TtlArgs, ValueArgs, ttl, with_ttl};
use crate::exit::Exit;

/// Arguments of `set` and `update`.
#[derive(Debug, clap::Args)]
pub struct Put {
    /// The key
    key: String,
    #[command(flatten)]
    value: ValueArgs,
    #[command(flatten)]
    ttl_args: TtlArgs,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Put {
    pub fn write(
        self,
        new: impl FnOnce(String, Value<Json>) -> Write<Json>,
    ) -> anyhow::Result<Vec<Write<Json>>> {
        let write = new(self.key, self.value.value()?);
        Ok(vec![self.conditions.apply(self.ttl_args.apply(write))])
    }
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The keys
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Remove {
    pub fn writes(self) -> anyhow::Result<Vec<Write<Json>>> {
        let Self { keys, conditions } = self;
        Ok(keys.into_iter().map(|key| conditions.apply(Write::remove(key))).collect())
    }
}

#[derive(Debug, clap::Args)]
pub struct Push {
    /// The key of the list
    key: String,
    #[command(flatten)]
    elements: ElementArgs,
    /// Push to the front, so that the last VALUE becomes the first element
    #[arg(long)]
    front: bool,
    #[command(flatten)]
    ttl_args: TtlArgs,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Push {
    /// Only the first write has the condition: a required revision would not hold for the others.
    pub fn writes(self) -> anyhow::Result<Vec<Write<Json>>> {
        let Self { key, elements, front, ttl_args, conditions } = self;
        elements.check("missing VALUE; add one, or --lines to read the standard input")?;
        let push = |(index, element): (usize, Json)| {
            let write =
                if front { Write::push_front(&key, element) } else { Write::push(&key, element) };
            let write = ttl_args.apply(write);
            if index == 0 { conditions.apply(write) } else { write }
        };
        Ok(elements.read()?.into_iter().enumerate().map(push).collect())
    }
}

#[derive(Debug, clap::Args)]
pub struct Pop {
    /// The key of the list
    key: String,
    /// Remove the first element instead of the last
    #[arg(long)]
    front: bool,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Pop {
    pub fn write(self) -> Vec<Write<Json>> {
        let write = if self.front { Write::pop_front(self.key) } else { Write::pop(self.key) };
        vec![self.conditions.apply(write)]
    }
}

#[derive(Debug, clap::Args)]
pub struct Trim {
    /// The key of the list
    key: String,
    /// The most elements to keep
    #[arg(value_name = "N")]
    keep: usize,
    /// Keep the first elements instead of the last
    #[arg(long)]
    front: bool,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Trim {
    pub fn write(self) -> Vec<Write<Json>> {
        let Self { key, keep, front, conditions } = self;
        let write = if front { Write::trim_front(key, keep) } else { Write::trim(key, keep) };
        vec![conditions.apply(write)]
    }
}

#[derive(Debug, clap::Args)]
pub struct Expire {
    /// The key
    key: String,
    /// Time to live, such as 1h30m; none: the key does not expire
    #[arg(value_name = "TIME", value_parser = ttl)]
    ttl: Ttl,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Expire {
    pub fn write(self) -> Vec<Write<Json>> {
        // `none` is a persist; a time turns it into an expire.
        vec![self.conditions.apply(with_ttl(Write::persist(self.key), self.ttl))]
    }
}

#[derive(Debug, clap::Args)]
pub struct Persist {
    /// The key
    key: String,
    #[command(flatten)]
    conditions: ConditionArgs,
}

impl Persist {
    pub fn write(self) -> Vec<Write<Json>> {
        vec![self.conditions.apply(Write::persist(self.key))]
    }
}

/// Apply one write, or several atomically, and print the result.
pub async fn run<B: Backend<Json>>(
    mut writes: Vec<Write<Json>>,
    store: &Store<Json, B>,
    printer: Printer,
) -> anyhow::Result<Exit> {
    let keys: Vec<_> = writes.iter().map(|write| write.key().clone()).collect();
    let done = match (writes.pop(), writes.is_empty()) {
        (None, _) => Vec::new(),
        (Some(write), true) => {
            let written = store.write(write).await;
            vec![written.map_err(|error| Failure::of_key(&error, &keys[0]))?]
        }
        (Some(last), false) => {
            writes.push(last);
            let written = store.batch(writes).await;
            written.map_err(|failed| Failure::of_batch(failed, &keys, ""))?
        }
    };
    if printer.json {
        done.iter().try_for_each(|written| printer.print_line(line(written)))?;
        return Ok(Exit::Success);
    }
    for written in &done {
        if let Some(popped) = &written.popped {
            printer.print_line(printer.lines(&plain(popped)))?;
        }
    }
    match done.last() {
        Some(Written { popped: Some(_), .. }) if !printer.terminal => {}
        Some(written) if printer.terminal => {
            let rest = if let Some(removed) = written.removed {
                format!(", {removed} removed, list of {}", written.length)
            } else if written.popped.is_some() {
                format!(", {} left", written.length)
            } else if written.length > 0 {
                format!(", list of {}", written.length)
            } else {
                String::new()
            };
            printer.print_line(
                printer.paint(Style::Dim, format!("revision {}{rest}", written.revision)),
            )?;
        }
        Some(Written { removed: Some(removed), .. }) => printer.print_line(removed)?,
        Some(written) => printer.print_line(written.revision)?,
        None => {}
    }
    Ok(Exit::Success)
}

/// The result of a write in the JSON of the server.
#[derive(Serialize)]
struct Line<'a> {
    revision: u64,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    popped: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<usize>,
}

/// Format the result of a write as JSON.
pub fn line(written: &Written<Json>) -> String {
    let is_list = written.length > 0 || written.popped.is_some() || written.removed.is_some();
    let line = Line {
        revision: written.revision,
        updated_at: time_text(written.updated_at),
        length: is_list.then_some(written.length),
        popped: written.popped.as_ref(),
        removed: written.removed,
    };
    serde_json::to_string(&line).unwrap_or_default()
}
