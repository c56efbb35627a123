//! What was appended and what was acknowledged, kept outside of the journal; and whether what is recovered
//! agrees with it.

use std::sync::{Arc, Mutex};

use mainspring::journal::{AppendError, FileJournal, Journal, JournalError, Recover, Recovered};
use mainspring::{Change, StoreId};
use mainspring_testing::Replica;
use mainspring_testing::journals::{InterceptedJournal, Interceptor};

pub(crate) type State = Replica<String>;

/// An append, and what came of it; nothing yet, if it was never answered.
pub(crate) type Attempt = (Arc<[Change<String>]>, Option<Result<(), AppendError>>);

/// Records what a journal recovers, and the appends with their results.
struct Recorder(Arc<Mutex<Record>>);

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) recovered: Vec<Recovered<String>>,
    pub(crate) attempts: Vec<Attempt>,
}

/// A journal whose calls are recorded, and the record.
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
        let mut both = |recovered: Recovered<String>| {
            self.0.lock().unwrap().recovered.push(recovered.clone());
            recover(recovered);
        };
        journal.open(&mut both).await
    }

    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        self.0.lock().unwrap().attempts.push((Arc::clone(&changes), None));
        let answer = journal.append(after, changes).await;
        self.0.lock().unwrap().attempts.last_mut().unwrap().1 = Some(answer.clone());
        answer
    }
}

/// What has to be there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    /// Every change whose append was answered with `Ok`, from revision 1 on.
    pub(crate) changes: Vec<Change<String>>,
    /// Where appends end.
    pub(crate) ends: Vec<u64>,
    /// The append with an unknown outcome, if there is one.
    pub(crate) unknown: Option<Arc<[Change<String>]>>,
    /// The newest revision that a caller was told of.
    pub(crate) acknowledged: u64,
    /// The store.
    pub(crate) id: Option<StoreId>,
    /// A power cut may cost what was acknowledged; then the store has a new id.
    pub(crate) may_lose: bool,
}

/// What a journal gave back.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) id: StoreId,
    pub(crate) revision: u64,
    pub(crate) state: State,
    pub(crate) changes: Vec<Change<String>>,
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision && self.state == other.state
    }
}

/// What these pieces make.
pub(crate) fn found(id: StoreId, recovered: Vec<Recovered<String>>) -> Result<Found, String> {
    let (mut state, mut revision, mut changes) = (State::default(), 0, Vec::new());
    for piece in recovered {
        match piece {
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
            other => return Err(format!("what is {other:?}?")),
        }
    }
    Ok(Found { id, revision, state, changes })
}

/// Open a journal, see what it holds, and let go of it without closing it.
pub(crate) async fn look(mut journal: FileJournal<String>) -> Result<Found, String> {
    let mut pieces = Vec::new();
    let mut recover = |piece| pieces.push(piece);
    let id = journal.open(&mut recover).await.map_err(|error| error.to_string())?;
    found(id, pieces)
}

fn same(a: &Change<String>, b: &Change<String>) -> bool {
    (a.revision, a.at, &a.key, &a.kind, a.continues())
        == (b.revision, b.at, &b.key, &b.kind, b.continues())
}

impl Ledger {
    /// What was asked of a journal since it was opened.
    pub(crate) fn take(&mut self, attempts: &[Attempt]) {
        for (changes, outcome) in attempts {
            match outcome {
                Some(Ok(())) => {
                    assert!(self.unknown.is_none(), "an append after an unknown one");
                    self.changes.extend(changes.iter().cloned());
                    self.ends.push(self.changes.len() as u64);
                }
                Some(Err(AppendError::Unknown(_))) | None => self.unknown = Some(changes.clone()),
                Some(Err(_)) => {}
            }
        }
    }

    /// All that could be there, and where its appends end.
    fn possible(&self) -> (Vec<Change<String>>, Vec<u64>) {
        let (mut changes, mut ends) = (self.changes.clone(), self.ends.clone());
        ends.insert(0, 0);
        if let Some(unknown) = &self.unknown {
            changes.extend(unknown.iter().cloned());
            ends.push(changes.len() as u64);
        }
        (changes, ends)
    }

    /// Compare what was found with what was acknowledged.
    pub(crate) fn check(&self, found: &Found) -> Result<(), String> {
        let (changes, ends) = self.possible();
        let revision = found.revision;
        if !ends.contains(&revision) {
            return Err(format!("invented or torn: {revision} ends no append: {ends:?}"));
        }
        if revision < self.acknowledged {
            let told = self.acknowledged;
            if !self.may_lose {
                return Err(format!("lost: {told} was acknowledged, and it ends at {revision}"));
            }
            if self.id == Some(found.id) {
                return Err(format!("{told} is lost, {revision} is left, and the id is the same"));
            }
        }
        if !self.may_lose && self.id.is_some_and(|id| id != found.id) {
            return Err(format!("{:?} has become {:?}, and nothing was lost", self.id, found.id));
        }
        for change in &found.changes {
            let known = &changes[change.revision as usize - 1];
            if !same(change, known) {
                return Err(format!("{change:?} was {known:?}"));
            }
        }
        let mut state = State::default();
        changes[..revision as usize].iter().for_each(|change| state.apply(change));
        if state != found.state {
            return Err(format!("at {revision} it was {state:#?}\nand is {:#?}", found.state));
        }
        Ok(())
    }

    /// Go on from what was found.
    pub(crate) fn go_on(&mut self, found: &Found) {
        let (mut changes, mut ends) = self.possible();
        changes.truncate(found.revision as usize);
        ends.retain(|end| (1..=found.revision).contains(end));
        (self.changes, self.ends, self.unknown) = (changes, ends, None);
        (self.acknowledged, self.id) = (found.revision, Some(found.id));
    }
}
