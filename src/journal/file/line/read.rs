//! Reading lines.

use serde::de::DeserializeOwned;

use super::{Codec, Line, Unreadable, time_of};
use crate::change::{Change, ChangeKind};
use crate::{End, Entry, Key, Timestamp, Value};

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
        if line.command != "batch" {
            return Ok(vec![self.read_change(line, false)?]);
        }
        let last = line.changes.len().checked_sub(1);
        let last = last.ok_or_else(|| Unreadable("it is a batch of nothing".into()))?;
        let parts = line.changes.iter().enumerate();
        let changes: Result<Vec<_>, _> =
            parts.map(|(n, part)| self.read_change(part, n < last)).collect();
        let changes = changes?;
        let consecutive = changes
            .windows(2)
            .all(|pair| Some(pair[1].revision) == pair[0].revision.checked_add(1));
        if !consecutive || changes[last].revision != line.revision {
            return Err(Unreadable("its revisions do not follow one another".into()));
        }
        Ok(changes)
    }

    fn read_change<T: DeserializeOwned>(
        &mut self,
        line: &Line<'_>,
        continues: bool,
    ) -> Result<Change<T>, Unreadable> {
        let kind = match &*line.command {
            "set" => ChangeKind::Set { value: line.value()?, expires_at: line.ttl()? },
            "update" => ChangeKind::Updated { value: line.value()?, expires_at: line.ttl()? },
            "remove" => ChangeKind::Removed,
            "expire" => ChangeKind::Expired,
            "push" => ChangeKind::Pushed {
                end: line.end()?,
                element: line.element()?,
                length: line.length,
                expires_at: line.ttl()?,
            },
            "pop" => ChangeKind::Popped { end: line.end()?, length: line.length },
            "touch" => ChangeKind::Touched { expires_at: line.ttl()? },
            "clear" => ChangeKind::Cleared { count: line.count },
            other => return Err(Unreadable(format!("{other:?} is no command of this version"))),
        };
        let key = match (&*line.key, &kind) {
            ("", ChangeKind::Cleared { .. }) => Key::none(),
            (key, ChangeKind::Cleared { .. }) => {
                return Err(Unreadable(format!("a clear has no key, and this one has {key:?}")));
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
        let raw = self.value.ok_or_else(|| Unreadable("it has no value".into()))?;
        Ok(raw.get())
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Value<T>, Unreadable> {
        match self.kind {
            0 => Ok(Value::Item(self.element()?)),
            1 => Ok(Value::List(from_json(self.raw()?)?)),
            other => Err(Unreadable(format!("{other} is no kind of value"))),
        }
    }

    fn element<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        from_json(self.raw()?)
    }

    fn ttl(&self) -> Result<Option<Timestamp>, Unreadable> {
        if self.ttl.is_empty() { Ok(None) } else { time_of(&self.ttl).map(Some) }
    }

    fn end(&self) -> Result<End, Unreadable> {
        match &*self.end {
            "front" => Ok(End::Front),
            "back" => Ok(End::Back),
            other => Err(Unreadable(format!("{other:?} is no end of a list"))),
        }
    }
}

pub(crate) fn valid(key: &str) -> Result<Key, Unreadable> {
    let key = Key::from(key);
    key.validate().map_err(|error| Unreadable(error.to_string()))?;
    Ok(key)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let name = std::any::type_name::<T>();
        Unreadable(format!("its value is no {name}: {error}"))
    })
}
