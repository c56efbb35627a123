//! A line: one JSON object, whose last field is the CRC-32C of everything before it.
//!
//! The checksum is that of the bytes up to the comma before `"crc"` (Castagnoli, as in iSCSI, RFC 3720),
//! in eight lowercase hexadecimal digits.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::str::from_utf8;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(crate) use self::read::valid;
pub(crate) use crate::wire::{Text, text_of};
use crate::{Timestamp, wire};

/// What follows the bytes that are summed: `,"crc":"xxxxxxxx"}`.
pub(crate) const SEAL: usize = 18;

/// The fields of a line. Which of them are there depends on the command; a text that is not there is
/// empty.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow, default)]
    pub(crate) command: Cow<'a, str>,
    #[serde(default)]
    pub(crate) revision: u64,
    #[serde(borrow, default)]
    pub(crate) key: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(default)]
    kind: u8,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ttl: Cow<'a, str>,
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
    /// The first line of an append: how many lines it has.
    #[serde(default)]
    pub(crate) lines: usize,
    /// The first line of an append: the offset in this file that was known to be synced before it.
    #[serde(default)]
    pub(crate) synced: u64,
}

/// A `null` is a value too: that of `()`, or of a `None`.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(value).map(Some)
}

/// A line that is whole, and that this version or this element type cannot read all the same. Never cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

/// The bytes that are summed, if the sum is right.
pub(crate) fn unseal(line: &[u8]) -> Option<&[u8]> {
    let (text, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    let lowercase = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let sum = u32::from_str_radix(from_utf8(digits).ok()?, 16).ok()?;
    (lowercase && sum == crc32c::crc32c(text)).then_some(text)
}

/// End the line that began at `start`: its sum, and a newline.
pub(crate) fn seal(buffer: &mut Vec<u8>, start: usize) {
    let sum = crc32c::crc32c(&buffer[start..]);
    buffer.extend_from_slice(format!(",\"crc\":\"{sum:08x}\"}}\n").as_bytes());
}

impl<'a> Line<'a> {
    /// The fields of a line whose sum is right.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        // What was summed lacks the brace, and the whole line has it.
        serde_json::from_slice(line).map_err(|error| Unreadable(error.to_string()))
    }
}

/// Reads and writes lines. The times of one turn are the same: it remembers the last one it met.
#[derive(Debug, Default)]
pub(crate) struct Codec {
    written: Option<(Timestamp, String)>,
    read: Option<(String, Timestamp)>,
}

/// A moment that was written as RFC 3339.
pub(crate) fn time_of(text: &str) -> Result<Timestamp, Unreadable> {
    wire::time_of(text).map_err(|error| Unreadable(error.to_string()))
}
