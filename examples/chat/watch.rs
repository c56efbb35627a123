//! A subscription to one conversation.

use std::collections::VecDeque;
use std::sync::Arc;

use mainspring::{Change, ChangeKind, Error, Event, Key, Reader, Subscription};

use crate::chat_store::Result;
use crate::model::Message;
use crate::record::Record;

/// All messages of a conversation in order: existing ones, then new ones.
///
/// A slow reader blocks no one else, and gets each message exactly once. The watch keeps the store alive, as each
/// `Reader` does.
#[derive(Debug)]
pub(crate) struct Watch {
    reader: Reader<Record>,
    key: Key,
    changes: Subscription<Record>,
    ready: VecDeque<Arc<Message>>,
    /// The number of messages delivered to `ready`. Messages are only appended, so this is the number to skip after a
    /// new snapshot.
    seen: usize,
}

impl Watch {
    pub(crate) async fn start(reader: Reader<Record>, key: Key) -> Result<Self, Error> {
        let changes = reader.subscribe().key(&key).from_snapshot().await?;
        Ok(Self { reader, key, changes, ready: VecDeque::new(), seen: 0 })
    }

    /// The next message; `None` after the last one before a shutdown. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<Arc<Message>>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            match self.changes.recv().await {
                Ok(Event::Entry { entry, .. }) => {
                    self.enqueue(entry.value.elements(), self.seen);
                }
                Ok(Event::Change(change)) => self.apply(&change),
                Ok(Event::Batch { changes, .. }) => changes.iter().for_each(|c| self.apply(c)),
                Ok(_) => {}
                // Lagged beyond the history: the list contains the missed messages.
                Err(Error::Compacted { .. }) => {
                    self.changes = self.reader.subscribe().key(&self.key).from_snapshot().await?;
                }
                Err(Error::Closed) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn apply(&mut self, change: &Change<Record>) {
        match change.kind {
            ChangeKind::Set { .. } | ChangeKind::Pushed { .. } => {
                self.enqueue(change.elements(), 0);
            }
            _ => {}
        }
    }

    fn enqueue(&mut self, records: &[Record], skip: usize) {
        let messages = records.iter().skip(skip).cloned().filter_map(Record::into_message);
        let before = self.ready.len();
        self.ready.extend(messages);
        self.seen += self.ready.len() - before;
    }
}
