//! The members of a line: those of a record, and those that only a journal in a folder has.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess};

use super::{CLOSE, Sum};
use crate::journal::codec::{Extension, Record, Unreadable, next_text};

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
    /// The first member of those that `docs/journal.md` reserves for later versions.
    reserved: Option<&'static str>,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
pub(crate) enum LineMember {
    Lines,
    Synced,
    Prev,
    Sum,
    Format,
    Store,
    Base,
    Part,
    Parts,
    Crc,
    Id,
    Epoch,
}

impl<'de> Extension<'de> for LineMembers<'de> {
    type Name = LineMember;

    fn read<A: MapAccess<'de>>(&mut self, name: LineMember, map: &mut A) -> Result<(), A::Error> {
        match name {
            LineMember::Lines => self.lines = map.next_value()?,
            LineMember::Synced => self.synced = map.next_value()?,
            LineMember::Prev => self.prev = map.next_value()?,
            LineMember::Sum => self.sum = map.next_value()?,
            LineMember::Format => self.format = map.next_value()?,
            LineMember::Store => self.store = Some(next_text(map)?),
            LineMember::Base => self.base = map.next_value()?,
            LineMember::Part => self.part = Some(next_text(map)?),
            LineMember::Parts => self.parts = map.next_value()?,
            LineMember::Crc => drop(map.next_value::<IgnoredAny>()?),
            LineMember::Id => self.reserve("id", map)?,
            LineMember::Epoch => self.reserve("epoch", map)?,
        }
        Ok(())
    }
}

impl LineMembers<'_> {
    fn reserve<'de, A: MapAccess<'de>>(
        &mut self,
        name: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if map.next_value::<Option<IgnoredAny>>()?.is_some() {
            self.reserved.get_or_insert(name);
        }
        Ok(())
    }

    /// A member that is reserved, everywhere or outside of a header.
    fn reserved(&self) -> Option<&'static str> {
        let is_header = self.format.is_some();
        self.reserved
            .or((self.store.is_some() && !is_header).then_some("store"))
            .or((self.part.is_some() && !is_header).then_some("part"))
            .or((!self.parts.is_empty() && self.part.is_none()).then_some("parts"))
    }
}

impl<'a> Line<'a> {
    /// The members of a line whose checksum is right.
    ///
    /// # Errors
    ///
    /// If this version cannot read it. Such a line is never cut.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line: Self =
            serde_json::from_slice(line).map_err(|error| Unreadable(without_names(&error)))?;
        line.check_reserved()?;
        Ok(line)
    }

    /// Members that `docs/journal.md` reserves. A version that writes them must read them.
    fn check_reserved(&self) -> Result<(), Unreadable> {
        match self.extra.reserved() {
            Some(name) => Err(Unreadable(format!(
                "the member {name:?} is written by a later version of mainspring: use that version"
            ))),
            None => self.changes.iter().try_for_each(Self::check_reserved),
        }
    }

    /// Whether the line is a mark that the journal was closed.
    pub(crate) fn is_close(&self) -> bool {
        self.name == CLOSE
    }
}

/// What is wrong with a line, without the names of all known members.
fn without_names(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected one of") {
        Some((unknown, _)) if unknown.starts_with("unknown field") => {
            format!("{unknown}, which a later version of mainspring may write: use that version")
        }
        _ => text,
    }
}
