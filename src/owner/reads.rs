//! The commands that change nothing: reads, scans, subscriptions.

use std::sync::Arc;

use super::Owner;
use crate::filter::{Filter, Start};
use crate::journal::Journal;
use crate::message::{Message, ScanReply, ScanRequest, SubscribeRequest};
use crate::state::State;
use crate::subscription::{Beginning, Source};
use crate::watcher::Watcher;
use crate::{Error, Subscription, Timestamp};

/// How many turns a watcher of one key may leave unread before it has to read the history.
const UNREAD: usize = 64;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Answer a command in its place in the order.
    pub(super) fn read(&mut self, message: Message<T>, now: Timestamp) {
        match message {
            Message::Get { hash, key, reply } => {
                reply.send(Ok(self.state.map().get(hash, &key, now)));
            }
            Message::Look(look) => look(self.state.map(), now),
            Message::Scan(request) => {
                self.scans.push(*request);
                self.answer_scans(now);
            }
            Message::Subscribe(request) => {
                let SubscribeRequest { filter, start, reply } = *request;
                reply.send(self.subscribe(filter, start, now));
            }
            Message::Latest { key, watcher, reply } => {
                reply.send(Ok(self.publisher.watch(key, watcher)));
            }
            Message::Write { .. }
            | Message::Gated(_)
            | Message::Many { .. }
            | Message::Batch { .. }
            | Message::Clear { .. }
            | Message::Compact { .. } => unreachable!("{} is no read", message.name()),
        }
    }

    /// Take the receiver and the revision that it starts from together.
    pub(super) fn subscribe(
        &mut self,
        filter: Filter,
        start: Start,
        now: Timestamp,
    ) -> Result<Subscription<T>, Error> {
        let head = self.state.totals().revision;
        let store = self.shared.id();
        let after = match start {
            Start::Now | Start::Snapshot => head,
            Start::After { store: other, .. } if other.is_some_and(|other| other != store) => {
                return Err(Error::WrongStore);
            }
            Start::After { revision: asked, .. } if asked > head => {
                return Err(Error::AheadOfHead { asked, head });
            }
            Start::After { revision, .. } => {
                match self.shared.history.check_start(revision) {
                    // Whether it is inside a batch shows when the journal is read, which is not done here.
                    Err(Error::Compacted { oldest: floor }) => {
                        self.shared.past_after(revision, floor)?;
                    }
                    checked => checked?,
                }
                revision
            }
        };
        let (source, entry) = match &filter {
            Filter::All | Filter::Prefix(_) => {
                let (receiver, listening) = self.publisher.subscribe();
                (Source::Channel { receiver, _listening: listening }, None)
            }
            Filter::Key(key) => {
                let watcher = Watcher::new(UNREAD);
                let listening = self.publisher.watch(key.clone(), Arc::clone(&watcher));
                let map = self.state.map();
                let source = Source::Watcher { watcher, _listening: listening };
                (source, map.get(map.hash(key), key, now))
            }
        };
        let beginning = Beginning { filter, start, source, after, head, entry };
        Ok(Subscription::new(Arc::clone(&self.shared), beginning))
    }

    /// Answer the scans that wait, once the index is there.
    pub(super) fn answer_scans(&mut self, now: Timestamp) {
        if !self.scans.is_empty() && self.state.ready_to_scan() {
            for request in std::mem::take(&mut self.scans) {
                request.answer(&self.state, now);
            }
        }
    }
}

impl<T: Clone> ScanRequest<T> {
    fn answer(self, state: &State<T>, now: Timestamp) {
        let (prefix, after, limit) = (&*self.prefix, self.after.as_deref(), self.limit);
        // A caller that has left is no error.
        match self.reply {
            ScanReply::Keys(reply) => {
                reply.send(Ok(state.keys(prefix, after, limit, now)));
            }
            ScanReply::Entries(reply) => {
                reply.send(Ok(state.scan(prefix, after, limit, now)));
            }
        }
    }
}
