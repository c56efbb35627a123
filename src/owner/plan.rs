//! The plan of a turn: writes that are decided and not yet applied.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::model::decide::{Effect, Facts, Rules, Totals, change_of, decide};
use crate::model::{BatchError, Change, ChangeKind, Counts, Error, Key, PreparedWrite, Timestamp};
use crate::state::State;

/// A small map of facts that overlays the state, dropped after the turn.
pub(crate) struct Plan<'a, T> {
    state: &'a State<T>,
    now: Timestamp,
    rules: Rules,
    draft: Draft<T>,
}

/// The decisions so far.
struct Draft<T> {
    facts: HashMap<Key, Option<Facts>, RandomState>,
    /// The turn has cleared the state, so that only the facts in this map count.
    cleared: bool,
    totals: Totals,
    changes: Vec<Change<T>>,
}

/// A write that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct AcceptedWrite {
    /// The index of its change in the turn.
    pub(crate) change: usize,
    pub(crate) revision: u64,
    pub(crate) counts: Counts,
}

impl<'a, T: Clone> Plan<'a, T> {
    pub(crate) fn new(state: &'a State<T>, now: Timestamp, rules: Rules) -> Self {
        let totals = *state.totals();
        let draft =
            Draft { facts: HashMap::default(), cleared: false, totals, changes: Vec::new() };
        Self { state, now, rules, draft }
    }

    /// How many changes have been decided.
    pub(crate) fn len(&self) -> usize {
        self.draft.changes.len()
    }

    pub(crate) fn into_changes(self) -> Vec<Change<T>> {
        self.draft.changes
    }

    /// Decide one write. An overdue key expires first, even if the write is rejected.
    pub(crate) fn write(&mut self, prepared: &PreparedWrite<T>) -> Result<AcceptedWrite, Error> {
        let key = &prepared.write.key;
        let mut facts = self.facts(prepared.hash, key);
        if let Some(overdue) = facts.filter(|facts| facts.is_expired(self.now)) {
            self.record(key, Some(overdue), Effect::Expire, |revision, now| {
                Change::new(revision, now, key.clone(), ChangeKind::Expired)
            });
            facts = None;
        }
        let effect = decide(prepared, facts, self.now, &self.draft.totals, &self.rules)?;
        self.record(key, facts, effect, |revision, now| {
            change_of(effect, prepared.clone(), revision, now)
        });
        Ok(AcceptedWrite {
            change: self.draft.changes.len() - 1,
            revision: self.draft.totals.revision,
            counts: effect.counts(&prepared.write.action),
        })
    }

    /// Decide all writes of a batch, or none.
    pub(crate) fn batch(
        &mut self,
        writes: &[PreparedWrite<T>],
    ) -> Result<Vec<AcceptedWrite>, BatchError> {
        // Overdue keys expire before the batch, even if the batch is rejected.
        for prepared in writes {
            let key = &prepared.write.key;
            let facts = self.facts(prepared.hash, key);
            if let Some(overdue) = facts.filter(|facts| facts.is_expired(self.now)) {
                self.record(key, Some(overdue), Effect::Expire, |revision, now| {
                    Change::new(revision, now, key.clone(), ChangeKind::Expired)
                });
            }
        }
        let start = self.draft.changes.len();
        let (totals, mut before) = (self.draft.totals, Vec::new());
        let mut accepted = Vec::with_capacity(writes.len());
        for (index, prepared) in writes.iter().enumerate() {
            let key = &prepared.write.key;
            before.push((key, self.draft.facts.get(&**key).copied()));
            match self.write(prepared) {
                Ok(write) => accepted.push(write),
                Err(error) => {
                    self.draft.changes.truncate(start);
                    self.draft.totals = totals;
                    for (key, facts) in before.into_iter().rev() {
                        match facts {
                            Some(facts) => self.draft.facts.insert(key.clone(), facts),
                            None => self.draft.facts.remove(&**key),
                        };
                    }
                    return Err(BatchError { index, error });
                }
            }
        }
        if let Some((_, parts)) = self.draft.changes[start..].split_last_mut() {
            parts.iter_mut().for_each(|part| part.continues = true);
        }
        Ok(accepted)
    }

    /// Decide to remove all keys. Returns how many there are.
    pub(crate) fn clear(&mut self) -> usize {
        let count = self.draft.totals.entries;
        if count > 0 {
            let revision = self.draft.totals.revision + 1;
            let kind = ChangeKind::Cleared { count };
            self.draft.changes.push(Change::new(revision, self.now, Key::none(), kind));
            self.draft.facts.clear();
            self.draft.cleared = true;
            self.draft.totals = Totals { revision, ..Totals::default() };
        }
        count
    }

    fn facts(&self, hash: u64, key: &Key) -> Option<Facts> {
        match self.draft.facts.get(&**key) {
            Some(facts) => *facts,
            None if self.draft.cleared => None,
            None => self.state.facts(hash, key),
        }
    }

    fn record(
        &mut self,
        key: &Key,
        before: Option<Facts>,
        effect: Effect,
        change: impl FnOnce(u64, Timestamp) -> Change<T>,
    ) {
        let draft = &mut self.draft;
        let revision = draft.totals.revision + 1;
        let after = effect.after(before, key, revision);
        draft.totals.replace(before, after);
        draft.totals.revision = revision;
        draft.facts.insert(key.clone(), after);
        draft.changes.push(change(revision, self.now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Weigher, Write};

    const NOW: Timestamp = Timestamp::from_nanos(1_000);

    /// Three keys: `a` and `b` are alive, `old` is overdue.
    fn state() -> State<String> {
        let mut state = State::new(Weigher::built_in(), Timestamp::from_nanos(1));
        let life = |key: &str| (key == "old").then_some(NOW);
        for (revision, key) in (1..).zip(["a", "b", "old"]) {
            let kind = ChangeKind::Set { value: "v".into(), expires_at: life(key) };
            let mut change = Change::new(revision, Timestamp::from_nanos(1), key.into(), kind);
            state.weigh_change(&mut change);
            state.apply(&change);
        }
        state
    }

    fn prepare(state: &State<String>, write: Write<String>) -> PreparedWrite<String> {
        let hash = state.map().hash(write.key());
        let weight = write.elements().iter().map(|element| element.len() as u64).sum();
        PreparedWrite { write, hash, weight }
    }

    fn all(state: &State<String>, writes: Vec<Write<String>>) -> Vec<PreparedWrite<String>> {
        writes.into_iter().map(|write| prepare(state, write)).collect()
    }

    #[test]
    fn rejected_batch_leaves_the_draft_unchanged() {
        let state = state();
        let mut plan = Plan::new(&state, NOW, Rules::default());
        plan.write(&prepare(&state, Write::set("a", "longer"))).unwrap();
        let (facts, totals) = (plan.draft.facts.clone(), plan.draft.totals);
        // Keys that are in the draft, in the state, new, and one of them twice.
        let writes = vec![
            Write::remove("a"),
            Write::remove("b"),
            Write::set("new", "v"),
            Write::set("a", "again"),
            Write::remove("none"),
        ];
        let failed = plan.batch(&all(&state, writes)).unwrap_err();
        assert_eq!((failed.index, failed.error), (4, Error::NotFound));
        assert_eq!((&plan.draft.facts, plan.draft.totals, plan.len()), (&facts, totals, 1));
        // The next writes are decided against the draft before the batch.
        let next = plan.batch(&all(&state, vec![Write::update("a", "x"), Write::remove("b")]));
        let revisions: Vec<_> = next.unwrap().iter().map(|write| write.revision).collect();
        assert_eq!(revisions, [5, 6]);
        assert_eq!(plan.draft.totals, Totals { revision: 6, entries: 2, bytes: 2 + 4 });
        let parts = plan.into_changes();
        assert!(parts.iter().map(Change::continues).eq([false, true, false]));
    }

    #[test]
    fn overdue_key_of_a_batch_expires_before_it() {
        let state = state();
        let writes = vec![Write::set("a", "w"), Write::set("old", "w").if_absent()];
        let mut plan = Plan::new(&state, NOW, Rules::default());
        let accepted = plan.batch(&all(&state, writes)).unwrap();
        assert_eq!(accepted.iter().map(|write| write.change).collect::<Vec<_>>(), [1, 2]);
        let changes = plan.into_changes();
        assert_eq!((&*changes[0].key, &changes[0].kind), ("old", &ChangeKind::Expired));
        assert!(changes.iter().map(Change::continues).eq([false, true, false]));
        assert!(changes.iter().map(|change| change.revision).eq(4..=6));
        // Also if the batch is rejected.
        let writes = vec![Write::set("a", "w"), Write::update("old", "w")];
        let mut plan = Plan::new(&state, NOW, Rules::default());
        let failed = plan.batch(&all(&state, writes)).unwrap_err();
        assert_eq!((failed.index, failed.error), (1, Error::NotFound));
        assert_eq!(plan.draft.totals, Totals { revision: 4, entries: 2, bytes: 4 });
        assert_eq!(plan.facts(state.map().hash("old"), &"old".into()), None);
        let changes = plan.into_changes();
        assert_eq!((changes.len(), &changes[0].kind), (1, &ChangeKind::Expired));
    }

    #[test]
    fn cleared_state_is_ignored() {
        let state = state();
        let mut plan = Plan::new(&state, NOW, Rules::default());
        assert_eq!((plan.clear(), plan.clear()), (3, 0));
        let gone = plan.write(&prepare(&state, Write::remove("a")));
        assert!(matches!(gone, Err(Error::NotFound)));
        plan.write(&prepare(&state, Write::set("a", "v").if_absent())).unwrap();
        assert_eq!(plan.draft.totals, Totals { revision: 5, entries: 1, bytes: 2 });
    }
}
