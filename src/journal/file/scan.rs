//! Walking through the appends of a segment, and telling damage from a torn end.

use std::ops::{Range, RangeInclusive};

use serde::Deserialize;

use super::line::{Line, SEAL, Sum, unseal};
use super::segment::{Mark, SegmentInfo, read_header, unknown_format};
use crate::journal::codec::Unreadable;

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
    /// How many changes it has.
    pub(crate) fn changes(&self) -> u64 {
        let first = self.lines.first().map_or(self.revision, |(_, line)| line.first_revision());
        if self.is_close() { 0 } else { self.revision.saturating_sub(first) + 1 }
    }

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
    let header = read_header(bytes).map_err(|error| ScanError::Unreadable(0, error))?;
    let is_other = header.is_some();
    let Some((header, length)) = header.filter(|(found, _)| info.has_header(found)) else {
        // A segment is listed when its header was synced.
        let known = expected.mark.map_or(0, |mark| mark.offset).max(info.header().len() as u64);
        let what = if is_other {
            "the header is that of another segment: files of different histories are mixed"
        } else {
            "the header is missing or damaged"
        };
        scan.damage = Some(damage(bytes, 0, (0, what), known));
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
            if line.extra.lines == 0 {
                return Ok(Err((at, "no append begins here")));
            }
            if line.extra.synced > origin + start as u64 {
                return Ok(Err((at, "the line says that more was synced than there was")));
            }
            if prev.is_some() && line.extra.prev != prev {
                return Ok(Err((at, "the append does not follow the one before it")));
            }
            (left, synced) = (line.extra.lines, line.extra.synced);
        } else if line.extra.lines > 0 {
            return Ok(Err((at, "the append before this one is not complete")));
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
    // Also a line that this version cannot read: it is never cut, and what is before it was acknowledged.
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

/// Where a line begins behind another one, where the newline between them is something else.
fn joined(lines: &[u8]) -> Option<usize> {
    let sums = memchr::memmem::find_iter(lines, b",\"crc\":\"");
    // The sum, its end, and what should be a newline.
    let mut behind = sums.map(|sum| sum + SEAL + 1);
    behind.find(|at| lines.get(*at..).is_some_and(|line| unseal(line).is_some()))
}
