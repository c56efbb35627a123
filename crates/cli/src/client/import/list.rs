//! A list that is longer than the server takes in one request: set with its first elements, and grown by the others.
//!
//! Each request but the first is a batch, which is done as a whole, and its first push needs the key to be as the
//! request before left it. So the list never has elements out of order or of another client in it, and a reader sees a
//! beginning of it that grows.

use mainspring::wire::Json;
use mainspring::{Backend, BatchError, Error, Value, Write};

use super::read::{Deadline, Entry};
use super::send::{Import, Waiting, why};
use crate::client::screen::now;

/// What is taken for the limit of a server, or of a proxy before it, that does not say it.
const LIMIT: u64 = 256 << 10;
/// What a request has besides its elements: brackets, a time to live, a condition.
const OVERHEAD: usize = 128;
/// What each push of a batch has besides its element and its key.
const PUSH_OVERHEAD: usize = 40;

impl<B: Backend<Json>> Import<'_, B> {
    /// Set a list in several requests.
    pub(super) async fn send_list(
        &mut self,
        one: &Waiting,
        list: &[Json],
        limit: Option<u64>,
    ) -> anyhow::Result<()> {
        let entry = &one.entry;
        let most = usize::try_from(limit.unwrap_or(LIMIT)).unwrap_or(usize::MAX);
        // Nothing is begun that could not be completed.
        let is_too_long = |element: &&Json| element.as_str().len() + "{\"value\":}".len() > most;
        if let Some(element) = list.iter().find(is_too_long) {
            let why = format!(
                "an element of its list is {} bytes long, and the server takes {most} in one request: raise its \
                 --max-body-bytes",
                element.as_str().len()
            );
            self.refuse(entry, &Error::RequestTooLarge { limit }, &why);
            return Ok(());
        }
        let key = serde_json::to_string(&*entry.key)?.len() + PUSH_OVERHEAD;
        let (first, rest) = list.split_at(fitting(list, most.saturating_sub(key), 1));
        let Some(set) = entry.write(Value::List(first.to_vec()), now()) else {
            self.counts.expired += 1;
            return Ok(());
        };
        let set = self.unless_lost(entry, self.write_one(self.on(one, set)).await)?;
        let mut revision = match set {
            Ok(written) => written.revision,
            Err(error) => {
                self.note(one, Err(error));
                return Ok(());
            }
        };
        let mut rest = rest;
        while !rest.is_empty() {
            let (next, others) = rest.split_at(fitting(rest, most, key).max(1));
            let pushed = self.unless_lost(entry, self.push(entry, next, revision).await)?;
            match pushed {
                Ok(pushed) => (revision, rest) = (pushed, others),
                Err(error) => return self.give_up(entry, revision, error).await,
            }
        }
        self.note(one, Ok(()));
        Ok(())
    }

    /// Push elements to the list, which has to be at this revision. Returns the one that it has then.
    async fn push(&self, entry: &Entry, elements: &[Json], revision: u64) -> Result<u64, Error> {
        let mut pushes: Vec<_> = elements
            .iter()
            .map(|element| Write::push(entry.key.clone(), element.clone()))
            .collect();
        let first = pushes.remove(0).if_revision(revision);
        if pushes.is_empty() {
            // An element that is as long as a request takes fits only in one of its own.
            return Ok(self.write_one(first).await?.revision);
        }
        pushes.insert(0, first);
        let done = self.store.batch(pushes).await.map_err(|BatchError { error, .. }| error)?;
        Ok(done.last().map_or(revision, |written| written.revision))
    }

    /// The list cannot be completed. What there is of it is removed, unless it is not ours any more.
    async fn give_up(&mut self, entry: &Entry, revision: u64, error: Error) -> anyhow::Result<()> {
        if let Error::ConditionFailed { current } = error {
            if current.is_none() && entry.deadline != Deadline::Never {
                self.counts.expired += 1;
            } else {
                let why = "another client has changed it before it was complete; it is as that client left it";
                self.refuse(entry, &error, why);
            }
            return Ok(());
        }
        let remove = Write::remove(entry.key.clone()).if_revision(revision);
        let removed = self.unless_lost(entry, self.write_one(remove).await)?;
        let left = match removed {
            Ok(_) | Err(Error::NotFound | Error::ConditionFailed { .. }) => {
                "it was removed".to_owned()
            }
            Err(error) => format!("a part of it is left, and cannot be removed ({error})"),
        };
        self.refuse(
            entry,
            &error,
            &format!("{}; its list was not completed, and {left}", why(entry, &error)),
        );
        Ok(())
    }
}

/// How many of the first elements fit into a request, if each has so many bytes besides.
fn fitting(elements: &[Json], most: usize, besides: usize) -> usize {
    let mut bytes = OVERHEAD;
    let fits = |element: &&Json| {
        bytes = bytes.saturating_add(element.as_str().len() + besides);
        bytes <= most
    };
    elements.iter().take_while(fits).count()
}
