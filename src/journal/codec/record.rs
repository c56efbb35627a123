//! A record: the members of the JSON object that encodes a change, an entry, or a batch.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a record, before they are converted. Which of them are present depends on the kind of the record.
///
/// The members of an [`Extension`] are decoded in the same pass. A derived `flatten` would buffer all of them, and a
/// borrowed value cannot be decoded from such a buffer.
#[derive(Debug, Default)]
pub(crate) struct Record<'a, X = IgnoreUnknown> {
    /// The name of the change, or `batch`; empty for the entry of a row.
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
    /// Members that are not part of a plain record.
    pub(crate) extra: X,
}

/// Additional members that a user of the codec, such as the file journal, writes into a record.
pub(crate) trait Extension<'de>: Default {
    /// Decodes the value of a member, or rejects an unknown member.
    fn read<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Ignores additional members, which a later version may send.
#[derive(Debug, Default)]
pub(crate) struct IgnoreUnknown;

impl<'de> Extension<'de> for IgnoreUnknown {
    fn read<A: MapAccess<'de>>(&mut self, _: &str, map: &mut A) -> Result<(), A::Error> {
        map.next_value().map(|IgnoredAny| ())
    }
}

impl<X> Record<'_, X> {
    /// The revision, or 0 if it is missing: revisions start at 1.
    pub(crate) fn revision(&self) -> u64 {
        self.revision.unwrap_or_default()
    }

    /// The revision of the first change of a batch, or of the only change.
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
                let mut seen = SeenMembers::default();
                while let Some(Text(name)) = map.next_key()? {
                    let Some(member) = Member::of(&name) else {
                        record.extra.read(&name, &mut map)?;
                        continue;
                    };
                    seen.insert(member as u8, &name)?;
                    match member {
                        Member::Name => record.name = next_text(&mut map)?,
                        Member::Revision => record.revision = Some(map.next_value()?),
                        Member::Time => record.time = next_text(&mut map)?,
                        Member::Key => record.key = next_text(&mut map)?,
                        // `null` is a value too: the encoding of `()` and of `None`.
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
    /// `record` is a member of lines that are not changes; `command` and `value` are names of format 1.
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

/// The members that were decoded so far, to detect duplicates.
#[derive(Debug, Default)]
pub(crate) struct SeenMembers(u32);

impl SeenMembers {
    /// Rejects a member, identified by its number, that occurred before.
    pub(crate) fn insert<E: Error>(&mut self, member: u8, name: &str) -> Result<(), E> {
        let bit = 1 << member;
        if self.0 & bit != 0 {
            return Err(E::custom(format_args!("duplicate field `{name}`")));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// A string that borrows from the input unless it has escapes.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Decodes the value of a member that is a string.
pub(crate) fn next_text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    map.next_value().map(|Text(text)| text)
}
