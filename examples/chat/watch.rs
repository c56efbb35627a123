//! Following one conversation.

use std::collections::VecDeque;
use std::sync::Arc;

use mainspring::{Change, ChangeKind, Error, Event, Key, Reader, Subscription};

use crate::chat_store::Result;
use crate::model::Message;
use crate::record::Record;

/// Every message of a conversation, in order: those that were there, and then each that is sent.
///
/// However slowly it is read, nobody else waits for it, and no message is missing or told twice. It
/// keeps the store alive, as every reader does.
#[derive(Debug)]
pub(crate) struct Watch {
    reader: Reader<Record>,
    key: Key,
    changes: Subscription<Record>,
    ready: VecDeque<Arc<Message>>,
    /// How many messages were made ready. They are only ever added at the end, so this is also how
    /// many to skip when it all starts over.
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
                    self.make_ready(entry.value.elements(), self.seen);
                }
                Ok(Event::Change(change)) => self.apply(&change),
                Ok(Event::Batch { changes, .. }) => changes.iter().for_each(|c| self.apply(c)),
                Ok(_) => {}
                // Fell behind further than the history reaches: what was missed is in the list.
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
                self.make_ready(change.elements(), 0);
            }
            _ => {}
        }
    }

    fn make_ready(&mut self, records: &[Record], skip: usize) {
        let messages = records.iter().skip(skip).cloned().filter_map(Record::message);
        let before = self.ready.len();
        self.ready.extend(messages);
        self.seen += self.ready.len() - before;
    }
}
