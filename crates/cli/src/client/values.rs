//! Values, times to live and conditions, as the command line has them.

use std::io::{Read, stdin};

use clap::ValueEnum;
use mainspring::wire::{Json, parse_duration, read_value};
use mainspring::{Ttl, Value, Write};

use super::failure::Failure;

/// What a value is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Type {
    /// A text, as it is
    #[default]
    Text,
    /// JSON: a text in quotes, a number, true, false, an object, or a list of these
    Json,
}

/// Where a value comes from.
#[derive(Debug, clap::Args)]
pub struct Elements {
    /// The value, several for a list; - is all of the standard input, with its last line break
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    values: Vec<String>,

    /// What each VALUE is
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    kind: Type,

    /// Take the lines of the standard input as further elements of a list
    #[arg(long)]
    lines: bool,
}

/// A value, or a list of them.
#[derive(Debug, clap::Args)]
pub struct Given {
    #[command(flatten)]
    elements: Elements,

    /// Make a list also of a single VALUE, and an empty one of none
    #[arg(long)]
    list: bool,
}

impl Given {
    pub fn value(self) -> anyhow::Result<Value<Json>> {
        if !self.list {
            self.elements.check("give a VALUE, or --list for an empty list")?;
        }
        let is_list = self.list || self.elements.lines || self.elements.values.len() != 1;
        if !is_list && self.elements.kind == Type::Json {
            let text = self.elements.texts()?.concat();
            let wrong =
                |error| Failure::misused(format!("VALUE is no JSON that can be stored: {error}"));
            return read_value(&text).map_err(wrong);
        }
        let mut elements = self.elements.read()?;
        Ok(match elements.pop() {
            Some(element) if !is_list => Value::Item(element),
            last => {
                elements.extend(last);
                Value::List(elements)
            }
        })
    }
}

impl Elements {
    /// Whether something is given.
    pub fn check(&self, advice: &str) -> anyhow::Result<()> {
        let is_given = self.lines || !self.values.is_empty();
        if is_given { Ok(()) } else { Err(Failure::misused(advice.into())) }
    }

    /// One by one.
    pub fn read(self) -> anyhow::Result<Vec<Json>> {
        let kind = self.kind;
        let element = |text: String| match kind {
            Type::Text => Ok(Json::text(&text)),
            Type::Json => text.parse().map_err(|error| {
                Failure::misused(format!("{text:?} is no JSON that can be stored: {error}"))
            }),
        };
        self.texts()?.into_iter().map(element).collect()
    }

    fn texts(self) -> anyhow::Result<Vec<String>> {
        let Self { mut values, lines, .. } = self;
        let inputs = values.iter().filter(|value| *value == "-").count() + usize::from(lines);
        if inputs > 1 {
            return Err(Failure::misused(
                "the standard input can be only one of the values".into(),
            ));
        }
        if let Some(value) = values.iter_mut().find(|value| *value == "-") {
            *value = standard_input()?;
        }
        if lines {
            values.extend(standard_input()?.lines().map(str::to_owned));
        }
        Ok(values)
    }
}

/// All of it.
pub fn standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::misused(format!("the standard input is no text: byte {at} is not UTF-8"))
    })
}

/// When the key expires.
#[derive(Debug, clap::Args)]
pub struct Living {
    /// Let the key expire after this time, such as 1h30m; none: never
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Ttl>,
}

impl Living {
    pub fn apply(&self, write: Write<Json>) -> Write<Json> {
        live(write, self.ttl.unwrap_or_default())
    }
}

pub fn live(write: Write<Json>, ttl: Ttl) -> Write<Json> {
    match ttl {
        Ttl::After(ttl) => write.ttl(ttl),
        Ttl::Never => write.no_ttl(),
        _ => write,
    }
}

pub fn ttl(text: &str) -> Result<Ttl, String> {
    if text == "none" {
        return Ok(Ttl::Never);
    }
    match parse_duration(text) {
        Ok(time) if time.is_zero() => Err("a time to live is more than zero".into()),
        Ok(time) => Ok(Ttl::After(time)),
        Err(error) => Err(format!("{error}, or none")),
    }
}

/// What must hold for a write to be done.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct Conditions {
    /// Only if the key is absent
    #[arg(long)]
    if_absent: bool,

    /// Only if the key is there
    #[arg(long)]
    if_present: bool,

    /// Only if the last change to the key has this revision
    #[arg(long, value_name = "REVISION")]
    if_revision: Option<u64>,
}

impl Conditions {
    pub fn apply(&self, write: Write<Json>) -> Write<Json> {
        match self.if_revision {
            Some(revision) => write.if_revision(revision),
            None if self.if_absent => write.if_absent(),
            None if self.if_present => write.if_present(),
            None => write,
        }
    }
}
