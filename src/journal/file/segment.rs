//! A segment: a part of the log, in a file of its own. A header, appends, and newlines to the end.
//!
//! An append is written only when the one before it is as safe as the journal makes them, and says up to
//! which offset the file was known to be synced. So damage below the highest such offset is damage to what
//! was acknowledged, and what lies behind other damage was not known to be synced.

use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::line::{Line, SEAL, Text, Unreadable, seal, unseal};
use crate::StoreId;

/// The version of the format, in every header. A journal of another one is refused.
pub(crate) const FORMAT: u32 = 1;

/// What the manifest says of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentInfo {
    /// The revision before its first.
    pub(crate) base: u64,
    /// The store, when the segment was begun.
    pub(crate) store: String,
    /// Its newest revision, once it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<u64>,
    /// Its length then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
}

impl SegmentInfo {
    pub(crate) fn new(base: u64, store: StoreId) -> Self {
        Self { base, store: store.to_string(), end: None, bytes: None }
    }

    /// The name of its file.
    pub(crate) fn file(&self) -> String {
        format!("log-{:020}.jsonl", self.base)
    }

    /// Its first line.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut line = Vec::new();
        let (store, base) = (&self.store, self.base);
        let _ =
            write!(Text(&mut line), "{{\"format\":{FORMAT},\"store\":\"{store}\",\"base\":{base}");
        seal(&mut line, 0);
        line
    }
}

/// What the header of a segment says, for when the manifest cannot: the revision before its first, and the
/// store.
pub(crate) fn read_header(bytes: &[u8]) -> Option<SegmentInfo> {
    let line = &bytes[..memchr::memchr(b'\n', bytes)?];
    unseal(line)?;
    let info: SegmentInfo = serde_json::from_slice(line).ok()?;
    (bytes.starts_with(&info.header())).then_some(info)
}

/// The version of the format that a file begins with, if its first line is whole and it is another one.
pub(crate) fn other_format(bytes: &[u8]) -> Option<u32> {
    // Others may have other fields.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let line = &bytes[..memchr::memchr(b'\n', bytes)?];
    unseal(line)?;
    let Version { format } = serde_json::from_slice(line).ok()?;
    (format != FORMAT).then_some(format)
}

/// Whether a file of this name is a segment.
pub(crate) fn is_segment(name: &str) -> bool {
    name.strip_prefix("log-").and_then(|rest| rest.strip_suffix(".jsonl")).is_some()
}

/// What the lines of a segment are, up to the first that is not right.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The end of the last append that is whole.
    pub(crate) end: u64,
    /// The newest revision up to there.
    pub(crate) revision: u64,
    /// The end of the last append of changes: behind it are only marks that the journal was closed.
    pub(crate) unmarked: u64,
    /// The last line says that the journal was closed there.
    pub(crate) closed: bool,
    pub(crate) damage: Option<Damage>,
}

/// Something that is no append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where the append begins that cannot be kept.
    pub(crate) start: u64,
    /// Where it was noticed.
    pub(crate) offset: u64,
    /// What is wrong there.
    pub(crate) what: &'static str,
    /// The highest offset that any line says was synced.
    pub(crate) synced: u64,
}

impl Damage {
    /// Whether it is below what was known to be synced: then nothing may be cut.
    pub(crate) fn is_final(&self) -> bool {
        self.synced > self.start
    }
}

/// Why a segment could not be scanned to its end.
#[derive(Debug)]
pub(crate) enum ScanError<E> {
    /// The header is whole, and is that of another version of the format.
    Format(u32),
    /// A line is whole, and cannot be read by this version or with this element type.
    Unreadable(u64, Unreadable),
    /// The caller wants no more.
    Stopped(E),
}

/// Walk through the appends of a segment. `tell` gets the lines of each append that is whole, with their
/// offsets, before it counts.
pub(crate) fn scan<E>(
    bytes: &[u8],
    info: &SegmentInfo,
    mut tell: impl FnMut(&[(u64, Line<'_>)]) -> Result<(), ScanError<E>>,
) -> Result<Scan, ScanError<E>> {
    if let Some(format) = other_format(bytes) {
        return Err(ScanError::Format(format));
    }
    let header = info.header();
    let mut scan = Scan { end: 0, revision: info.base, unmarked: 0, closed: false, damage: None };
    let mut synced = 0;
    let mut at = header.len();
    let mut problem =
        (!bytes.starts_with(&header)).then_some((0, "the header is not as it should be"));
    if problem.is_none() {
        (scan.end, scan.unmarked, synced) = (at as u64, at as u64, at as u64);
    }
    let mut lines = Vec::new();
    while problem.is_none() && at < bytes.len() {
        if bytes[at..].iter().all(|byte| *byte == b'\n') {
            break;
        }
        lines.clear();
        match append_at(bytes, at, 0, scan.revision, &mut lines)
            .map_err(|(offset, error)| ScanError::Unreadable(offset, error))?
        {
            Ok((next, revision, known)) => {
                tell(&lines)?;
                scan.closed = lines.iter().any(|(_, line)| line.command == "close");
                (scan.end, scan.revision) = (next as u64, revision);
                if !scan.closed {
                    scan.unmarked = scan.end;
                }
                (at, synced) = (next, known.max(synced));
            }
            Err(found) => problem = Some(found),
        }
    }
    if let Some((offset, what)) = problem {
        let start = scan.end;
        let behind = known_behind(bytes, start as usize);
        let synced = synced.max(behind);
        scan.closed = false;
        scan.damage = Some(Damage { start, offset: offset as u64, what, synced });
    }
    Ok(scan)
}

/// An append, or where and why there is none.
pub(crate) type Found = Result<(usize, u64, u64), (usize, &'static str)>;

/// The append that begins here: where it ends, its newest revision, and up to where the file was known to be
/// synced. `origin` is where in the file the bytes begin.
pub(crate) fn append_at<'a>(
    bytes: &'a [u8],
    start: usize,
    origin: u64,
    mut revision: u64,
    lines: &mut Vec<(u64, Line<'a>)>,
) -> Result<Found, (u64, Unreadable)> {
    let mut at = start;
    let (mut left, mut synced) = (1, 0);
    while left > 0 {
        let Some(range) = line_at(bytes, at) else {
            return Ok(Err((at, "the append is not complete")));
        };
        let text = &bytes[range.clone()];
        if unseal(text).is_none() {
            return Ok(Err((at, "the checksum is not that of the line")));
        }
        let line = Line::parse(text).map_err(|error| (at as u64, error))?;
        if at == start {
            if line.lines == 0 {
                return Ok(Err((at, "no append begins here")));
            }
            if line.synced > origin + start as u64 {
                return Ok(Err((at, "it says that more was synced than there was")));
            }
            (left, synced) = (line.lines, line.synced);
        } else if line.lines > 0 {
            return Ok(Err((at, "the append before it is not complete")));
        }
        let first = line.first_revision();
        let closes = line.command == "close";
        if if closes { line.revision != revision } else { Some(first) != revision.checked_add(1) } {
            return Ok(Err((at, "its revision does not follow the one before it")));
        }
        revision = line.revision;
        lines.push((at as u64, line));
        (at, left) = (range.end + 1, left - 1);
    }
    Ok(Ok((at, revision, synced)))
}

/// The line that begins here, without its newline, unless that is missing.
fn line_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = memchr::memchr(b'\n', bytes.get(at..)?)?;
    Some(at..at + length)
}

/// The highest offset that any whole line from here on says was synced. One beyond the file is not from here.
fn known_behind(bytes: &[u8], from: usize) -> u64 {
    let behind = bytes.get(from..).unwrap_or_default();
    let lines = behind.split(|byte| *byte == b'\n').filter_map(|line| match unseal(line) {
        Some(_) => Some(line),
        None => joined(line),
    });
    let parsed = lines.filter_map(|line| Line::parse(line).ok());
    parsed.map(|line| line.synced).filter(|synced| *synced <= bytes.len() as u64).max().unwrap_or(0)
}

/// The line behind another one, where the newline between them is something else: it may be the only one
/// that tells that the other was synced.
fn joined(lines: &[u8]) -> Option<&[u8]> {
    let mut sums = memchr::memmem::find_iter(lines, b",\"crc\":\"");
    // The sum, its end, and what should be a newline.
    sums.find_map(|sum| lines.get(sum + SEAL + 1..).filter(|line| unseal(line).is_some()))
}
