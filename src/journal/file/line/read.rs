//! Reading lines.

use serde::de::DeserializeOwned;

use super::{Codec, Kind, Line, Unreadable, time_of};
use crate::model::{Change, ChangeKind, End, Entry, Key, Timestamp, Value};

impl Codec {
    fn time_of(&mut self, text: &str) -> Result<Timestamp, Unreadable> {
        match &self.read {
            Some((known, time)) if known == text => Ok(*time),
            _ => {
                let time = time_of(text)?;
                self.read = Some((text.to_owned(), time));
                Ok(time)
            }
        }
    }

    /// The changes that a line holds: one, or a batch.
    pub(crate) fn read_changes<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
    ) -> Result<Vec<Change<T>>, Unreadable> {
        if line.record != "batch" {
            return Ok(vec![self.read_change(line, false)?]);
        }
        let last = line.changes.len().checked_sub(1);
        let last = last.ok_or_else(|| Unreadable("the batch is empty".into()))?;
        let parts = line.changes.iter().enumerate();
        let changes: Result<Vec<_>, _> =
            parts.map(|(n, part)| self.read_change(part, n < last)).collect();
        let changes = changes?;
        let consecutive = changes
            .windows(2)
            .all(|pair| Some(pair[1].revision) == pair[0].revision.checked_add(1));
        if !consecutive || changes[last].revision != line.revision {
            return Err(Unreadable("the revisions of the batch are not consecutive".into()));
        }
        Ok(changes)
    }

    fn read_change<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
        continues: bool,
    ) -> Result<Change<T>, Unreadable> {
        let kind = match &*line.record {
            "set" => ChangeKind::Set { value: line.value()?, expires_at: line.ttl()? },
            "updated" | "update" => {
                ChangeKind::Updated { value: line.value()?, expires_at: line.ttl()? }
            }
            "removed" | "remove" => ChangeKind::Removed,
            "expired" | "expire" => ChangeKind::Expired,
            "pushed" | "push" => ChangeKind::Pushed {
                end: line.end()?,
                element: line.element()?,
                length: line.length,
                expires_at: line.ttl()?,
            },
            "popped" | "pop" => ChangeKind::Popped { end: line.end()?, length: line.length },
            "touched" | "touch" => ChangeKind::Touched { expires_at: line.ttl()? },
            "cleared" | "clear" => ChangeKind::Cleared { count: line.count },
            other => return Err(unknown_change(other)),
        };
        let key = match (&*line.key, &kind) {
            ("", ChangeKind::Cleared { .. }) => Key::none(),
            (key, ChangeKind::Cleared { .. }) => {
                return Err(Unreadable(format!("expected no key in a clear, found {key:?}")));
            }
            (key, _) => valid(key)?,
        };
        let at = self.time_of(&line.time)?;
        Ok(Change::recorded(line.revision, at, key, kind, continues))
    }

    /// The entry that a line of a snapshot holds.
    pub(crate) fn read_entry<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
    ) -> Result<(Key, Entry<T>), Unreadable> {
        let entry = Entry {
            value: line.value()?,
            revision: line.revision,
            created_at: self.time_of(&line.created_at)?,
            updated_at: self.time_of(&line.updated_at)?,
            expires_at: line.ttl()?,
        };
        Ok((valid(&line.key)?, entry))
    }
}

impl Line<'_> {
    /// The revision of the first change that it holds.
    pub(crate) fn first_revision(&self) -> u64 {
        self.changes.first().map_or(self.revision, |first| first.revision)
    }

    fn raw(&self) -> Result<&str, Unreadable> {
        let raw = self.value.ok_or_else(|| Unreadable("the member \"value\" is missing".into()))?;
        Ok(raw.get())
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Value<T>, Unreadable> {
        match self.kind {
            Kind::Item => Ok(Value::Item(self.element()?)),
            Kind::List => Ok(Value::List(from_json(self.raw()?)?)),
        }
    }

    fn element<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        from_json(self.raw()?)
    }

    fn ttl(&self) -> Result<Option<Timestamp>, Unreadable> {
        self.ttl.as_deref().map(time_of).transpose()
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

/// Changes that `docs/journal.md` reserves for later versions.
const RESERVED: [&str; 4] = ["trimmed", "incremented", "prefix_removed", "moved"];

fn unknown_change(name: &str) -> Unreadable {
    Unreadable(if RESERVED.contains(&name) {
        format!("the change {name:?} is written by a later version of mainspring: use that version")
    } else {
        format!("unknown record {name:?}: use the version of mainspring that wrote it")
    })
}

pub(crate) fn valid(key: &str) -> Result<Key, Unreadable> {
    let key = Key::from(key);
    key.validate().map_err(|error| Unreadable(error.to_string()))?;
    Ok(key)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let name = std::any::type_name::<T>();
        Unreadable(format!("the value is not a {name}: {error}"))
    })
}
