//! Command line arguments for values, times to live and conditions.

use std::io::{Read, stdin};

use clap::ValueEnum;
use mainspring::wire::{Json, parse_duration, read_value};
use mainspring::{Ttl, Value, Write};

use super::failure::Failure;

/// The type of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Type {
    /// A text
    #[default]
    Text,
    /// JSON: a string, a number, true, false, an object, or an array of these
    Json,
}

/// Elements from arguments or the standard input.
#[derive(Debug, clap::Args)]
pub struct ElementArgs {
    /// The value, or several for a list; - is the entire standard input, including its last line break
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    values: Vec<String>,

    /// The type of each VALUE
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    kind: Type,

    /// Append the lines of the standard input as elements of a list
    #[arg(long)]
    lines: bool,
}

/// An item or a list.
#[derive(Debug, clap::Args)]
pub struct ValueArgs {
    #[command(flatten)]
    elements: ElementArgs,

    /// Create a list even from one VALUE, and an empty list from none
    #[arg(long)]
    list: bool,
}

impl ValueArgs {
    pub fn value(self) -> anyhow::Result<Value<Json>> {
        if !self.list {
            self.elements.check("missing VALUE; add one, or --list for an empty list")?;
        }
        let is_list = self.list || self.elements.lines || self.elements.values.len() != 1;
        if !is_list && self.elements.kind == Type::Json {
            let text = self.elements.texts()?.concat();
            let invalid = |error| Failure::usage(format!("invalid JSON in VALUE: {error}"));
            return read_value(&text).map_err(invalid);
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

impl ElementArgs {
    /// Fail if there are no elements.
    pub fn check(&self, advice: &str) -> anyhow::Result<()> {
        let is_present = self.lines || !self.values.is_empty();
        if is_present { Ok(()) } else { Err(Failure::usage(advice.into())) }
    }

    /// Parse the elements.
    pub fn read(self) -> anyhow::Result<Vec<Json>> {
        let kind = self.kind;
        let element = |text: String| match kind {
            Type::Text => Ok(Json::text(&text)),
            Type::Json => text
                .parse()
                .map_err(|error| Failure::usage(format!("invalid JSON {text:?}: {error}"))),
        };
        self.texts()?.into_iter().map(element).collect()
    }

    fn texts(self) -> anyhow::Result<Vec<String>> {
        let Self { mut values, lines, .. } = self;
        let inputs = values.iter().filter(|value| *value == "-").count() + usize::from(lines);
        if inputs > 1 {
            return Err(Failure::usage(
                "the standard input can be used for only one of the values".into(),
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

/// Read the entire standard input.
pub fn standard_input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("the standard input is not valid UTF-8 at byte {at}"))
    })
}

/// The time to live of a write.
#[derive(Debug, clap::Args)]
pub struct TtlArgs {
    /// Time to live, such as 1h30m; none: the key does not expire
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Ttl>,
}

impl TtlArgs {
    pub fn apply(&self, write: Write<Json>) -> Write<Json> {
        with_ttl(write, self.ttl.unwrap_or_default())
    }
}

pub fn with_ttl(write: Write<Json>, ttl: Ttl) -> Write<Json> {
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
        Ok(time) if time.is_zero() => Err("expected a time to live above zero".into()),
        Ok(time) => Ok(Ttl::After(time)),
        Err(error) => Err(format!("{error}, or none")),
    }
}

/// The condition of a write.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct ConditionArgs {
    /// Only if the key is absent
    #[arg(long)]
    if_absent: bool,

    /// Only if the key exists
    #[arg(long)]
    if_present: bool,

    /// Only if the last change to the key has this revision
    #[arg(long, value_name = "REVISION")]
    if_revision: Option<u64>,
}

impl ConditionArgs {
    pub fn apply(&self, write: Write<Json>) -> Write<Json> {
        match self.if_revision {
            Some(revision) => write.if_revision(revision),
            None if self.if_absent => write.if_absent(),
            None if self.if_present => write.if_present(),
            None => write,
        }
    }
}
