//! The entries of an import on their way to the server.

use std::collections::VecDeque;

use mainspring::wire::Json;
use mainspring::{Backend, Error, Store, Write, Written};

use super::read::Entry;
use crate::client::failure::reason;
use crate::client::screen::now;
use crate::client::tally::Tally;
use crate::output::tell;
use crate::progress::Bar;

/// The most entries of a group, and about the most bytes. Groups go one after another: that is what keeps their order.
const GROUP: usize = 4_000;
const GROUP_BYTES: usize = 512 << 10;
/// An entry that is longer goes by itself, for it may be too long for the server.
const ALONE: usize = 64 << 10;
/// How many failures are reported one by one.
const REPORTED: u64 = 10;

/// What has become of the entries.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) set: u64,
    pub(super) superseded: u64,
    pub(super) present: u64,
    pub(super) expired: u64,
    pub(super) failed: Tally,
}

/// An import that is under way.
pub(super) struct Import<'a, B> {
    pub(super) store: &'a Store<Json, B>,
    if_absent: bool,
    /// Entries that are longer go by themselves.
    alone: usize,
    pub(super) counts: Counts,
}

/// An entry that waits to be sent.
pub(super) struct Waiting {
    pub(super) entry: Entry,
    /// The revision that it has if it was set already, and is set once more because of the order.
    set_as: Option<u64>,
}

impl<'a, B: Backend<Json>> Import<'a, B> {
    pub(super) fn new(store: &'a Store<Json, B>, if_absent: bool, superseded: u64) -> Self {
        let counts = Counts { superseded, ..Counts::default() };
        Self { store, if_absent, alone: ALONE, counts }
    }

    /// Set all entries, in their order. An error ends the import: it would be the same for the next entry.
    pub(super) async fn send(&mut self, entries: Vec<Entry>) -> anyhow::Result<()> {
        let mut bar = Bar::new("importing");
        let total = entries.len();
        let mut waiting: VecDeque<_> =
            entries.into_iter().map(|entry| Waiting { entry, set_as: None }).collect();
        while let Some(first) = waiting.pop_front() {
            if first.entry.bytes > self.alone {
                self.send_alone(&first).await?;
            } else {
                let mut bytes = first.entry.bytes;
                let mut group = vec![first];
                while let Some(next) = waiting.front() {
                    bytes += next.entry.bytes;
                    if group.len() == GROUP || bytes > GROUP_BYTES || next.entry.bytes > self.alone
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

    /// Set several entries in one request, or in as many as it takes.
    async fn send_group(
        &mut self,
        group: Vec<Waiting>,
        waiting: &mut VecDeque<Waiting>,
    ) -> anyhow::Result<()> {
        let (mut sent, mut writes) = (Vec::with_capacity(group.len()), Vec::new());
        for one in group {
            match self.write(&one) {
                Some(write) => {
                    writes.push(write);
                    sent.push(one);
                }
                None => self.counts.expired += 1,
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        let done = self.store.write_many(writes).await?;
        let mut done = sent.into_iter().zip(done);
        while let Some((one, result)) = done.next() {
            let Err(Error::RequestTooLarge { limit }) = result else {
                self.note(&one, result.map(|_| ()));
                continue;
            };
            // It goes by itself, and so do all of its length from now on. Those behind it have been set before it, and
            // are set once more, to be behind it again.
            let known =
                limit.map_or(one.entry.bytes, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
            self.alone = self.alone.min(known / 2);
            let again: Vec<_> = done
                .map(|(one, result)| Waiting {
                    set_as: result.ok().map(|written| written.revision).or(one.set_as),
                    ..one
                })
                .collect();
            again.into_iter().rev().for_each(|one| waiting.push_front(one));
            return self.send_alone(&one).await;
        }
        Ok(())
    }

    /// Set an entry in a request of its own, or in several, if it is a list.
    async fn send_alone(&mut self, one: &Waiting) -> anyhow::Result<()> {
        let Some(write) = self.write(one) else {
            self.counts.expired += 1;
            return Ok(());
        };
        let result = self.unless_lost(&one.entry, self.write_one(write).await)?;
        if let (Err(Error::RequestTooLarge { limit }), Some(list)) =
            (&result, one.entry.value.list())
        {
            return self.send_list(one, list, *limit).await;
        }
        self.note(one, result.map(|_| ()));
        Ok(())
    }

    /// Do one write. As an element of a batch first, which takes every key; a request of its own has a little more room
    /// for the value.
    pub(super) async fn write_one(&self, write: Write<Json>) -> Result<Written<Json>, Error> {
        let done = self.store.write_many([write.clone()]).await?.pop();
        let Some(Err(too_large @ Error::RequestTooLarge { .. })) = done else {
            return done.unwrap_or(Err(Error::Unknown));
        };
        match self.store.write(write).await {
            // Some keys cannot be in a path.
            Err(Error::Rejected(_)) => Err(too_large),
            done => done,
        }
    }

    fn write(&self, one: &Waiting) -> Option<Write<Json>> {
        let write = one.entry.write(one.entry.value.clone(), now())?;
        Some(self.on(one, write))
    }

    /// The write under the condition of the import.
    pub(super) fn on(&self, one: &Waiting, write: Write<Json>) -> Write<Json> {
        match one.set_as {
            Some(revision) => write.if_revision(revision),
            None if self.if_absent => write.if_absent(),
            None => write,
        }
    }

    /// What became of a write, unless it says that the next one will fare no better.
    pub(super) fn unless_lost<W>(
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
                tell(format_args!("{}: {}", place(entry), reason(&error)));
                Err(error.into())
            }
            result => Ok(result),
        }
    }

    pub(super) fn note(&mut self, one: &Waiting, result: Result<(), Error>) {
        match result {
            Ok(()) => self.counts.set += 1,
            // It was set, and has been changed by another client since.
            Err(Error::ConditionFailed { .. }) if one.set_as.is_some() => self.counts.set += 1,
            Err(Error::ConditionFailed { .. }) => self.counts.present += 1,
            Err(error) => self.refuse(&one.entry, &error, &why(&one.entry, &error)),
        }
    }

    /// Count an entry that was not set, and say why, unless there are too many.
    pub(super) fn refuse(&mut self, entry: &Entry, error: &Error, why: &str) {
        self.counts.failed.add(error);
        if self.counts.failed.sum() <= REPORTED {
            tell(format_args!("{}: {why}", place(entry)));
        }
    }
}

fn place(entry: &Entry) -> String {
    format!("line {}, key {:?}", entry.line, &*entry.key)
}

/// Why an entry was refused, and which setting helps.
pub(super) fn why(entry: &Entry, error: &Error) -> String {
    match error {
        Error::RequestTooLarge { limit } => {
            let most = limit.map_or("less".to_owned(), |limit| format!("at most {limit} bytes"));
            format!(
                "its line is {} bytes long, and the server takes {most} in one request: raise its --max-body-bytes",
                entry.bytes
            )
        }
        Error::TooLarge { .. } => format!("{error}: raise the server's --max-entry-bytes"),
        error => reason(error),
    }
}
