//! Conversion of records into changes and entries.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};

use super::error::Unreadable;
use super::record::{IgnoreUnknown, Record};
use super::time::parse_time;
use super::value::{Kind, from_json};
use crate::model::{Change, ChangeKind, End, Entry, Key, Timestamp, Value};

/// Converts records into changes and entries.
///
/// The changes of one turn have the same time, so the last parsed time is cached.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    last_time: Option<(String, Timestamp)>,
}

impl Decoder {
    /// Converts a record of a journal into its changes: one, or those of a batch.
    pub(crate) fn changes<T: DeserializeOwned, X>(
        &mut self,
        record: &Record<'_, X>,
    ) -> Result<Vec<Change<T>>, Unreadable> {
        if record.name != "batch" {
            return Ok(vec![self.change(record, false)?]);
        }
        let last = record.changes.len().checked_sub(1);
        let last = last.ok_or_else(|| Unreadable("the batch is empty".into()))?;
        let parts = record.changes.iter().enumerate();
        let changes: Result<Vec<_>, _> =
            parts.map(|(n, part)| self.change(part, n < last)).collect();
        let changes = changes?;
        let consecutive = changes
            .windows(2)
            .all(|pair| Some(pair[1].revision) == pair[0].revision.checked_add(1));
        if !consecutive || changes[last].revision != record.revision() {
            return Err(Unreadable("the revisions of the batch are not consecutive".into()));
        }
        Ok(changes)
    }

    /// Converts a record into a change. `continues` is whether the next change belongs to the same batch.
    pub(crate) fn change<T: DeserializeOwned, X>(
        &mut self,
        record: &Record<'_, X>,
        continues: bool,
    ) -> Result<Change<T>, Unreadable> {
        let kind = match &*record.name {
            "set" => ChangeKind::Set { value: record.value()?, expires_at: record.expires_at()? },
            "updated" | "update" => {
                ChangeKind::Updated { value: record.value()?, expires_at: record.expires_at()? }
            }
            "removed" | "remove" => ChangeKind::Removed,
            "expired" | "expire" => ChangeKind::Expired,
            "pushed" | "push" => ChangeKind::Pushed {
                end: record.end()?,
                element: record.element()?,
                length: record.length,
                expires_at: record.expires_at()?,
            },
            "popped" | "pop" => ChangeKind::Popped { end: record.end()?, length: record.length },
            "trimmed" => ChangeKind::Trimmed {
                end: record.end()?,
                removed: record.count,
                length: record.length,
            },
            "touched" | "touch" => ChangeKind::Touched { expires_at: record.expires_at()? },
            "cleared" | "clear" => ChangeKind::Cleared { count: record.count },
            other => return Err(unknown_change(other)),
        };
        let key = match (&*record.key, &kind) {
            ("", ChangeKind::Cleared { .. }) => Key::none(),
            (key, ChangeKind::Cleared { .. }) => {
                return Err(Unreadable(format!("expected no key in a clear, found {key:?}")));
            }
            (key, _) => parse_key(key)?,
        };
        let at = self.time(&record.time)?;
        Ok(Change::recorded(record.required_revision()?, at, key, kind, continues))
    }

    /// Converts a record into a key and its entry.
    pub(crate) fn entry<T: DeserializeOwned, X>(
        &mut self,
        record: &Record<'_, X>,
    ) -> Result<(Key, Entry<T>), Unreadable> {
        let key = parse_key(&record.key)?;
        let entry = Entry {
            value: record.value()?,
            revision: record.required_revision()?,
            created_at: self.time(&record.created_at)?,
            updated_at: self.time(&record.updated_at)?,
            expires_at: record.expires_at()?,
        };
        Ok((key, entry))
    }

    fn time(&mut self, text: &str) -> Result<Timestamp, Unreadable> {
        match &self.last_time {
            Some((last, time)) if last == text => Ok(*time),
            _ => {
                let time = parse_time(text)?;
                self.last_time = Some((text.to_owned(), time));
                Ok(time)
            }
        }
    }
}

/// A key and its entry, as encoded by `put_row`.
#[derive(Debug)]
pub struct Row<T>(pub Key, pub Entry<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Row<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = Record::<IgnoreUnknown>::deserialize(deserializer)?;
        let (key, entry) = Decoder::default().entry(&record).map_err(D::Error::custom)?;
        Ok(Self(key, entry))
    }
}

impl<X> Record<'_, X> {
    pub(super) fn required_revision(&self) -> Result<u64, Unreadable> {
        self.revision.ok_or_else(|| missing("revision"))
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Value<T>, Unreadable> {
        match self.kind.map_or(Ok(Kind::Item), Kind::parse)? {
            Kind::Item => self.element().map(Value::Item),
            Kind::List => self.element().map(Value::List),
        }
    }

    fn element<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        from_json(self.value.ok_or_else(|| missing("value"))?.get())
    }

    fn expires_at(&self) -> Result<Option<Timestamp>, Unreadable> {
        self.ttl.as_deref().map(parse_time).transpose()
    }

    fn end(&self) -> Result<End, Unreadable> {
        match &*self.end {
            "front" => Ok(End::Front),
            "back" => Ok(End::Back),
            other => {
                Err(Unreadable(format!("unknown end of a list {other:?}; expected front or back")))
            }
        }
    }
}

/// Names of changes that `docs/journal.md` reserves for later versions.
const RESERVED: [&str; 3] = ["incremented", "prefix_removed", "moved"];

fn unknown_change(name: &str) -> Unreadable {
    Unreadable(if RESERVED.contains(&name) {
        format!("the change {name:?} is written by a later version of mainspring: use that version")
    } else {
        format!("unknown record {name:?}: use the version of mainspring that wrote it")
    })
}

fn missing(member: &str) -> Unreadable {
    Unreadable(format!("the member {member:?} is missing"))
}

/// Parses a key and validates its length.
pub(crate) fn parse_key(key: &str) -> Result<Key, Unreadable> {
    let key = Key::from(key);
    key.validate().map_err(|error| Unreadable(error.to_string()))?;
    Ok(key)
}
