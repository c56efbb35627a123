//! The members of a line: those of a record, and those that only a journal in a folder has.

use std::borrow::Cow;

use serde::de::{Error as _, IgnoredAny, MapAccess};

use super::{CLOSE, Sum};
use crate::journal::codec::{Extension, Record, Seen, Unreadable, next_text};

/// A line as it is read.
///
/// A member that this version does not write is an error: it may change what the line means.
pub(crate) type Line<'a> = Record<'a, LineMembers<'a>>;

/// The members that a line has beside those of a record.
#[derive(Debug, Default)]
pub(crate) struct LineMembers<'a> {
    /// In the first line of an append: how many lines it has.
    pub(crate) lines: usize,
    /// In the first line of an append: the offset in this file up to which everything was synced before it.
    pub(crate) synced: u64,
    /// The checksum of the append before this line: in the first line of an append, in a header, and at the end of a
    /// snapshot.
    pub(crate) prev: Option<Sum>,
    /// At the end of a snapshot: the checksum of all bytes before that line.
    pub(crate) sum: Option<Sum>,
    /// In a header: the version of the format.
    pub(crate) format: Option<u32>,
    /// In a header.
    pub(crate) store: Option<Cow<'a, str>>,
    /// In the header of a segment: the revision before its first.
    pub(crate) base: Option<u64>,
    /// In a header of a backup: which part follows.
    pub(crate) part: Option<Cow<'a, str>>,
    /// In the first header of a backup: all of its parts.
    pub(crate) parts: Vec<Cow<'a, str>>,
    seen: Seen,
}

impl<'de> Extension<'de> for LineMembers<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        const NAMES: [&str; 10] =
            ["lines", "synced", "prev", "sum", "format", "store", "base", "part", "parts", "crc"];
        if let Some(member) = NAMES.iter().position(|known| *known == name) {
            self.seen.once(member as u8, name)?;
        }
        match name {
            "lines" => self.lines = map.next_value()?,
            "synced" => self.synced = map.next_value()?,
            "prev" => self.prev = map.next_value()?,
            "sum" => self.sum = map.next_value()?,
            "format" => self.format = map.next_value()?,
            "store" => self.store = Some(next_text(map)?),
            "base" => self.base = map.next_value()?,
            "part" => self.part = Some(next_text(map)?),
            "parts" => self.parts = map.next_value()?,
            "crc" => drop(map.next_value::<IgnoredAny>()?),
            "id" | "epoch" => return Err(A::Error::custom(reserved(name))),
            unknown => {
                return Err(A::Error::custom(format_args!(
                    "unknown field `{unknown}`, which a later version of mainspring may write: use that version"
                )));
            }
        }
        Ok(())
    }
}

impl<'a> Line<'a> {
    /// The members of a line whose checksum is right.
    ///
    /// # Errors
    ///
    /// If this version cannot read it. Such a line is never cut.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line: Self = serde_json::from_slice(line)?;
        line.check_header_members()?;
        Ok(line)
    }

    /// Refuse members of a header in any other line, for which `docs/journal.md` reserves them.
    fn check_header_members(&self) -> Result<(), Unreadable> {
        let LineMembers { format, store, part, parts, .. } = &self.extra;
        let misplaced = [
            ("store", store.is_some() && format.is_none()),
            ("part", part.is_some() && format.is_none()),
            ("parts", !parts.is_empty() && part.is_none()),
        ];
        match misplaced.iter().find(|(_, is_misplaced)| *is_misplaced) {
            Some((name, _)) => Err(Unreadable(reserved(name))),
            None => self.changes.iter().try_for_each(Self::check_header_members),
        }
    }

    /// Whether the line is a mark that the journal was closed.
    pub(crate) fn is_close(&self) -> bool {
        self.name == CLOSE
    }
}

/// Why a member that `docs/journal.md` reserves is refused. A version that writes it must read it.
fn reserved(name: &str) -> String {
    format!("the member {name:?} is written by a later version of mainspring: use that version")
}
