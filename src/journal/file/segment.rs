//! A segment: a part of the log, in a file of its own. A header, appends, and newlines to the end.
//!
//! Two rules tell damage from an end that a crash has torn:
//!
//! - An append is written only when the one before it is as safe as the journal makes them, and says up to which
//!   offset the file was synced. What lies below the highest such offset, or below the [mark](Mark) of the manifest,
//!   was acknowledged: it must be there, and is never cut.
//! - Each append names the checksum of the append before it, across files. A log that went back, lost its middle, or
//!   is of another history does not continue that chain.

use std::fmt::Write as _;
use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};

use super::line::{Line, SEAL, Sum, Text, Unreadable, seal, unseal};
use crate::StoreId;

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
        let _ =
            write!(Text(&mut line), "{{\"format\":{format},\"store\":\"{store}\",\"base\":{base}");
        if let Some(prev) = self.prev {
            let _ = write!(Text(&mut line), ",\"prev\":\"{prev}\"");
        }
        seal(&mut line, 0);
        line
    }

    /// Whether a header is that of this segment. One that is listed in format 1 may have been begun anew by an
    /// upgrade that was cut short.
    fn has_header(&self, found: &Self) -> bool {
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

/// What the header of a segment says, and its length with the newline.
pub(crate) fn read_header(bytes: &[u8]) -> Option<(SegmentInfo, usize)> {
    let line = &bytes[..memchr::memchr(b'\n', bytes)?];
    unseal(line)?;
    let line = Line::parse(line).ok()?;
    let store = line.store?.into_owned();
    let info = SegmentInfo { base: line.base?, store, prev: line.prev, end: None, bytes: None };
    let header = info.header();
    bytes.starts_with(&header).then_some((info, header.len()))
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

/// What a scan is to find beside the appends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected<'a> {
    /// What has to be there.
    pub(crate) mark: Option<&'a Mark>,
    /// The revisions of which [`Scan::sum_of`] is wanted.
    pub(crate) revisions: &'a [u64],
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
    /// The checksum that the first append follows; `None` in format 1, which has no chain.
    pub(crate) first: Option<Sum>,
    /// The checksum of the last append of changes, which is `first` if there is none.
    pub(crate) last: Option<Sum>,
    /// The [expected](Expected::revisions) revisions that are here, and the checksums of the appends that hold them.
    sums: Vec<(u64, Sum)>,
    pub(crate) damage: Option<Damage>,
}

impl Scan {
    fn new(base: u64) -> Self {
        Self {
            end: 0,
            revision: base,
            unmarked: 0,
            closed: false,
            first: None,
            last: None,
            sums: Vec::new(),
            damage: None,
        }
    }

    /// The last append holds these revisions.
    fn found(&mut self, expected: Expected<'_>, revisions: RangeInclusive<u64>) {
        let wanted = expected.revisions.iter().filter(|revision| revisions.contains(revision));
        self.sums.extend(
            wanted
                .copied()
                .zip(std::iter::repeat(self.last))
                .filter_map(|(revision, sum)| Some((revision, sum?))),
        );
    }

    /// The checksum of the append that holds a revision that was [expected](Expected::revisions), if it is here.
    pub(crate) fn sum_of(&self, revision: u64) -> Option<Sum> {
        self.sums.iter().find(|(of, _)| *of == revision).map(|(_, sum)| *sum)
    }

    /// Where the log is up to, if this is its last segment and it has a chain.
    pub(crate) fn mark(&self) -> Option<Mark> {
        Some(Mark { revision: self.revision, offset: self.unmarked, sum: self.last? })
    }
}

impl Mark {
    /// The mark of a segment that has a header and no appends.
    pub(crate) fn of_empty(segment: &SegmentInfo) -> Option<Self> {
        let offset = segment.header().len() as u64;
        Some(Self { revision: segment.base, offset, sum: segment.prev? })
    }

    /// Whether the log is another one than that of the mark, now that it reaches to `now` and did to `before`.
    fn contradicts(&self, before: u64, now: Option<Self>) -> bool {
        now.is_some_and(|now| before < self.offset && self.offset <= now.offset && now != *self)
    }
}

const CONTRADICTION: &str = "the log differs from what the manifest says was synced";

/// Something that is not an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where the append begins that cannot be kept.
    pub(crate) start: u64,
    /// Where it was noticed.
    pub(crate) offset: u64,
    /// What is wrong there.
    pub(crate) what: &'static str,
    /// Up to where the file is known to have been synced.
    pub(crate) synced: u64,
}

impl Damage {
    /// Whether it is below what was synced: then nothing may be cut.
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

/// An append that is whole.
#[derive(Debug)]
pub(crate) struct Append<'a> {
    /// Its lines, each with its offset.
    pub(crate) lines: Vec<(u64, Line<'a>)>,
    /// Where the next append begins.
    pub(crate) next: usize,
    /// The newest revision.
    pub(crate) revision: u64,
    /// Up to where it says that the file was synced before it.
    pub(crate) synced: u64,
    /// Its checksum.
    pub(crate) sum: Sum,
}

impl Append<'_> {
    /// Whether it is a mark that the journal was closed, which is not a link of the chain.
    pub(crate) fn is_close(&self) -> bool {
        self.lines.iter().any(|(_, line)| line.is_close())
    }
}

/// Walk through the appends of a segment. `tell` gets each append that is whole, before it counts.
pub(crate) fn scan<E>(
    bytes: &[u8],
    info: &SegmentInfo,
    expected: Expected<'_>,
    mut tell: impl FnMut(&Append<'_>) -> Result<(), ScanError<E>>,
) -> Result<Scan, ScanError<E>> {
    if let Some(format) = unknown_format(bytes) {
        return Err(ScanError::Format(format));
    }
    let mut scan = Scan::new(info.base);
    let header = read_header(bytes).filter(|(found, _)| info.has_header(found));
    let Some((header, length)) = header else {
        // A segment is listed when its header was synced.
        let known = expected.mark.map_or(0, |mark| mark.offset).max(info.header().len() as u64);
        scan.damage = Some(damage(bytes, 0, (0, "the header is missing or damaged"), known));
        return Ok(scan);
    };
    (scan.first, scan.last) = (header.prev, header.prev);
    (scan.end, scan.unmarked) = (length as u64, length as u64);
    scan.found(expected, info.base..=info.base);
    let contradicts = |before, now| expected.mark.is_some_and(|mark| mark.contradicts(before, now));
    let mut synced = expected.mark.map_or(0, |mark| mark.offset).max(scan.end);
    let mut problem = contradicts(0, scan.mark()).then_some((0, CONTRADICTION));
    let mut at = length;
    while problem.is_none() && bytes[at..].iter().any(|byte| *byte != b'\n') {
        let append = match append_at(bytes, at, 0, (scan.revision, scan.last))
            .map_err(|(offset, error)| ScanError::Unreadable(offset, error))?
        {
            Ok(append) => append,
            Err(found) => {
                problem = Some(found);
                break;
            }
        };
        let closes = append.is_close();
        let last = if closes { scan.last } else { scan.last.and(Some(append.sum)) };
        let offset = append.next as u64;
        let now = last.map(|sum| Mark { revision: append.revision, offset, sum });
        if !closes && contradicts(scan.unmarked, now) {
            problem = Some((at, CONTRADICTION));
            break;
        }
        tell(&append)?;
        let revisions = scan.revision + 1..=append.revision;
        (scan.end, scan.revision, scan.last, scan.closed) = (offset, append.revision, last, closes);
        if !closes {
            scan.unmarked = offset;
            scan.found(expected, revisions);
        }
        (at, synced) = (append.next, append.synced.max(synced));
    }
    if problem.is_none() && synced > scan.end {
        problem = Some((at, ENDS_EARLY));
    }
    if let Some(problem) = problem {
        scan.closed = false;
        scan.damage = Some(damage(bytes, scan.end, problem, synced));
    }
    Ok(scan)
}

const ENDS_EARLY: &str = "the log ends here, and more of it was synced: it was cut, or it was copied while the \
                          store was running, which is what `mainspring backup` is for";

fn damage(bytes: &[u8], start: u64, (offset, what): (usize, &'static str), known: u64) -> Damage {
    let synced = known.max(known_behind(bytes, start as usize));
    Damage { start, offset: offset as u64, what, synced }
}

/// An append, or where and why there is none.
pub(crate) type Found<'a> = Result<Append<'a>, (usize, &'static str)>;

/// The append that begins at `start` and follows a revision and, if it is known, a checksum. `origin` is where in
/// the file the bytes begin.
pub(crate) fn append_at(
    bytes: &[u8],
    start: usize,
    origin: u64,
    (mut revision, prev): (u64, Option<Sum>),
) -> Result<Found<'_>, (u64, Unreadable)> {
    let mut at = start;
    let (mut left, mut synced) = (1, 0);
    let mut lines = Vec::new();
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
                return Ok(Err((at, "the line says that more was synced than there was")));
            }
            if prev.is_some() && line.prev != prev {
                return Ok(Err((at, "the append does not follow the one before it")));
            }
            (left, synced) = (line.lines, line.synced);
        } else if line.lines > 0 {
            return Ok(Err((at, "the append before this one is not complete")));
        }
        let follows = if line.is_close() {
            line.revision == revision
        } else {
            Some(line.first_revision()) == revision.checked_add(1)
        };
        if !follows {
            return Ok(Err((at, "the revision does not follow the one before it")));
        }
        revision = line.revision;
        lines.push((at as u64, line));
        (at, left) = (range.end + 1, left - 1);
    }
    let sum = Sum::of(&bytes[start..at]);
    Ok(Ok(Append { lines, next: at, revision, synced, sum }))
}

/// The line that begins here, without its newline, unless that is missing.
fn line_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = memchr::memchr(b'\n', bytes.get(at..)?)?;
    Some(at..at + length)
}

/// The next piece between newlines from here on, or what follows a line in it: where the newline between two lines is
/// something else, the second may still be whole.
pub(crate) fn next_line(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let end = at + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let piece = &bytes[at..end];
    let skipped = if unseal(piece).is_some() { None } else { joined(piece) };
    Some(at + skipped.unwrap_or(0)..end)
}

/// The highest offset that any whole line from here on says was synced. One beyond the file is not from here.
fn known_behind(bytes: &[u8], from: usize) -> u64 {
    let (mut at, mut highest) = (from, 0);
    while let Some(line) = next_line(bytes, at) {
        at = line.end + 1;
        let text = &bytes[line];
        let parsed = unseal(text).and_then(|_| Line::parse(text).ok());
        let synced = parsed.map_or(0, |line| line.synced);
        if synced <= bytes.len() as u64 {
            highest = synced.max(highest);
        }
    }
    highest
}

/// Where a line begins behind another one, where the newline between them is something else.
fn joined(lines: &[u8]) -> Option<usize> {
    let sums = memchr::memmem::find_iter(lines, b",\"crc\":\"");
    // The sum, its end, and what should be a newline.
    let mut behind = sums.map(|sum| sum + SEAL + 1);
    behind.find(|at| lines.get(*at..).is_some_and(|line| unseal(line).is_some()))
}
