//! The members of a line: those of a record, and those that only the file journal writes.

use std::borrow::Cow;

use serde::de::{Error as _, IgnoredAny, MapAccess};

use super::{CLOSE, Sum};
use crate::journal::codec::{Extension, Record, SeenMembers, Unreadable, next_text};

/// A decoded line.
///
/// A member that is unknown to this version is an error, because it may change the meaning of the line.
pub(crate) type Line<'a> = Record<'a, LineMembers<'a>>;

/// The members of a line that are not part of a record.
#[derive(Debug, Default)]
pub(crate) struct LineMembers<'a> {
    /// In the first line of an append: the number of its lines.
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
    /// In a header: the id of the store.
    pub(crate) store: Option<Cow<'a, str>>,
    /// In the header of a segment: the revision before its first one.
    pub(crate) base: Option<u64>,
    /// In a header of a backup: the name of the part that follows.
    pub(crate) part: Option<Cow<'a, str>>,
    /// In the first header of a backup: the names of all parts.
    pub(crate) parts: Vec<Cow<'a, str>>,
    seen: SeenMembers,
}

impl<'de> Extension<'de> for LineMembers<'de> {
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        const NAMES: [&str; 10] =
            ["lines", "synced", "prev", "sum", "format", "store", "base", "part", "parts", "crc"];
        if let Some(member) = NAMES.iter().position(|member| *member == name) {
            self.seen.insert(member as u8, name)?;
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
    /// Parses a line whose checksum is correct.
    ///
    /// # Errors
    ///
    /// If this version cannot decode the line. Such a line is never cut off.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line: Self = serde_json::from_slice(line)?;
        line.check_header_members()?;
        Ok(line)
    }

    /// Rejects members of a header in other lines, where `docs/journal.md` reserves them for later versions.
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

    /// Returns whether the line is a close mark.
    pub(crate) fn is_close(&self) -> bool {
        self.name == CLOSE
    }
}

/// The error for a member that `docs/journal.md` reserves for later versions.
fn reserved(name: &str) -> String {
    format!("the member {name:?} is written by a later version of mainspring: use that version")
}
