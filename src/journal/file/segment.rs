//! A segment: a part of the log, in a file of its own. A header, appends, and newlines to the end.
//!
//! Two rules tell damage from an end that a crash has torn:
//!
//! - An append is written only when the one before it is as safe as the journal makes them, and says up to which
//!   offset the file was synced. What lies below the highest such offset, or below the [mark](Mark) of the manifest,
//!   was acknowledged: it must be there, and is never cut.
//! - Each append names the checksum of the append before it, across files. A log that went back, lost its middle, or
//!   is of another history does not continue that chain.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::line::{Line, Sum, seal, unseal};
use crate::journal::codec::Unreadable;
use crate::model::StoreId;

/// The version of the format that is written. Those before it are read.
pub(crate) const FORMAT: u32 = 2;

/// What the manifest says of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentInfo {
    /// The revision before its first.
    pub(crate) base: u64,
    /// The store, when the segment was begun.
    pub(crate) store: String,
    /// The checksum of the append before its first; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prev: Option<Sum>,
    /// Its newest revision, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<u64>,
    /// Its length then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
}

impl SegmentInfo {
    pub(crate) fn new(base: u64, store: StoreId, prev: Sum) -> Self {
        Self { base, store: store.to_string(), prev: Some(prev), end: None, bytes: None }
    }

    /// The name of its file.
    pub(crate) fn file(&self) -> String {
        format!("log-{:020}.jsonl", self.base)
    }

    /// Its first line.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let (store, base) = (&self.store, self.base);
        let format = if self.prev.is_some() { FORMAT } else { 1 };
        let _ = write!(line, "{{\"format\":{format},\"store\":\"{store}\",\"base\":{base}");
        if let Some(prev) = self.prev {
            let _ = write!(line, ",\"prev\":\"{prev}\"");
        }
        seal(&mut line, 0);
        line
    }

    /// Whether a header is that of this segment. One that is listed in format 1 may have been begun anew by an
    /// upgrade that was cut short.
    pub(crate) fn has_header(&self, found: &Self) -> bool {
        let is_chained = self.prev.is_none() || self.prev == found.prev;
        self.base == found.base && self.store == found.store && is_chained
    }
}

/// The last append of the log's last segment that is known to be synced. The manifest has it, so that a log that was
/// cut short is noticed, also at a line boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The revision up to there.
    pub(crate) revision: u64,
    /// Where in the segment the append ends.
    pub(crate) offset: u64,
    /// The checksum of the append.
    pub(crate) sum: Sum,
}

impl Mark {
    /// The mark of a segment that has a header and no appends.
    pub(crate) fn of_empty(segment: &SegmentInfo) -> Option<Self> {
        let offset = segment.header().len() as u64;
        Some(Self { revision: segment.base, offset, sum: segment.prev? })
    }

    /// Whether the log is another one than that of the mark, now that it reaches to `now` and did to `before`.
    pub(crate) fn contradicts(&self, before: u64, now: Option<Self>) -> bool {
        now.is_some_and(|now| before < self.offset && self.offset <= now.offset && now != *self)
    }
}

/// What the header of a segment says, and its length with the newline; `None` if the file has none.
///
/// # Errors
///
/// If it is whole, and has something that this version does not write.
pub(crate) fn read_header(bytes: &[u8]) -> Result<Option<(SegmentInfo, usize)>, Unreadable> {
    let Some(length) = memchr::memchr(b'\n', bytes) else { return Ok(None) };
    let line = &bytes[..length];
    if unseal(line).is_none() {
        return Ok(None);
    }
    let header = Line::parse(line)?.extra;
    let (Some(base), Some(store)) = (header.base, header.store) else { return Ok(None) };
    let info =
        SegmentInfo { base, store: store.into_owned(), prev: header.prev, end: None, bytes: None };
    Ok(Some((info, length + 1)))
}

/// The version of the format that a file begins with, if its first line is whole and this version does not read it.
pub(crate) fn unknown_format(bytes: &[u8]) -> Option<u32> {
    // Others may have other members.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let line = &bytes[..memchr::memchr(b'\n', bytes)?];
    unseal(line)?;
    let Version { format } = serde_json::from_slice(line).ok()?;
    (!is_known_format(format)).then_some(format)
}

pub(crate) fn is_known_format(format: u32) -> bool {
    (1..=FORMAT).contains(&format)
}

/// Whether a file of this name is a segment.
pub(crate) fn is_segment(name: &str) -> bool {
    name.strip_prefix("log-").and_then(|rest| rest.strip_suffix(".jsonl")).is_some()
}
