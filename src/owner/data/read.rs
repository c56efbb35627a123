//! The commands that change nothing: reads, scans, subscriptions.

use std::sync::Arc;

use super::Data;
use crate::feed::{LiveSource, StartPoint, SubscriptionSource, Watcher};
use crate::model::{Error, Filter, Query, Scan, Subscribe, Timestamp};
use crate::owner::message::{CommandReply, CommandResult, Message};
use crate::owner::response::Response;

/// How many turns the queue of a subscription to one key holds. After that, it reads the history.
const UNREAD: usize = 64;

impl<T: Clone + Send + Sync + 'static> Data<T> {
    /// Execute a read in the order of the commands.
    pub(in crate::owner) fn read(
        &mut self,
        message: Message<T>,
        reply: CommandReply<T>,
        now: Timestamp,
    ) {
        match message {
            Message::Read { key, hash, query } => {
                reply.send(self.query(hash, &key, query, now));
            }
            Message::Scan(scan) => {
                self.scans.push((*scan, reply));
                self.run_scans(now);
            }
            Message::Subscribe(subscribe) => {
                let source = self.subscribe(*subscribe, now);
                reply.send(source.map(Response::Subscription));
            }
            Message::Watch { key, watcher } => {
                reply.send(Ok(Response::Watch(self.publisher.watch(key, watcher))));
            }
            Message::Write(_)
            | Message::Gated(_)
            | Message::Many(_)
            | Message::Batch(_)
            | Message::Clear
            | Message::Compact => unreachable!("{} is not a read", message.name()),
        }
    }

    #[inline]
    pub(super) fn query(
        &self,
        hash: u64,
        key: &str,
        query: Query,
        now: Timestamp,
    ) -> CommandResult<T> {
        let map = self.state.map();
        Ok(match query {
            Query::Entry => Response::Entry(map.get(hash, key, now)),
            Query::Contains => Response::Contains(map.contains(hash, key, now)),
            Query::Length => Response::Length(map.len(hash, key, now)?),
            Query::Last => Response::Last(map.last(hash, key, now)?),
            Query::Range { offset, limit } => {
                Response::Range(map.range(hash, key, now, (offset, limit))?)
            }
            Query::Slice { offset, limit } => {
                Response::Slice(map.slice(hash, key, now, (offset, limit))?)
            }
        })
    }

    /// Start a subscription: its source, revisions and entry are taken between two turns.
    pub(in crate::owner) fn subscribe(
        &mut self,
        Subscribe { filter, start }: Subscribe,
        now: Timestamp,
    ) -> Result<SubscriptionSource<T>, Error> {
        let head = self.revision();
        let after = self.hub.resolve_start(start, head)?;
        let (source, entry) = match &filter {
            Filter::All | Filter::Prefix(_) => {
                let (receiver, guard) = self.publisher.subscribe();
                (LiveSource::Channel { receiver, _guard: guard }, None)
            }
            Filter::Key(key) => {
                let watcher = Watcher::new(UNREAD);
                let guard = self.publisher.watch(key.clone(), Arc::clone(&watcher));
                let map = self.state.map();
                let entry = map.get(map.hash(key), key, now);
                (LiveSource::Watcher { watcher, _guard: guard }, entry)
            }
        };
        let start_point = StartPoint { filter, start, source, after, head, entry };
        Ok(SubscriptionSource::new(Arc::clone(&self.hub), start_point))
    }

    /// Reply to the waiting scans, if the index is ready.
    pub(in crate::owner) fn run_scans(&mut self, now: Timestamp) {
        if !self.scans.is_empty() && self.state.ready_to_scan() {
            for (scan, reply) in std::mem::take(&mut self.scans) {
                reply.send(Ok(self.scan(&scan, now)));
            }
        }
    }

    fn scan(&self, scan: &Scan, now: Timestamp) -> Response<T> {
        let Scan { prefix, after, limit, entries } = scan;
        let after = after.as_deref();
        if *entries {
            Response::Entries(self.state.scan(prefix, after, *limit, now))
        } else {
            Response::Keys(self.state.keys(prefix, after, *limit, now))
        }
    }
}
