//! A record: the members of the JSON object that a change, an entry, or a batch is.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a record, as they are read. Which of them are present depends on what it records.
///
/// The members of an [`Extension`] are read in the same pass. A derived `flatten` would buffer all of them, and a
/// borrowed value cannot be read from such a buffer.
#[derive(Debug, Default)]
pub(crate) struct Record<'a, X = IgnoreUnknown> {
    /// What it records: the name of a change, or `batch`; empty for the entry of a row.
    pub(crate) name: Cow<'a, str>,
    pub(super) revision: Option<u64>,
    pub(crate) time: Cow<'a, str>,
    pub(super) key: Cow<'a, str>,
    pub(super) value: Option<&'a RawValue>,
    pub(super) kind: Option<&'a RawValue>,
    pub(super) ttl: Option<Cow<'a, str>>,
    pub(super) end: Cow<'a, str>,
    pub(super) length: usize,
    pub(crate) count: usize,
    pub(super) created_at: Cow<'a, str>,
    pub(super) updated_at: Cow<'a, str>,
    /// The changes of a batch.
    pub(crate) changes: Vec<Self>,
    /// The members beside those of a record.
    pub(crate) extra: X,
}

/// The names of the members. Journals of format 1 have other names for some of them, which are aliases here.
#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Member<N> {
    #[serde(alias = "record", alias = "command")]
    Change,
    Revision,
    Time,
    Key,
    #[serde(alias = "element")]
    Value,
    Kind,
    Ttl,
    End,
    Length,
    Count,
    CreatedAt,
    UpdatedAt,
    Changes,
    Extra(N),
}

/// Members that a place has beside those of a record.
pub(crate) trait Extension<'de>: Default {
    /// Their names. Deserializing one fails where an unknown member is an error.
    type Name: Deserialize<'de>;

    /// Read the value of a member.
    fn read<A: MapAccess<'de>>(&mut self, name: Self::Name, map: &mut A) -> Result<(), A::Error>;
}

/// Skips every other member: a later version may send it.
#[derive(Debug, Default)]
pub(crate) struct IgnoreUnknown;

impl<'de> Extension<'de> for IgnoreUnknown {
    type Name = IgnoredAny;

    fn read<A: MapAccess<'de>>(&mut self, _: IgnoredAny, map: &mut A) -> Result<(), A::Error> {
        map.next_value().map(|IgnoredAny| ())
    }
}

impl<X> Record<'_, X> {
    /// 0 if it is missing: revisions start at 1.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.unwrap_or_default()
    }

    /// The revision of the first change: of a batch, that of its first part.
    pub(crate) fn first_revision(&self) -> u64 {
        self.changes.first().map_or(self.revision(), Self::revision)
    }
}

impl<'de: 'a, 'a, X: Extension<'de>> Deserialize<'de> for Record<'a, X> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<X>(PhantomData<X>);

        impl<'de, X: Extension<'de>> Visitor<'de> for Members<X> {
            type Value = Record<'de, X>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut record: Self::Value = Record::default();
                while let Some(member) = map.next_key()? {
                    match member {
                        Member::Change => record.name = next_text(&mut map)?,
                        Member::Revision => record.revision = Some(map.next_value()?),
                        Member::Time => record.time = next_text(&mut map)?,
                        Member::Key => record.key = next_text(&mut map)?,
                        // A `null` is a value too: that of `()`, or of a `None`.
                        Member::Value => record.value = Some(map.next_value()?),
                        Member::Kind => record.kind = Some(map.next_value()?),
                        Member::Ttl => {
                            record.ttl = map.next_value::<Option<_>>()?.map(|Text(ttl)| ttl);
                        }
                        Member::End => record.end = next_text(&mut map)?,
                        Member::Length => record.length = map.next_value()?,
                        Member::Count => record.count = map.next_value()?,
                        Member::CreatedAt => record.created_at = next_text(&mut map)?,
                        Member::UpdatedAt => record.updated_at = next_text(&mut map)?,
                        Member::Changes => record.changes = map.next_value()?,
                        Member::Extra(name) => record.extra.read(name, &mut map)?,
                    }
                }
                Ok(record)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// A text that borrows from the input unless it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Read the value of a member that is text.
pub(crate) fn next_text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    map.next_value().map(|Text(text)| text)
}
