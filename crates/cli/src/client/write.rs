//! `mainspring set`, `update`, `remove`, `push`, `pop`, `expire` and `persist`.

use mainspring::wire::{Json, time_text};
use mainspring::{Backend, Store, Ttl, Value, Write, Written};
use serde::Serialize;

use super::failure::Failure;
use super::screen::{Screen, Style, plain};
use super::values::{Conditions, Elements, Given, Living, live, ttl};
use crate::exit::Exit;

/// Of `set` and of `update`.
#[derive(Debug, clap::Args)]
pub struct Put {
    /// The key
    key: String,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    living: Living,
    #[command(flatten)]
    conditions: Conditions,
}

impl Put {
    pub fn write(
        self,
        new: impl FnOnce(String, Value<Json>) -> Write<Json>,
    ) -> anyhow::Result<Vec<Write<Json>>> {
        let write = new(self.key, self.given.value()?);
        Ok(vec![self.conditions.apply(self.living.apply(write))])
    }
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The keys
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    conditions: Conditions,
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
    elements: Elements,
    /// Add to the front, so that the last VALUE is the first element
    #[arg(long)]
    front: bool,
    #[command(flatten)]
    living: Living,
    #[command(flatten)]
    conditions: Conditions,
}

impl Push {
    /// The conditions are those of the first; that of a revision would not hold for the others.
    pub fn writes(self) -> anyhow::Result<Vec<Write<Json>>> {
        let Self { key, elements, front, living, conditions } = self;
        elements.check("give a VALUE, or --lines to take those of the standard input")?;
        let push = |(index, element): (usize, Json)| {
            let write =
                if front { Write::push_front(&key, element) } else { Write::push(&key, element) };
            let write = living.apply(write);
            if index == 0 { conditions.apply(write) } else { write }
        };
        Ok(elements.read()?.into_iter().enumerate().map(push).collect())
    }
}

#[derive(Debug, clap::Args)]
pub struct Pop {
    /// The key of the list
    key: String,
    /// Take the first element rather than the last
    #[arg(long)]
    front: bool,
    #[command(flatten)]
    conditions: Conditions,
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
    /// How many elements stay at most
    #[arg(value_name = "N")]
    keep: usize,
    /// Keep the first elements rather than the last
    #[arg(long)]
    front: bool,
    #[command(flatten)]
    conditions: Conditions,
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
    /// After this time, such as 1h30m; none: never
    #[arg(value_name = "TIME", value_parser = ttl)]
    ttl: Ttl,
    #[command(flatten)]
    conditions: Conditions,
}

impl Expire {
    pub fn write(self) -> Vec<Write<Json>> {
        // Without a time it is a persist, which is what `none` means.
        vec![self.conditions.apply(live(Write::persist(self.key), self.ttl))]
    }
}

#[derive(Debug, clap::Args)]
pub struct Persist {
    /// The key
    key: String,
    #[command(flatten)]
    conditions: Conditions,
}

impl Persist {
    pub fn write(self) -> Vec<Write<Json>> {
        vec![self.conditions.apply(Write::persist(self.key))]
    }
}

/// Do one write, or several of which all or none are done, and say what that did.
pub async fn run<B: Backend<Json>>(
    mut writes: Vec<Write<Json>>,
    store: &Store<Json, B>,
    screen: Screen,
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
    if screen.json {
        done.iter().try_for_each(|written| screen.say(line(written)))?;
        return Ok(Exit::Fine);
    }
    for written in &done {
        if let Some(popped) = &written.popped {
            screen.say(screen.lines(&plain(popped)))?;
        }
    }
    match done.last() {
        Some(Written { popped: Some(_), .. }) if !screen.terminal => {}
        Some(written) if screen.terminal => {
            let rest = if let Some(removed) = written.removed {
                format!(", {removed} removed, list of {}", written.length)
            } else if written.popped.is_some() {
                format!(", {} left", written.length)
            } else if written.length > 0 {
                format!(", list of {}", written.length)
            } else {
                String::new()
            };
            screen.say(screen.paint(Style::Dim, format!("revision {}{rest}", written.revision)))?;
        }
        Some(Written { removed: Some(removed), .. }) => screen.say(removed)?,
        Some(written) => screen.say(written.revision)?,
        None => {}
    }
    Ok(Exit::Fine)
}

/// As a server says it.
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

/// What a write did, as JSON.
pub fn line(written: &Written<Json>) -> String {
    let is_of_list = written.length > 0 || written.popped.is_some() || written.removed.is_some();
    let line = Line {
        revision: written.revision,
        updated_at: time_text(written.updated_at),
        length: is_of_list.then_some(written.length),
        popped: written.popped.as_ref(),
        removed: written.removed,
    };
    serde_json::to_string(&line).unwrap_or_default()
}
