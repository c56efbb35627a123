//! A segment: a part of the log, in one file. It consists of a header, appends, and preallocated newlines.
//!
//! Two rules distinguish damage from an incomplete append that a crash has left at the end:
//!
//! - An append is written only after the sync policy is satisfied for the previous one, and records the offset up to
//!   which the file was synced. Everything below the highest recorded offset, or below the [mark](Mark) in the manifest,
//!   may have been acknowledged: it must be intact, and is never cut off.
//! - Each append records the checksum of the previous append, across files. A log that was reset to an older copy,
//!   lost
//!   appends in its middle, or belongs to another history breaks this chain.

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::line::{Line, Sum, seal, unseal};
use crate::journal::codec::Unreadable;
use crate::model::StoreId;

/// The version of the format that is written. Older versions can be read.
pub(crate) const FORMAT: u32 = 2;

/// The description of a segment in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentInfo {
    /// The revision before the first one in the segment.
    pub(crate) base: u64,
    /// The id of the store when the segment was created.
    pub(crate) store: String,
    /// The checksum of the append before the first one in the segment; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prev: Option<Sum>,
    /// The newest revision, once the segment is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<u64>,
    /// The length of the complete segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
}

impl SegmentInfo {
    pub(crate) fn new(base: u64, store: StoreId, prev: Sum) -> Self {
        Self { base, store: store.to_string(), prev: Some(prev), end: None, bytes: None }
    }

    /// Returns the name of the file.
    pub(crate) fn file(&self) -> String {
        format!("log-{:020}.jsonl", self.base)
    }

    /// Returns the first line.
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

    /// Returns whether a header belongs to this segment. A segment that is listed in format 1 may have a header of the
    /// current format, if an upgrade was interrupted.
    pub(crate) fn has_header(&self, found: &Self) -> bool {
        let is_chained = self.prev.is_none() || self.prev == found.prev;
        self.base == found.base && self.store == found.store && is_chained
    }
}

/// The last append of the last segment that is known to be synced. It is recorded in the manifest to detect a log that
/// was truncated, even at a line boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The newest revision of the append.
    pub(crate) revision: u64,
    /// The offset in the segment at which the append ends.
    pub(crate) offset: u64,
    /// The checksum of the append.
    pub(crate) sum: Sum,
}

impl Mark {
    /// Returns the mark of a segment without appends.
    pub(crate) fn of_empty(segment: &SegmentInfo) -> Option<Self> {
        let offset = segment.header().len() as u64;
        Some(Self { revision: segment.base, offset, sum: segment.prev? })
    }

    /// Returns whether an append shows that the log is not the one of this mark. The append begins at the offset
    /// `before` and ends at `now`: if the offset of the mark is in this range, `now` must equal the mark.
    pub(crate) fn contradicts(&self, before: u64, now: Option<Self>) -> bool {
        now.is_some_and(|now| before < self.offset && self.offset <= now.offset && now != *self)
    }
}

/// Reads the header of a segment. Returns it with its length including the newline, or `None` if the file has no
/// intact header.
///
/// # Errors
///
/// If the header is intact and has members that are unknown to this version.
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

/// Returns the version of the format of a file, if its first line is intact and this version cannot read the format.
pub(crate) fn unknown_format(bytes: &[u8]) -> Option<u32> {
    // Other versions may have other members.
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

/// Returns whether a file of this name is a segment.
pub(crate) fn is_segment(name: &str) -> bool {
    name.strip_prefix("log-").and_then(|rest| rest.strip_suffix(".jsonl")).is_some()
}
