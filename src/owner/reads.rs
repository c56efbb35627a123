//! The commands that change nothing: reads, scans, subscriptions.

use std::sync::Arc;

use super::Owner;
use crate::feed::{Beginning, Source, Watcher};
use crate::journal::Journal;
use crate::model::{Error, Filter, Start, Timestamp};
use crate::owner::message::{Message, ScanReply, ScanRequest, SubscribeRequest};
use crate::state::State;

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
    ) -> Result<Beginning<T>, Error> {
        let head = self.state.totals().revision;
        let after = self.hub.resolve_start(start, head)?;
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
        Ok(Beginning { filter, start, source, after, head, entry })
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
