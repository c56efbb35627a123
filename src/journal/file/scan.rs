//! Scan of a segment: iterates over its appends, and distinguishes damage from an incomplete end.
//!
//! A crash may leave an incomplete append at the end, which a start cuts off. Damage to acknowledged appends looks the
//! same at the position where it is found. What decides is the highest offset that is known to be synced: from the
//! mark of the manifest, from the appends before the position, and from every intact line behind it (`synced_behind`).
//! If the damaged append begins below that offset, it was acknowledged, and nothing is cut off.

use std::ops::{Range, RangeInclusive};

use serde::Deserialize;

use super::line::{Line, SEAL, Sum, unseal};
use super::segment::{Mark, SegmentInfo, read_header, unknown_format};
use crate::journal::codec::Unreadable;

/// What a scan must verify and look up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected<'a> {
    /// The mark that the segment must contain.
    pub(crate) mark: Option<&'a Mark>,
    /// The revisions that [`Scan::sum_of`] can look up.
    pub(crate) revisions: &'a [u64],
}

/// Result of the scan of a segment, up to its end or to the first damage.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The end of the last intact append.
    pub(crate) end: u64,
    /// The newest revision before that end.
    pub(crate) revision: u64,
    /// The end of the last append of changes. Only close marks follow it.
    pub(crate) unmarked: u64,
    /// Whether the last line is a close mark.
    pub(crate) closed: bool,
    /// The checksum that the first append must follow; `None` in format 1, which has no chain.
    pub(crate) first: Option<Sum>,
    /// The checksum of the last append of changes, or `first` if there is none.
    pub(crate) last: Option<Sum>,
    /// The [expected](Expected::revisions) revisions in this segment, with the checksums of the appends that contain
    /// them.
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

    /// Records the checksum of the last append, which contains these revisions, for those that are expected.
    fn record_sums(&mut self, expected: Expected<'_>, revisions: RangeInclusive<u64>) {
        let requested = expected.revisions.iter().filter(|revision| revisions.contains(revision));
        self.sums.extend(
            requested
                .copied()
                .zip(std::iter::repeat(self.last))
                .filter_map(|(revision, sum)| Some((revision, sum?))),
        );
    }

    /// Returns the checksum of the append that contains an [expected](Expected::revisions) revision, if it is in this
    /// segment.
    pub(crate) fn sum_of(&self, revision: u64) -> Option<Sum> {
        self.sums.iter().find(|(other, _)| *other == revision).map(|(_, sum)| *sum)
    }

    /// Returns the mark of the end of the log, if this is its last segment and has a chain.
    pub(crate) fn mark(&self) -> Option<Mark> {
        Some(Mark { revision: self.revision, offset: self.unmarked, sum: self.last? })
    }
}

const CONTRADICTION: &str = "the log differs from the synced log that the manifest records";

/// A position in a segment at which an intact append was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// The start of the append that is not intact.
    pub(crate) start: u64,
    /// The offset at which the damage was detected.
    pub(crate) offset: u64,
    /// What is wrong at that offset.
    pub(crate) what: &'static str,
    /// The offset up to which the file is known to have been synced.
    pub(crate) synced: u64,
}

impl Damage {
    /// Returns whether synced data is damaged. If so, nothing may be cut off.
    pub(crate) fn is_final(&self) -> bool {
        self.synced > self.start
    }
}

/// Error that ends a scan.
#[derive(Debug)]
pub(crate) enum ScanError<E> {
    /// The header is intact and of an unknown version of the format.
    Format(u32),
    /// A line is intact and cannot be decoded, by this version or with this element type.
    Unreadable(u64, Unreadable),
    /// The visitor has returned an error.
    Visit(E),
}

/// An intact append.
#[derive(Debug)]
pub(crate) struct Append<'a> {
    /// Its lines, each with its offset.
    pub(crate) lines: Vec<(u64, Line<'a>)>,
    /// The offset of the next append.
    pub(crate) next: usize,
    /// The newest revision.
    pub(crate) revision: u64,
    /// The offset up to which the file was synced before this append, as the append records.
    pub(crate) synced: u64,
    /// The checksum of the append.
    pub(crate) sum: Sum,
}

impl Append<'_> {
    /// Returns the number of changes.
    pub(crate) fn changes(&self) -> u64 {
        let first = self.lines.first().map_or(self.revision, |(_, line)| line.first_revision());
        if self.is_close() { 0 } else { self.revision.saturating_sub(first) + 1 }
    }

    /// Returns whether this is a close mark, which is not part of the chain.
    pub(crate) fn is_close(&self) -> bool {
        self.lines.iter().any(|(_, line)| line.is_close())
    }
}

/// Scans a segment. Each intact append is passed to `visit` before the result includes it.
pub(crate) fn scan<E>(
    bytes: &[u8],
    info: &SegmentInfo,
    expected: Expected<'_>,
    mut visit: impl FnMut(&Append<'_>) -> Result<(), ScanError<E>>,
) -> Result<Scan, ScanError<E>> {
    if let Some(format) = unknown_format(bytes) {
        return Err(ScanError::Format(format));
    }
    let mut scan = Scan::new(info.base);
    let header = read_header(bytes).map_err(|error| ScanError::Unreadable(0, error))?;
    let is_other = header.is_some();
    let Some((header, length)) = header.filter(|(record_sums, _)| info.has_header(record_sums))
    else {
        // The manifest lists a segment only after its header was synced.
        let synced = expected.mark.map_or(0, |mark| mark.offset).max(info.header().len() as u64);
        let what = if is_other {
            "the header belongs to another segment: files of different histories are mixed"
        } else {
            "the header is missing or damaged"
        };
        scan.damage = Some(damage(bytes, 0, (0, what), synced));
        return Ok(scan);
    };
    (scan.first, scan.last) = (header.prev, header.prev);
    (scan.end, scan.unmarked) = (length as u64, length as u64);
    scan.record_sums(expected, info.base..=info.base);
    let contradicts = |before, now| expected.mark.is_some_and(|mark| mark.contradicts(before, now));
    let mut synced = expected.mark.map_or(0, |mark| mark.offset).max(scan.end);
    let mut problem = contradicts(0, scan.mark()).then_some((0, CONTRADICTION));
    let mut at = length;
    while problem.is_none() && bytes[at..].iter().any(|byte| *byte != b'\n') {
        let append = match parse_append_at(bytes, at, 0, (scan.revision, scan.last))
            .map_err(|(offset, error)| ScanError::Unreadable(offset, error))?
        {
            Ok(append) => append,
            Err(reason) => {
                problem = Some(reason);
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
        visit(&append)?;
        let revisions = scan.revision + 1..=append.revision;
        (scan.end, scan.revision, scan.last, scan.closed) = (offset, append.revision, last, closes);
        if !closes {
            scan.unmarked = offset;
            scan.record_sums(expected, revisions);
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

const ENDS_EARLY: &str = "the log ends here, but more of it was synced: the file was truncated, or copied while \
                          the store was running; use `mainspring backup` to copy a running store";

fn damage(bytes: &[u8], start: u64, (offset, what): (usize, &'static str), synced: u64) -> Damage {
    let synced = synced.max(synced_behind(bytes, start as usize));
    Damage { start, offset: offset as u64, what, synced }
}

/// An append, or the offset at which it is not intact and the reason.
pub(crate) type AppendOrDamage<'a> = Result<Append<'a>, (usize, &'static str)>;

/// Parses the append that begins at `start` and must follow a revision and, if it is known, a checksum. `origin` is
/// the offset in the file at which the bytes begin.
pub(crate) fn parse_append_at(
    bytes: &[u8],
    start: usize,
    origin: u64,
    (mut revision, prev): (u64, Option<Sum>),
) -> Result<AppendOrDamage<'_>, (u64, Unreadable)> {
    let mut at = start;
    let (mut remaining, mut synced) = (1, 0);
    let mut lines = Vec::new();
    while remaining > 0 {
        let Some(range) = line_at(bytes, at) else {
            return Ok(Err((at, "the append is incomplete")));
        };
        let text = &bytes[range.clone()];
        if unseal(text).is_none() {
            return Ok(Err((at, "the checksum does not match the line")));
        }
        let line = Line::parse(text).map_err(|error| (at as u64, error))?;
        if at == start {
            if line.extra.lines == 0 {
                return Ok(Err((at, "no append begins here")));
            }
            if line.extra.synced > origin + start as u64 {
                return Ok(Err((at, "the recorded synced offset is behind the append itself")));
            }
            if prev.is_some() && line.extra.prev != prev {
                return Ok(Err((at, "the append does not follow the one before it")));
            }
            (remaining, synced) = (line.extra.lines, line.extra.synced);
        } else if line.extra.lines > 0 {
            return Ok(Err((at, "the append before this one is incomplete")));
        }
        let follows = if line.is_close() {
            line.revision() == revision
        } else {
            Some(line.first_revision()) == revision.checked_add(1)
        };
        if !follows {
            return Ok(Err((at, "the revision does not follow the one before it")));
        }
        revision = line.revision();
        lines.push((at as u64, line));
        (at, remaining) = (range.end + 1, remaining - 1);
    }
    let sum = Sum::of(&bytes[start..at]);
    Ok(Ok(Append { lines, next: at, revision, synced, sum }))
}

/// Returns the range of the line that begins at an offset, without its newline, or `None` if the newline is missing.
fn line_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = memchr::memchr(b'\n', bytes.get(at..)?)?;
    Some(at..at + length)
}

/// Returns the range of the next line from an offset on. If the newline between two lines was overwritten, they form
/// one range, and the second may still be intact; then its range is returned.
pub(crate) fn next_line(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let end = at + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let line = &bytes[at..end];
    let skipped = if unseal(line).is_some() { None } else { second_line(line) };
    Some(at + skipped.unwrap_or(0)..end)
}

/// Returns the highest synced offset that any intact line from an offset on records. Offsets beyond the file are
/// ignored, because such a line belongs to another file.
fn synced_behind(bytes: &[u8], from: usize) -> u64 {
    // Also counts a line that this version cannot decode: it is never cut off, and everything before it was
    // acknowledged.
    #[derive(Deserialize)]
    struct Synced {
        #[serde(default)]
        synced: u64,
    }
    let (mut at, mut highest) = (from, 0);
    while let Some(line) = next_line(bytes, at) {
        at = line.end + 1;
        let text = &bytes[line.clone()];
        if unseal(text).is_none() {
            continue;
        }
        let synced = match Line::parse(text) {
            Ok(line) => line.extra.synced,
            Err(_) => serde_json::from_slice(text).map_or(u64::MAX, |Synced { synced }| synced),
        };
        match synced {
            u64::MAX => highest = (line.start as u64).max(highest),
            synced if synced <= bytes.len() as u64 => highest = synced.max(highest),
            _ => {}
        }
    }
    highest
}

/// Returns the offset of an intact line that follows another one without a newline between them.
fn second_line(lines: &[u8]) -> Option<usize> {
    let sums = memchr::memmem::find_iter(lines, b",\"crc\":\"");
    // Skip the checksum, the end of its line, and the byte that should be a newline.
    let mut behind = sums.map(|sum| sum + SEAL + 1);
    behind.find(|at| lines.get(*at..).is_some_and(|line| unseal(line).is_some()))
}
