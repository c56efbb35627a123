//! A line: one JSON object, whose last member is the CRC-32C of everything before it.
//!
//! The checksum is that of the bytes up to the comma before `"crc"` (Castagnoli, as in iSCSI, RFC 3720), in eight
//! lowercase hexadecimal digits. Lines of format 1 use other names for the same members; they are read as aliases.

mod read;
mod sum;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::str::from_utf8;

use serde::de::{self, IgnoredAny, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(crate) use self::read::valid;
pub(crate) use self::sum::Sum;
pub(crate) use self::write::{After, change_line, entry_line, put_append};
use crate::wire;
pub(crate) use crate::wire::{Text, text_of};

/// The length of what follows the summed bytes: `,"crc":"xxxxxxxx"}`.
pub(crate) const SEAL: usize = 18;

/// The records of a journal that are not changes.
pub(crate) const ENTRY: &str = "entry";
pub(crate) const END: &str = "end";
pub(crate) const CLOSE: &str = "close";

/// The members of a line. Which of them are there depends on the record.
///
/// A member that this version does not write is an error: it may change what the line means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line<'a> {
    /// What the line records; empty in a header.
    #[serde(borrow, default, rename = "change", alias = "record", alias = "command")]
    pub(crate) record: Cow<'a, str>,
    #[serde(default)]
    pub(crate) revision: u64,
    #[serde(borrow, default)]
    pub(crate) key: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) time: Cow<'a, str>,
    #[serde(default)]
    kind: Kind,
    #[serde(borrow, default, alias = "element", deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ttl: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    created_at: Cow<'a, str>,
    #[serde(borrow, default)]
    updated_at: Cow<'a, str>,
    #[serde(borrow, default)]
    end: Cow<'a, str>,
    #[serde(default)]
    length: usize,
    #[serde(default)]
    pub(crate) count: usize,
    #[serde(borrow, default)]
    changes: Vec<Line<'a>>,
    /// In the first line of an append: how many lines it has.
    #[serde(default)]
    pub(crate) lines: usize,
    /// In the first line of an append: the offset in this file up to which everything was synced before it.
    #[serde(default)]
    pub(crate) synced: u64,
    /// The checksum of the append before this line: in the first line of an append, in a header, and at the end of a
    /// snapshot.
    #[serde(default)]
    pub(crate) prev: Option<Sum>,
    /// At the end of a snapshot: the checksum of all bytes before that line.
    #[serde(default)]
    pub(crate) sum: Option<Sum>,
    /// In a header: the version of the format.
    #[serde(default)]
    pub(crate) format: Option<u32>,
    /// In a header.
    #[serde(borrow, default)]
    pub(crate) store: Option<Cow<'a, str>>,
    /// In the header of a segment: the revision before its first.
    #[serde(default)]
    pub(crate) base: Option<u64>,
    /// In a header of a backup: which part follows.
    #[serde(borrow, default)]
    pub(crate) part: Option<Cow<'a, str>>,
    /// In the first header of a backup: all of its parts.
    #[serde(borrow, default)]
    pub(crate) parts: Vec<Cow<'a, str>>,
    #[serde(default, rename = "crc")]
    _crc: IgnoredAny,
    #[serde(default, rename = "id")]
    reserved_id: Option<IgnoredAny>,
    #[serde(default, rename = "epoch")]
    reserved_epoch: Option<IgnoredAny>,
}

/// Whether a value is a list: 0 and 1 in format 1, names in format 2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Item,
    List,
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind of value: string, json, string_slice or json_slice")
            }

            fn visit_u64<E: de::Error>(self, kind: u64) -> Result<Kind, E> {
                match kind {
                    0 => Ok(Kind::Item),
                    1 => Ok(Kind::List),
                    other => Err(E::invalid_value(Unexpected::Unsigned(other), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, kind: &str) -> Result<Kind, E> {
                match kind {
                    "string" | "json" => Ok(Kind::Item),
                    "string_slice" | "json_slice" => Ok(Kind::List),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

/// A `null` is a value too: that of `()`, or of a `None`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

/// A line whose checksum is right, and that this version or this element type cannot read. It is never cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

/// The summed bytes of a line, if its checksum is right.
pub(crate) fn unseal(line: &[u8]) -> Option<&[u8]> {
    let (text, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    let sum: Sum = from_utf8(digits).ok()?.parse().ok()?;
    (sum == Sum::of(text)).then_some(text)
}

/// End the line that began at `start`: its checksum, and a newline.
pub(crate) fn seal(buffer: &mut Vec<u8>, start: usize) {
    let sum = Sum::of(&buffer[start..]);
    buffer.extend_from_slice(format!(",\"crc\":\"{sum}\"}}\n").as_bytes());
}

impl<'a> Line<'a> {
    /// The members of a line whose checksum is right.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line: Self =
            serde_json::from_slice(line).map_err(|error| Unreadable(without_names(&error)))?;
        line.check_reserved()?;
        Ok(line)
    }

    /// Members that `docs/journal.md` reserves. A version that writes them must read them.
    fn check_reserved(&self) -> Result<(), Unreadable> {
        let reserved = [
            ("id", self.reserved_id.is_some()),
            ("epoch", self.reserved_epoch.is_some()),
            ("store", self.store.is_some() && self.format.is_none()),
            ("part", self.part.is_some() && self.format.is_none()),
            ("parts", !self.parts.is_empty() && self.part.is_none()),
        ];
        match reserved.iter().find(|(_, is_present)| *is_present) {
            Some((name, _)) => Err(Unreadable(format!(
                "the member {name:?} is written by a later version of mainspring: use that version"
            ))),
            None => self.changes.iter().try_for_each(Self::check_reserved),
        }
    }

    /// Whether the line is a mark that the journal was closed.
    pub(crate) fn is_close(&self) -> bool {
        self.record == CLOSE
    }
}

/// What is wrong with a line, without the names of all members that there are.
fn without_names(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected one of") {
        Some((unknown, _)) if unknown.starts_with("unknown field") => {
            format!("{unknown}, which a later version of mainspring may write: use that version")
        }
        _ => text,
    }
}

/// Reads and writes lines. The times of one turn are the same: it remembers the last one that it read.
#[derive(Debug, Default)]
pub(crate) struct Codec {
    read: Option<(String, crate::model::Timestamp)>,
}

/// A time that was written as RFC 3339.
pub(crate) fn time_of(text: &str) -> Result<crate::model::Timestamp, Unreadable> {
    wire::time_of(text).map_err(|error| Unreadable(error.to_string()))
}
