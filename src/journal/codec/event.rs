//! Encoding of the events of a subscription, as the data of server-sent events.

use std::io::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decode::Decoder;
use super::encode::{put_change, put_changes, put_row};
use super::error::Unreadable;
use super::record::Record;
use crate::model::Event;

/// Returns the name of an event.
pub fn event_name<T>(event: &Event<T>) -> &'static str {
    match event {
        Event::Entry { .. } => "entry",
        Event::SnapshotEnd { .. } => "snapshot_end",
        Event::Change(_) => "change",
        Event::Batch { .. } => "batch",
        Event::Progress { .. } => "progress",
    }
}

/// Encodes the data of an event.
pub fn write_event<T: Serialize>(out: &mut Vec<u8>, event: &Event<T>) -> serde_json::Result<()> {
    match event {
        Event::Entry { key, entry } => put_row(out, key, entry).map(drop)?,
        Event::Change(change) => put_change(out, change).map(drop)?,
        Event::SnapshotEnd { revision }
        | Event::Progress { revision }
        | Event::Batch { revision, .. } => {
            let _ = write!(out, "{{\"revision\":{revision}");
        }
    }
    if let Event::Batch { changes, .. } = event {
        put_changes(out, changes, |out, change| put_change(out, change).map(drop))?;
    }
    out.push(b'}');
    Ok(())
}

/// Decodes the data of an event. Returns `None` if the name is unknown to this version.
pub fn read_event<T: DeserializeOwned>(
    name: &str,
    data: &str,
) -> Result<Option<Event<T>>, Unreadable> {
    let record = || serde_json::from_str::<Record<'_>>(data);
    let mut decoder = Decoder::default();
    Ok(Some(match name {
        "entry" => {
            let (key, entry) = decoder.entry(&record()?)?;
            Event::Entry { key, entry }
        }
        "snapshot_end" => Event::SnapshotEnd { revision: record()?.required_revision()? },
        "progress" => Event::Progress { revision: record()?.required_revision()? },
        "change" => Event::Change(decoder.change(&record()?, false)?),
        "batch" => {
            let batch = record()?;
            let revision = batch.required_revision()?;
            // A filter may have removed the last change of the batch; then the last remaining change continues too.
            let read = |part: &Record<'_>| decoder.change(part, part.revision() < revision);
            let changes = batch.changes.iter().map(read).collect::<Result<_, _>>()?;
            Event::Batch { changes, revision }
        }
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, ChangeKind, End, Entry, Key, Timestamp, Value};

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
    fn every_event_round_trips() {
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
            ChangeKind::Trimmed { end: End::Front, removed: 3, length: 7 },
            ChangeKind::Trimmed { end: End::Back, removed: 0, length: 0 },
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
        // The filter removed the last change.
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
