//! A record: the members of the JSON object that a change, an entry, or a batch is.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
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
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: Option<&'a RawValue>,
    pub(super) kind: Option<&'a RawValue>,
    pub(crate) ttl: Option<Cow<'a, str>>,
    pub(super) end: Cow<'a, str>,
    pub(super) length: usize,
    pub(crate) count: usize,
    pub(crate) created_at: Cow<'a, str>,
    pub(crate) updated_at: Cow<'a, str>,
    /// The changes of a batch.
    pub(crate) changes: Vec<Self>,
    /// The members beside those of a record.
    pub(crate) extra: X,
}

/// Members that a place has beside those of a record.
pub(crate) trait Extension<'de>: Default {
    /// Read the value of a member, or refuse a member that is unknown.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Skips every other member: a later version may send it.
#[derive(Debug, Default)]
pub(crate) struct IgnoreUnknown;

impl<'de> Extension<'de> for IgnoreUnknown {
    fn read<A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<(), A::Error> {
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
                let mut seen = Seen::default();
                while let Some(Text(name)) = map.next_key()? {
                    let Some(member) = Member::of(&name) else {
                        record.extra.read(&name, &mut map)?;
                        continue;
                    };
                    seen.once(member as u8, &name)?;
                    match member {
                        Member::Name => record.name = next_text(&mut map)?,
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
                    }
                }
                Ok(record)
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// A member of a record.
#[derive(Debug, Clone, Copy)]
enum Member {
    Name,
    Revision,
    Time,
    Key,
    Value,
    Kind,
    Ttl,
    End,
    Length,
    Count,
    CreatedAt,
    UpdatedAt,
    Changes,
}

impl Member {
    /// `record` is in lines that are not changes; `command` and `value` are names of format 1.
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "change" | "record" | "command" => Self::Name,
            "revision" => Self::Revision,
            "time" => Self::Time,
            "key" => Self::Key,
            "value" | "element" => Self::Value,
            "kind" => Self::Kind,
            "ttl" => Self::Ttl,
            "end" => Self::End,
            "length" => Self::Length,
            "count" => Self::Count,
            "created_at" => Self::CreatedAt,
            "updated_at" => Self::UpdatedAt,
            "changes" => Self::Changes,
            _ => return None,
        })
    }
}

/// The members that an object has had so far.
#[derive(Debug, Default)]
pub(crate) struct Seen(u32);

impl Seen {
    /// Refuse a member, known by its number, that was there before.
    pub(crate) fn once<E: Error>(&mut self, member: u8, name: &str) -> Result<(), E> {
        let bit = 1 << member;
        if self.0 & bit != 0 {
            return Err(E::custom(format_args!("duplicate field `{name}`")));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// A text that borrows from the input unless it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Read the value of a member that is text.
pub(crate) fn next_text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    map.next_value().map(|Text(text)| text)
}
