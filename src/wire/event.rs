//! What a subscription tells, as JSON: the data of a server-sent event.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::change::put_change;
use super::row::{InvalidRow, value_of_kind};
use super::{ReadRow, Text, put_row, time_of};
use crate::{Change, ChangeKind, End, Event, Key, Timestamp, Value};

/// The name of the event.
pub(crate) fn event_name<T>(event: &Event<T>) -> &'static str {
    match event {
        Event::Entry { .. } => "entry",
        Event::SnapshotEnd { .. } => "snapshot_end",
        Event::Change(_) => "change",
        Event::Batch { .. } => "batch",
        Event::Progress { .. } => "progress",
    }
}

/// Write its data.
pub(crate) fn write_event<T: Serialize>(
    out: &mut Vec<u8>,
    event: &Event<T>,
) -> serde_json::Result<()> {
    match event {
        Event::Entry { key, entry } => {
            put_row(out, key, entry)?;
            out.push(b'}');
        }
        Event::SnapshotEnd { revision } | Event::Progress { revision } => {
            let _ = write!(Text(out), "{{\"revision\":{revision}}}");
        }
        Event::Change(change) => {
            put_change(out, change)?;
            out.push(b'}');
        }
        Event::Batch { changes, revision } => {
            let _ = write!(Text(out), "{{\"revision\":{revision},\"changes\":[");
            for (n, change) in changes.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                put_change(out, change)?;
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
        }
    }
    Ok(())
}

/// A change that is read: which members are there depends on what happened.
#[derive(Deserialize)]
struct ReadChange<'a> {
    revision: u64,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow, default)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    change: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    element: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ttl: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    end: Cow<'a, str>,
    #[serde(default)]
    length: usize,
    #[serde(default)]
    count: usize,
}

#[derive(Deserialize)]
struct ReadBatch<'a> {
    revision: u64,
    #[serde(borrow)]
    changes: Vec<ReadChange<'a>>,
}

#[derive(Deserialize)]
struct ReadMark {
    revision: u64,
}

/// An event that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidEvent {
    #[error("{0:?} is no kind of change")]
    Change(String),
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error(transparent)]
    Row(#[from] InvalidRow),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Read the data of an event. `None` if this version does not know its name.
pub(crate) fn read_event<T: DeserializeOwned>(
    name: &str,
    data: &str,
) -> Result<Option<Event<T>>, InvalidEvent> {
    let revision = || serde_json::from_str(data).map(|ReadMark { revision }| revision);
    Ok(Some(match name {
        "entry" => {
            let (key, entry) = serde_json::from_str::<ReadRow<'_>>(data)?.entry()?;
            Event::Entry { key, entry }
        }
        "snapshot_end" => Event::SnapshotEnd { revision: revision()? },
        "progress" => Event::Progress { revision: revision()? },
        "change" => Event::Change(serde_json::from_str::<ReadChange<'_>>(data)?.read(false)?),
        "batch" => {
            let ReadBatch { revision, changes } = serde_json::from_str(data)?;
            // Its end may have been hidden by a filter.
            let read = |change: ReadChange<'_>| change.read(change.revision < revision);
            let changes = changes.into_iter().map(read).collect::<Result<_, _>>()?;
            Event::Batch { changes, revision }
        }
        _ => return Ok(None),
    }))
}

impl ReadChange<'_> {
    fn read<T: DeserializeOwned>(&self, continues: bool) -> Result<Change<T>, InvalidEvent> {
        let expires_at = self.time_of_ttl()?;
        let kind = match &*self.change {
            "set" => ChangeKind::Set { value: self.value()?, expires_at },
            "updated" => ChangeKind::Updated { value: self.value()?, expires_at },
            "removed" => ChangeKind::Removed,
            "expired" => ChangeKind::Expired,
            "pushed" => {
                let element = self.element.ok_or(InvalidEvent::Missing("element"))?;
                let element = serde_json::from_str(element.get())?;
                ChangeKind::Pushed { end: self.end(), element, length: self.length, expires_at }
            }
            "popped" => ChangeKind::Popped { end: self.end(), length: self.length },
            "touched" => ChangeKind::Touched { expires_at },
            "cleared" => ChangeKind::Cleared { count: self.count },
            other => return Err(InvalidEvent::Change(other.to_owned())),
        };
        let key = if self.key.is_empty() { Key::none() } else { Key::from(&*self.key) };
        let at = time_of(&self.time).map_err(InvalidRow::from)?;
        Ok(Change::recorded(self.revision, at, key, kind, continues))
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Value<T>, InvalidEvent> {
        let value = self.value.ok_or(InvalidEvent::Missing("value"))?;
        Ok(value_of_kind(&self.kind, value)?)
    }

    fn time_of_ttl(&self) -> Result<Option<Timestamp>, InvalidRow> {
        Ok(self.ttl.as_deref().map(time_of).transpose()?)
    }

    fn end(&self) -> End {
        if self.end == "front" { End::Front } else { End::Back }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Entry;

    fn change(
        revision: u64,
        key: &str,
        kind: ChangeKind<String>,
        continues: bool,
    ) -> Change<String> {
        let at = Timestamp::from_nanos(1_700_000_000_123_456_789 + revision);
        let key = if key.is_empty() { Key::none() } else { key.into() };
        Change::recorded(revision, at, key, kind, continues)
    }

    #[test]
    fn every_event_comes_back_as_it_was_sent() {
        let expires_at = Some(Timestamp::from_nanos(1_800_000_000_000_000_001));
        let list = Value::List(vec!["a".to_owned(), "\"".to_owned()]);
        let entry = Entry {
            value: list.clone(),
            revision: 3,
            created_at: Timestamp::from_nanos(1),
            updated_at: Timestamp::from_nanos(2),
            expires_at,
        };
        let kinds = [
            ChangeKind::Set { value: list, expires_at },
            ChangeKind::Set { value: Value::List(vec![]), expires_at: None },
            ChangeKind::Updated { value: "x".into(), expires_at },
            ChangeKind::Removed,
            ChangeKind::Expired,
            ChangeKind::Pushed { end: End::Front, element: "e".into(), length: 3, expires_at },
            ChangeKind::Popped { end: End::Back, length: 0 },
            ChangeKind::Touched { expires_at: None },
        ];
        let mut events: Vec<Event<String>> =
            kinds.iter().map(|kind| Event::Change(change(9, "k/é", kind.clone(), false))).collect();
        events.push(Event::Change(change(10, "", ChangeKind::Cleared { count: 7 }, false)));
        events.push(Event::Entry { key: "k".into(), entry });
        events.push(Event::SnapshotEnd { revision: 4 });
        events.push(Event::Progress { revision: 5 });
        let part = |revision, continues| change(revision, "k", ChangeKind::Removed, continues);
        events.push(Event::Batch { changes: vec![part(6, true), part(7, false)], revision: 7 });
        // The filter hid the last part.
        events.push(Event::Batch { changes: vec![part(6, true)], revision: 7 });
        for event in events {
            let mut data = Vec::new();
            write_event(&mut data, &event).unwrap();
            let data = String::from_utf8(data).unwrap();
            let read = read_event::<String>(event_name(&event), &data);
            assert_eq!(read.unwrap(), Some(event), "{data}");
        }
        assert!(read_event::<String>("later", "{}").unwrap().is_none());
    }
}
