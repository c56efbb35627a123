//! Sends the entries of an import to the server.

use std::collections::VecDeque;

use mainspring::wire::Json;
use mainspring::{Backend, Error, Store, Write, Written};

use super::read::Entry;
use crate::client::failure::reason;
use crate::client::failure_counts::FailureCounts;
use crate::client::printer::now;
use crate::output::print_status;
use crate::progress::Bar;

/// The most entries of a group, and approximately the most bytes. Groups are sent one after another to keep the order.
const GROUP: usize = 4_000;
const GROUP_BYTES: usize = 512 << 10;
/// A longer entry is sent alone, because it may exceed the request limit of the server.
const MAX_GROUPED_BYTES: usize = 64 << 10;
/// The number of failures that are reported individually.
const REPORTED: u64 = 10;

/// The outcome of the entries.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) set: u64,
    pub(super) superseded: u64,
    pub(super) present: u64,
    pub(super) expired: u64,
    pub(super) failed: FailureCounts,
}

/// An import in progress.
pub(super) struct Import<'a, B> {
    pub(super) store: &'a Store<Json, B>,
    if_absent: bool,
    /// Longer entries are sent alone.
    max_grouped_bytes: usize,
    pub(super) counts: Counts,
}

/// An entry to be sent.
pub(super) struct QueuedEntry {
    pub(super) entry: Entry,
    /// Its revision, if it was set already and is set again to restore the order.
    set_revision: Option<u64>,
}

impl<'a, B: Backend<Json>> Import<'a, B> {
    pub(super) fn new(store: &'a Store<Json, B>, if_absent: bool, superseded: u64) -> Self {
        let counts = Counts { superseded, ..Counts::default() };
        Self { store, if_absent, max_grouped_bytes: MAX_GROUPED_BYTES, counts }
    }

    /// Set all entries in order. An error that would also affect the next entry ends the import.
    pub(super) async fn send(&mut self, entries: Vec<Entry>) -> anyhow::Result<()> {
        let mut bar = Bar::new("importing");
        let total = entries.len();
        let mut waiting: VecDeque<_> =
            entries.into_iter().map(|entry| QueuedEntry { entry, set_revision: None }).collect();
        while let Some(first) = waiting.pop_front() {
            if first.entry.bytes > self.max_grouped_bytes {
                self.send_alone(&first).await?;
            } else {
                let mut bytes = first.entry.bytes;
                let mut group = vec![first];
                while let Some(next) = waiting.front() {
                    bytes += next.entry.bytes;
                    if group.len() == GROUP
                        || bytes > GROUP_BYTES
                        || next.entry.bytes > self.max_grouped_bytes
                    {
                        break;
                    }
                    group.extend(waiting.pop_front());
                }
                self.send_group(group, &mut waiting).await?;
            }
            bar.show_part((total - waiting.len()) as u64, total as u64);
        }
        Ok(())
    }

    /// Set several entries in one request, or in several if they are too long.
    async fn send_group(
        &mut self,
        group: Vec<QueuedEntry>,
        waiting: &mut VecDeque<QueuedEntry>,
    ) -> anyhow::Result<()> {
        let (mut sent, mut writes) = (Vec::with_capacity(group.len()), Vec::new());
        for queued in group {
            match self.write(&queued) {
                Some(write) => {
                    writes.push(write);
                    sent.push(queued);
                }
                None => self.counts.expired += 1,
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        let done = self.store.write_many(writes).await?;
        let mut done = sent.into_iter().zip(done);
        while let Some((queued, result)) = done.next() {
            let Err(Error::RequestTooLarge { limit }) = result else {
                self.record(&queued, result.map(|_| ()));
                continue;
            };
            // Send it alone, and from now on all entries of about its length. The entries behind it were set before it,
            // so they are set again to restore the order.
            let limit = limit
                .map_or(queued.entry.bytes, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
            self.max_grouped_bytes = self.max_grouped_bytes.min(limit / 2);
            let repeated: Vec<_> = done
                .map(|(queued, result)| QueuedEntry {
                    set_revision: result
                        .ok()
                        .map(|written| written.revision)
                        .or(queued.set_revision),
                    ..queued
                })
                .collect();
            repeated.into_iter().rev().for_each(|queued| waiting.push_front(queued));
            return self.send_alone(&queued).await;
        }
        Ok(())
    }

    /// Set one entry in a request of its own, or a long list in several.
    async fn send_alone(&mut self, queued: &QueuedEntry) -> anyhow::Result<()> {
        let Some(write) = self.write(queued) else {
            self.counts.expired += 1;
            return Ok(());
        };
        let result = self.check_fatal(&queued.entry, self.write_one(write).await)?;
        if let (Err(Error::RequestTooLarge { limit }), Some(list)) =
            (&result, queued.entry.value.list())
        {
            return self.send_list(queued, list, *limit).await;
        }
        self.record(queued, result.map(|_| ()));
        Ok(())
    }

    /// Send one write. First in a batch, which supports all keys; then by its own route, which has slightly more room
    /// for the value.
    pub(super) async fn write_one(&self, write: Write<Json>) -> Result<Written<Json>, Error> {
        let done = self.store.write_many([write.clone()]).await?.pop();
        let Some(Err(too_large @ Error::RequestTooLarge { .. })) = done else {
            return done.unwrap_or(Err(Error::Unknown));
        };
        match self.store.write(write).await {
            // Some keys are not valid in a path.
            Err(Error::Rejected(_)) => Err(too_large),
            done => done,
        }
    }

    fn write(&self, queued: &QueuedEntry) -> Option<Write<Json>> {
        let write = queued.entry.write(queued.entry.value.clone(), now())?;
        Some(self.with_condition(queued, write))
    }

    /// Add the condition of the import to a write.
    pub(super) fn with_condition(&self, queued: &QueuedEntry, write: Write<Json>) -> Write<Json> {
        match queued.set_revision {
            Some(revision) => write.if_revision(revision),
            None if self.if_absent => write.if_absent(),
            None => write,
        }
    }

    /// Turn an error that would also affect the next write into the error of the import.
    pub(super) fn check_fatal<W>(
        &mut self,
        entry: &Entry,
        result: Result<W, Error>,
    ) -> anyhow::Result<Result<W, Error>> {
        match result {
            Err(
                error @ (Error::Unreachable(_)
                | Error::Unknown
                | Error::Closed
                | Error::Busy
                | Error::Recovering
                | Error::Failed(_)
                | Error::JournalFailed(_)
                | Error::Unauthorized
                | Error::Forbidden),
            ) => {
                self.counts.failed.add(&error);
                print_status(format_args!("{}: {}", position(entry), reason(&error)));
                Err(error.into())
            }
            result => Ok(result),
        }
    }

    pub(super) fn record(&mut self, queued: &QueuedEntry, result: Result<(), Error>) {
        match result {
            Ok(()) => self.counts.set += 1,
            // It was set, and has been changed by another client since.
            Err(Error::ConditionFailed { .. }) if queued.set_revision.is_some() => {
                self.counts.set += 1;
            }
            Err(Error::ConditionFailed { .. }) => self.counts.present += 1,
            Err(error) => {
                self.record_failure(&queued.entry, &error, &failure_text(&queued.entry, &error));
            }
        }
    }

    /// Count an entry that was not set, and report the first few.
    pub(super) fn record_failure(&mut self, entry: &Entry, error: &Error, why: &str) {
        self.counts.failed.add(error);
        if self.counts.failed.sum() <= REPORTED {
            print_status(format_args!("{}: {why}", position(entry)));
        }
    }
}

fn position(entry: &Entry) -> String {
    format!("line {}, key {:?}", entry.line, &*entry.key)
}

/// The reason why an entry was not set, and the option that helps.
pub(super) fn failure_text(entry: &Entry, error: &Error) -> String {
    match error {
        Error::RequestTooLarge { limit } => {
            let most = limit.map_or("unknown".to_owned(), |limit| format!("{limit} bytes"));
            format!(
                "its line has {} bytes, more than the request limit of the server ({most}): raise its --max-body-bytes",
                entry.bytes
            )
        }
        Error::TooLarge { .. } => format!("{error}: raise the server's --max-entry-bytes"),
        error => reason(error),
    }
}
