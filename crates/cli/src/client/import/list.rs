//! Lists that are longer than the request limit of the server: set with the first elements, then extended by pushes.
//!
//! Each request after the first is a batch, which is atomic, and its first push requires the revision that the previous
//! request left. So the list never contains elements out of order or of another client, and readers see a growing
//! prefix of it.

use mainspring::wire::Json;
use mainspring::{Backend, BatchError, Error, Value, Write};

use super::read::{Deadline, Entry};
use super::send::{Import, QueuedEntry, failure_text};
use crate::client::printer::now;

/// The assumed request limit of a server, or of a proxy in front of it, that does not report one.
const DEFAULT_LIMIT: u64 = 256 << 10;
/// Bytes of a request besides its elements: brackets, a time to live, a condition.
const OVERHEAD: usize = 128;
/// Bytes of each push in a batch besides its element and its key.
const PUSH_OVERHEAD: usize = 40;

impl<B: Backend<Json>> Import<'_, B> {
    /// Set a list in several requests.
    pub(super) async fn send_list(
        &mut self,
        queued: &QueuedEntry,
        list: &[Json],
        limit: Option<u64>,
    ) -> anyhow::Result<()> {
        let entry = &queued.entry;
        let most = usize::try_from(limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
        // Check first, so that no list is started that cannot be completed.
        let is_too_long = |element: &&Json| element.as_str().len() + "{\"value\":}".len() > most;
        if let Some(element) = list.iter().find(is_too_long) {
            let why = format!(
                "an element of its list has {} bytes, more than the request limit of the server ({most}): raise its \
                 --max-body-bytes",
                element.as_str().len()
            );
            self.record_failure(entry, &Error::RequestTooLarge { limit }, &why);
            return Ok(());
        }
        let key = serde_json::to_string(&*entry.key)?.len() + PUSH_OVERHEAD;
        let (first, rest) = list.split_at(count_fitting(list, most.saturating_sub(key), 1));
        let Some(set) = entry.write(Value::List(first.to_vec()), now()) else {
            self.counts.expired += 1;
            return Ok(());
        };
        let set =
            self.check_fatal(entry, self.write_one(self.with_condition(queued, set)).await)?;
        let mut revision = match set {
            Ok(written) => written.revision,
            Err(error) => {
                self.record(queued, Err(error));
                return Ok(());
            }
        };
        let mut rest = rest;
        while !rest.is_empty() {
            let (next, remaining) = rest.split_at(count_fitting(rest, most, key).max(1));
            let pushed = self.check_fatal(entry, self.push(entry, next, revision).await)?;
            match pushed {
                Ok(pushed) => (revision, rest) = (pushed, remaining),
                Err(error) => return self.abort_list(entry, revision, error).await,
            }
        }
        self.record(queued, Ok(()));
        Ok(())
    }

    /// Push elements to the list if it has this revision, and return its new revision.
    async fn push(&self, entry: &Entry, elements: &[Json], revision: u64) -> Result<u64, Error> {
        let mut pushes: Vec<_> = elements
            .iter()
            .map(|element| Write::push(entry.key.clone(), element.clone()))
            .collect();
        let first = pushes.remove(0).if_revision(revision);
        if pushes.is_empty() {
            // An element of the size of the limit fits only into a request of its own.
            return Ok(self.write_one(first).await?.revision);
        }
        pushes.insert(0, first);
        let done = self.store.batch(pushes).await.map_err(|BatchError { error, .. }| error)?;
        Ok(done.last().map_or(revision, |written| written.revision))
    }

    /// Remove an incomplete list, unless another client has changed it.
    async fn abort_list(
        &mut self,
        entry: &Entry,
        revision: u64,
        error: Error,
    ) -> anyhow::Result<()> {
        if let Error::ConditionFailed { current } = error {
            if current.is_none() && entry.deadline != Deadline::Never {
                self.counts.expired += 1;
            } else {
                let why =
                    "another client changed it during the import; it stays as that client left it";
                self.record_failure(entry, &error, why);
            }
            return Ok(());
        }
        let remove = Write::remove(entry.key.clone()).if_revision(revision);
        let removed = self.check_fatal(entry, self.write_one(remove).await)?;
        let state = match removed {
            Ok(_) | Err(Error::NotFound | Error::ConditionFailed { .. }) => "removed".to_owned(),
            Err(error) => format!("left incomplete, because it could not be removed ({error})"),
        };
        self.record_failure(
            entry,
            &error,
            &format!("{}; its incomplete list was {state}", failure_text(entry, &error)),
        );
        Ok(())
    }
}

/// Count the leading elements that fit into a request, each with `overhead` bytes besides its own.
fn count_fitting(elements: &[Json], most: usize, overhead: usize) -> usize {
    let mut bytes = OVERHEAD;
    let fits = |element: &&Json| {
        bytes = bytes.saturating_add(element.as_str().len() + overhead);
        bytes <= most
    };
    elements.iter().take_while(fits).count()
}
