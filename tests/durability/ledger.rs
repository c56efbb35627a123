//! [`Ledger`]: a record of what was appended and acknowledged, kept outside of the journal and compared with what the
//! journal recovers.

use std::sync::{Arc, Mutex};

use mainspring::journal::{AppendError, FileJournal, Journal, JournalError, Recover, Recovered};
use mainspring::{Change, StoreId};
use mainspring_testing::Replica;
use mainspring_testing::journals::{InterceptedJournal, Interceptor};

pub(crate) type State = Replica<String>;

/// An append and its result; `None` if it has not returned.
pub(crate) type Attempt = (Arc<[Change<String>]>, Option<Result<(), AppendError>>);

/// Records what a journal recovers, and the appends with their results.
struct Recorder(Arc<Mutex<Record>>);

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) recovered: Vec<Recovered<String>>,
    pub(crate) attempts: Vec<Attempt>,
}

/// Wraps a journal so that its calls are recorded. Returns it and the record.
pub(crate) fn recorded(
    journal: impl Journal<String>,
) -> (impl Journal<String>, Arc<Mutex<Record>>) {
    let record = Arc::default();
    (InterceptedJournal::new(journal, Recorder(Arc::clone(&record))), record)
}

impl<J: Journal<String>> Interceptor<String, J> for Recorder {
    async fn open(
        &mut self,
        journal: &mut J,
        recover: Recover<'_, String>,
    ) -> Result<StoreId, JournalError> {
        let mut record = |recovered: Recovered<String>| {
            self.0.lock().unwrap().recovered.push(recovered.clone());
            recover(recovered);
        };
        journal.open(&mut record).await
    }

    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        self.0.lock().unwrap().attempts.push((Arc::clone(&changes), None));
        let result = journal.append(after, changes).await;
        self.0.lock().unwrap().attempts.last_mut().unwrap().1 = Some(result.clone());
        result
    }
}

/// What a recovery must find.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// Every change whose append returned `Ok`, from revision 1 on.
    pub(crate) changes: Vec<Change<String>>,
    /// The revisions at which appends end.
    pub(crate) ends: Vec<u64>,
    /// The append of unknown outcome, if there is one.
    pub(crate) unknown: Option<Arc<[Change<String>]>>,
    /// The newest revision that was acknowledged to a caller.
    pub(crate) acknowledged: u64,
    /// The id of the store.
    pub(crate) id: Option<StoreId>,
    /// Whether a power cut may lose acknowledged changes. If it does, the store must have a new id.
    pub(crate) may_lose: bool,
}

/// What a journal has recovered.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) id: StoreId,
    pub(crate) revision: u64,
    pub(crate) state: State,
    pub(crate) changes: Vec<Change<String>>,
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.state == other.state
    }
}

/// Builds the content from the recovered parts.
pub(crate) fn content_of(
    id: StoreId,
    recovered: Vec<Recovered<String>>,
) -> Result<Content, String> {
    let (mut state, mut revision, mut changes) = (State::default(), 0, Vec::new());
    for part in recovered {
        match part {
            Recovered::Entry(key, entry) => drop(state.entries.insert(key, entry)),
            Recovered::SnapshotEnd(end) => revision = end,
            Recovered::Patch(change) => state.apply(&change),
            Recovered::Change(change) => {
                if change.revision != revision + 1 {
                    return Err(format!("{} follows {revision}", change.revision));
                }
                revision = change.revision;
                state.apply(&change);
                changes.push(change);
            }
            other => return Err(format!("unknown part: {other:?}")),
        }
    }
    Ok(Content { id, revision, state, changes })
}

/// Opens a journal and returns its content. The journal is dropped without being closed.
pub(crate) async fn read_content(mut journal: FileJournal<String>) -> Result<Content, String> {
    let mut parts = Vec::new();
    let mut recover = |part| parts.push(part);
    let id = journal.open(&mut recover).await.map_err(|error| error.to_string())?;
    content_of(id, parts)
}

fn same(a: &Change<String>, b: &Change<String>) -> bool {
    (a.revision, a.at, &a.key, &a.kind, a.continues())
        == (b.revision, b.at, &b.key, &b.kind, b.continues())
}

impl Ledger {
    /// Adds the appends since the journal was opened.
    pub(crate) fn add_attempts(&mut self, attempts: &[Attempt]) {
        for (changes, outcome) in attempts {
            match outcome {
                Some(Ok(())) => {
                    assert!(self.unknown.is_none(), "no append may follow one of unknown outcome");
                    self.changes.extend(changes.iter().cloned());
                    self.ends.push(self.changes.len() as u64);
                }
                Some(Err(AppendError::Unknown(_))) | None => self.unknown = Some(changes.clone()),
                Some(Err(_)) => {}
            }
        }
    }

    /// All changes that a recovery may find, and the revisions at which their appends end.
    fn possible_changes(&self) -> (Vec<Change<String>>, Vec<u64>) {
        let (mut changes, mut ends) = (self.changes.clone(), self.ends.clone());
        ends.insert(0, 0);
        if let Some(unknown) = &self.unknown {
            changes.extend(unknown.iter().cloned());
            ends.push(changes.len() as u64);
        }
        (changes, ends)
    }

    /// Compares recovered content with the record.
    pub(crate) fn check(&self, found: &Content) -> Result<(), String> {
        let (changes, ends) = self.possible_changes();
        let revision = found.revision;
        if !ends.contains(&revision) {
            return Err(format!(
                "invented or incomplete: no append ends at revision {revision}: {ends:?}"
            ));
        }
        if revision < self.acknowledged {
            let acknowledged = self.acknowledged;
            if !self.may_lose {
                return Err(format!(
                    "lost: revision {acknowledged} was acknowledged, the log ends at {revision}"
                ));
            }
            if self.id == Some(found.id) {
                return Err(format!(
                    "revision {acknowledged} is lost, {revision} is the newest, and the store id is unchanged"
                ));
            }
        }
        if !self.may_lose && self.id.is_some_and(|id| id != found.id) {
            return Err(format!(
                "the store id changed from {:?} to {:?}, although nothing was lost",
                self.id, found.id
            ));
        }
        for change in &found.changes {
            let expected = &changes[change.revision as usize - 1];
            if !same(change, expected) {
                return Err(format!("found {change:?}, expected {expected:?}"));
            }
        }
        let mut state = State::default();
        changes[..revision as usize].iter().for_each(|change| state.apply(change));
        if state != found.state {
            return Err(format!(
                "at revision {revision} expected {state:#?}\nfound {:#?}",
                found.state
            ));
        }
        Ok(())
    }

    /// Continues the record from recovered content.
    pub(crate) fn continue_from(&mut self, found: &Content) {
        let (mut changes, mut ends) = self.possible_changes();
        changes.truncate(found.revision as usize);
        ends.retain(|end| (1..=found.revision).contains(end));
        (self.changes, self.ends, self.unknown) = (changes, ends, None);
        (self.acknowledged, self.id) = (found.revision, Some(found.id));
    }
}
