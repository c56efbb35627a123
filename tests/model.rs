//! Random commands against a plain model: the same answers, the same errors, the same state after
//! each step; and every way to subscribe, replayed, gives the model at every revision.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;
use mainspring::journal::MemoryJournal;
use mainspring::{
    Action, Change, ChangeKind, Condition, End, Entry, Error, Event, Key, Result, Store,
    Subscription, Timestamp, Ttl, Value, Write,
};
use mainspring_testing::{Replica, WriteResult, send, write_results};
use proptest::prelude::*;

const KEYS: [&str; 5] = ["a/1", "a/2", "b/1", "b/2", "c"];
const DEFAULT_TTL: Duration = Duration::from_millis(40);

/// A condition on the state at the beginning of the step.
#[derive(Debug, Clone, Copy)]
enum When {
    Any,
    Absent,
    Present,
    Revision { off_by: u64 },
}

#[derive(Debug, Clone)]
enum Command {
    Write(Write<String>, When),
    Batch(Vec<(Write<String>, When)>),
    Many(Vec<Write<String>>),
    Clear,
    Get(&'static str),
    Range(&'static str, isize, usize),
}

#[derive(Debug, Clone)]
enum Step {
    /// Sent at the same time, so that they share turns.
    Pipeline(Vec<Command>),
    Advance(Duration),
    Snapshot,
    Compact,
    Restart,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Write(Result<WriteResult<String>>),
    Batch(std::result::Result<Vec<WriteResult<String>>, (usize, Error)>),
    Many(Vec<Result<u64>>),
    Clear(usize),
    Get(Option<Entry<String>>),
    Range(Result<Option<Vec<String>>>),
}

fn write() -> impl Strategy<Value = Write<String>> {
    let text = || "[a-z]{0,5}";
    let list = move || prop::collection::vec(text(), 0..4);
    let key = prop::sample::select(&KEYS[..]);
    let ttl = (1_u64..120).prop_map(|half_ms| Duration::from_micros(half_ms * 500));
    let write = key.prop_flat_map(move |key| {
        prop_oneof![
            3 => text().prop_map(move |text| Write::set(key, text)),
            2 => list().prop_map(move |list| Write::set(key, list)),
            1 => text().prop_map(move |text| Write::update(key, text)),
            1 => list().prop_map(move |list| Write::update(key, list)),
            2 => Just(Write::remove(key)),
            4 => text().prop_map(move |text| Write::push(key, text)),
            2 => text().prop_map(move |text| Write::push_front(key, text)),
            3 => Just(Write::pop(key)),
            2 => Just(Write::pop_front(key)),
            2 => (0_usize..4).prop_map(move |keep| Write::trim(key, keep)),
            1 => (0_usize..4).prop_map(move |keep| Write::trim_front(key, keep)),
            1 => Just(Write::expire(key, Duration::from_millis(20))),
            1 => Just(Write::persist(key)),
        ]
    });
    let ttl = prop_oneof![4 => Just(None), 3 => ttl.prop_map(Some)];
    (write, ttl, prop::bool::weighted(0.1)).prop_map(|(write, ttl, never)| {
        let write = ttl.map_or(write.clone(), |ttl| write.ttl(ttl));
        if never { write.no_ttl() } else { write }
    })
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        6 => Just(When::Any),
        1 => Just(When::Absent),
        1 => Just(When::Present),
        2 => (0_u64..2).prop_map(|off_by| When::Revision { off_by }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::sample::select(&KEYS[..]);
    let command = prop_oneof![
        10 => (write(), when()).prop_map(|(write, when)| Command::Write(write, when)),
        3 => prop::collection::vec((write(), when()), 0..5).prop_map(Command::Batch),
        1 => prop::collection::vec(write(), 0..4).prop_map(Command::Many),
        1 => Just(Command::Clear),
        3 => key().prop_map(Command::Get),
        2 => (key(), -4_isize..4, 0_usize..4).prop_map(|(key, at, limit)| Command::Range(key, at, limit)),
    ];
    prop_oneof![
        8 => prop::collection::vec(command, 1..8).prop_map(Step::Pipeline),
        4 => (0_u64..100).prop_map(|half_ms| Step::Advance(Duration::from_micros(half_ms * 500))),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Compact),
        1 => Just(Step::Restart),
    ]
}

/// The expected state of the store.
#[derive(Default)]
struct Model {
    copy: Replica<String>,
    /// The state at each revision, from 0 on, and whether a subscription can resume after it.
    states: Vec<(Replica<String>, bool)>,
    now: Option<Timestamp>,
    log: VecDeque<Change<String>>,
}

impl Model {
    fn head(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    fn is_expired(&self, entry: &Entry<String>) -> bool {
        entry.expires_at.is_some_and(|at| at <= self.now.unwrap())
    }

    fn get(&self, key: &str) -> Option<&Entry<String>> {
        self.copy.entries.get(key).filter(|entry| !self.is_expired(entry))
    }

    /// The next published change. Expiries before it are checked and applied.
    fn next(&mut self) -> Option<Change<String>> {
        while let Some(change) = self.log.pop_front() {
            assert_eq!(change.revision, self.head() + 1, "revisions have no gap and no duplicate");
            if change.kind != ChangeKind::Expired {
                return Some(change);
            }
            let entry = self.copy.entries.get(&change.key).expect("an expired key was present");
            assert!(entry.expires_at.is_some_and(|at| at <= change.at), "{entry:?} {change:?}");
            self.record(&change);
        }
        None
    }

    fn record(&mut self, change: &Change<String>) {
        self.copy.apply(change);
        self.states.push((self.copy.clone(), !change.continues()));
    }

    /// Check that an accepted write was published as this change.
    fn expect_change(&mut self, key: &Key, kind: &ChangeKind<String>, continues: bool) -> u64 {
        let change = self.next().expect("an accepted write is published");
        assert_eq!((&change.key, &change.kind, change.at), (key, kind, self.now.unwrap()));
        assert_eq!(change.continues(), continues);
        let before = self.copy.entries.get(key);
        assert!(before.is_none_or(|entry| !self.is_expired(entry)), "an overdue key expires first");
        self.record(&change);
        change.revision
    }

    /// The expected effect of a write.
    fn decide(&self, write: &Write<String>) -> Result<(ChangeKind<String>, WriteResult<String>)> {
        let current = self.get(write.key());
        let now = self.now.unwrap();
        let ttl = |unset| match write.time_to_live() {
            Ttl::Never => None,
            Ttl::After(ttl) => Some(now + ttl),
            _ => unset,
        };
        let fresh = ttl(Some(now + DEFAULT_TTL));
        let kept = ttl(current.and_then(|entry| entry.expires_at));
        let list = || match current.ok_or(Error::NotFound)?.value.list() {
            Some(list) => Ok(list.to_vec()),
            None => Err(Error::WrongKind),
        };
        let mut answer = WriteResult { revision: 0, length: 0, popped: None, removed: None };
        let kind = match write.action().clone() {
            Action::Set(value) => ChangeKind::Set { value, expires_at: fresh },
            Action::Update(value) => {
                current.ok_or(Error::NotFound)?;
                ChangeKind::Updated { value, expires_at: kept }
            }
            Action::Remove => {
                current.ok_or(Error::NotFound)?;
                ChangeKind::Removed
            }
            Action::Push { element, .. } if current.is_none() => {
                answer.length = 1;
                let value = Value::List(vec![element]);
                ChangeKind::Set { value, expires_at: fresh }
            }
            Action::Push { end, element } => {
                let mut list = list()?;
                list.push(element.clone());
                answer.length = list.len();
                ChangeKind::Pushed { end, element, length: answer.length, expires_at: kept }
            }
            Action::Pop { end } => {
                let mut list = VecDeque::from(list()?);
                let popped = if end == End::Front { list.pop_front() } else { list.pop_back() };
                answer.popped = Some(popped.ok_or(Error::ListEmpty)?);
                answer.length = list.len();
                ChangeKind::Popped { end, length: answer.length }
            }
            Action::Trim { end, keep } => {
                let mut list = VecDeque::from(list()?);
                let removed = list.len().saturating_sub(keep);
                for _ in 0..removed {
                    if end == End::Front {
                        list.pop_back()
                    } else {
                        list.pop_front()
                    };
                }
                (answer.length, answer.removed) = (list.len(), Some(removed));
                ChangeKind::Trimmed { end, removed, length: answer.length }
            }
            Action::Touch => {
                current.ok_or(Error::NotFound)?;
                ChangeKind::Touched { expires_at: kept }
            }
            other => panic!("{other:?}"),
        };
        let revision = current.map(|entry| entry.revision);
        let holds = match write.condition() {
            Condition::IfAbsent => revision.is_none(),
            Condition::IfPresent => revision.is_some(),
            Condition::IfRevision(asked) => revision == Some(asked),
            _ => true,
        };
        if !holds {
            return Err(Error::ConditionFailed { current: revision });
        }
        Ok((kind, answer))
    }

    fn write(&mut self, write: &Write<String>, continues: bool) -> Result<WriteResult<String>> {
        let (kind, answer) = self.decide(write)?;
        let revision = self.expect_change(write.key(), &kind, continues);
        Ok(WriteResult { revision, ..answer })
    }

    /// Whether a batch is accepted is known only after applying its writes one after another.
    fn batch(
        &mut self,
        writes: &[Write<String>],
    ) -> std::result::Result<Vec<WriteResult<String>>, (usize, Error)> {
        let overdue = |entry: &Entry<String>| self.is_expired(entry);
        let live = self.copy.entries.iter().filter(|(_, entry)| !overdue(entry));
        let live = live.map(|(key, entry)| (key.clone(), entry.clone())).collect();
        // The revisions of the batch follow those of the keys that expire before it.
        let ahead = self.log.iter().take_while(|change| change.kind == ChangeKind::Expired).count();
        let mut draft = Self { copy: Replica { entries: live }, now: self.now, ..Self::default() };
        let mut revision = self.head() + ahead as u64;
        for (index, write) in writes.iter().enumerate() {
            let (kind, _) = draft.decide(write).map_err(|error| (index, error))?;
            revision += 1;
            let key = write.key().clone();
            let change = Change::recorded(revision, self.now.unwrap(), key, kind, false);
            draft.copy.apply(&change);
        }
        let last = writes.len().saturating_sub(1);
        let part = |(index, write)| self.write(write, index < last).unwrap();
        Ok(writes.iter().enumerate().map(part).collect())
    }

    fn answer(&mut self, command: &Command) -> Answer {
        match command {
            Command::Write(write, _) => Answer::Write(self.write(write, false)),
            Command::Batch(writes) => {
                let writes: Vec<_> = writes.iter().map(|(write, _)| write.clone()).collect();
                Answer::Batch(self.batch(&writes))
            }
            Command::Many(writes) => {
                let one = |write| self.write(write, false).map(|answer| answer.revision);
                Answer::Many(writes.iter().map(one).collect())
            }
            Command::Clear => {
                let count = KEYS.iter().filter(|key| self.get(key).is_some()).count();
                let count = count + usize::from(self.get("probe").is_some());
                if count > 0 {
                    self.expect_change(&Key::from(""), &ChangeKind::Cleared { count }, false);
                }
                Answer::Clear(count)
            }
            Command::Get(key) => Answer::Get(self.get(key).cloned()),
            Command::Range(key, offset, limit) => {
                Answer::Range(self.get(key).map_or(Ok(None), |entry| {
                    let list = entry.value.list().ok_or(Error::WrongKind)?;
                    let start = if *offset < 0 { list.len() as isize + offset } else { *offset };
                    let start = usize::try_from(start.max(0)).unwrap();
                    Ok(Some(list.iter().skip(start).take(*limit).cloned().collect()))
                }))
            }
        }
    }
}

/// Compare two answers. The error of a failed batch may have a revision inside of that batch, which depends on the keys
/// that expired before it, and is never published.
fn same(answer: &Answer, expected: &Answer, head: u64) -> bool {
    let never = |answer: &Answer| match answer {
        Answer::Batch(Err((index, Error::ConditionFailed { current }))) => {
            current.is_some_and(|current| current > head).then_some(*index)
        }
        _ => None,
    };
    answer == expected || never(answer).is_some_and(|index| never(expected) == Some(index))
}

/// The store, the model, and the subscriptions that are checked against it.
struct Trial {
    store: Store<String>,
    journal: Option<MemoryJournal<String>>,
    subscription: Subscription<String>,
    snapshots: Vec<Subscription<String>>,
    model: Model,
}

fn start(journal: Option<&MemoryJournal<String>>) -> Store<String> {
    let builder = Store::builder().default_ttl(DEFAULT_TTL);
    match journal {
        Some(journal) => builder.journal(journal.clone()).spawn(),
        None => builder.spawn(),
    }
}

impl Trial {
    async fn new(journal: Option<MemoryJournal<String>>) -> Self {
        let store = start(journal.as_ref());
        let subscription = store.subscribe().await.unwrap();
        let mut model = Model::default();
        model.states.push((Replica::default(), true));
        let mut trial = Self { store, journal, subscription, snapshots: Vec::new(), model };
        trial.probe().await;
        trial
    }

    /// A write whose change has the time of the store.
    async fn probe(&mut self) {
        let write = Write::set("probe", "").no_ttl();
        self.store.batch([write.clone()]).await.unwrap();
        self.drain().await;
        self.model.now = self.model.log.back().map(|change| change.at);
        self.model.write(&write, false).unwrap();
        self.check().await;
    }

    /// Add all changes published so far to the log of the model.
    async fn drain(&mut self) {
        let head = self.store.keys("").await.unwrap().revision;
        while self.subscription.resume_token().unwrap().revision < head {
            match self.subscription.recv().await.unwrap() {
                Event::Change(change) => self.model.log.push_back(change),
                Event::Batch { changes, .. } => self.model.log.extend(changes),
                other => panic!("{other:?}"),
            }
        }
    }

    async fn check(&mut self) {
        self.drain().await;
        assert!(self.model.next().is_none(), "nothing else was published");
        let live =
            self.model.copy.entries.iter().filter(|(_, entry)| !self.model.is_expired(entry));
        let live: Vec<_> = live.map(|(key, entry)| (key.clone(), entry.clone())).collect();
        let page = self.store.scan("").await.unwrap();
        assert_eq!(page.items, live);
        let view = self.store.view();
        for key in KEYS {
            assert_eq!(view.get(key).as_ref(), self.model.get(key), "{key}");
        }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Pipeline(commands) => {
                let commands: Vec<_> = commands.into_iter().map(|one| self.fix(one)).collect();
                let calls = commands.iter().map(|command| call(&self.store, command));
                let answers = join_all(calls).await;
                self.drain().await;
                for (command, answer) in commands.iter().zip(answers) {
                    let head = self.model.head();
                    let expected = self.model.answer(command);
                    assert!(same(&answer, &expected, head), "{command:?}: {answer:?} {expected:?}");
                }
            }
            Step::Advance(time) => {
                tokio::time::advance(time).await;
                self.model.now = self.model.now.map(|now| now + time);
            }
            Step::Snapshot => {
                let subscribe = self.store.subscribe().from_snapshot();
                self.snapshots.push(subscribe.await.unwrap());
            }
            Step::Compact => {
                self.store.compact().await.unwrap();
            }
            Step::Restart => {
                let Some(journal) = self.journal.clone() else { return };
                self.finish_snapshots().await;
                self.store.shutdown().await.unwrap();
                self.store = start(Some(&journal));
                self.drain_the_end().await;
                let head = self.subscription.resume_token().unwrap();
                self.subscription = self.store.subscribe().after(head).await.unwrap();
                self.probe().await;
            }
        }
        self.check().await;
    }

    /// Add the keys that expired between the last check and the shutdown.
    async fn drain_the_end(&mut self) {
        while let Ok(event) = self.subscription.recv().await {
            if let Event::Change(change) = event {
                self.model.log.push_back(change);
            }
        }
    }

    /// Replace the placeholders of conditions by revisions.
    fn fix(&self, command: Command) -> Command {
        let fix = |(write, when): (Write<String>, When)| {
            // A wrong revision is an old one: a future one could be assigned inside a batch
            // that fails, which is never published.
            let current = self.model.get(write.key()).map_or(0, |entry| entry.revision);
            let write = match when {
                When::Any => write,
                When::Absent => write.if_absent(),
                When::Present => write.if_present(),
                When::Revision { off_by } => write.if_revision(current.saturating_sub(off_by)),
            };
            (write, When::Any)
        };
        match command {
            Command::Write(write, when) => {
                let (write, when) = fix((write, when));
                Command::Write(write, when)
            }
            Command::Batch(writes) => Command::Batch(writes.into_iter().map(fix).collect()),
            other => other,
        }
    }

    /// Every started snapshot is exact at its end, and continues from there without a gap.
    async fn finish_snapshots(&mut self) {
        let head = self.model.head();
        for mut subscription in std::mem::take(&mut self.snapshots) {
            let mut copy = Replica::default();
            let end = loop {
                match subscription.recv().await.unwrap() {
                    Event::SnapshotEnd { revision } => break revision,
                    event => drop(copy.apply_event(event)),
                }
            };
            assert_eq!(copy, self.model.states[end as usize].0, "at the end mark, {end}");
            self.follow(subscription, copy, end, head).await;
        }
    }

    async fn follow(
        &self,
        mut subscription: Subscription<String>,
        mut copy: Replica<String>,
        mut at: u64,
        head: u64,
    ) {
        while at < head {
            let event = subscription.recv().await.unwrap();
            let first = match &event {
                Event::Change(change) => change.revision,
                Event::Batch { changes, .. } => changes[0].revision,
                other => panic!("{other:?}"),
            };
            assert_eq!(first, at + 1);
            at = copy.apply_event(event).unwrap();
            assert_eq!(copy, self.model.states[at as usize].0, "at {at}");
        }
    }

    async fn finish(mut self) {
        let head = self.model.head();
        self.finish_snapshots().await;
        for (after, (state, resumable)) in self.model.states.iter().enumerate() {
            let after = after as u64;
            match self.store.subscribe().after(after).await {
                Ok(subscription) => {
                    assert!(resumable, "{after} is inside a batch");
                    self.follow(subscription, state.clone(), after, head).await;
                }
                Err(Error::InsideBatch { asked, before }) => {
                    assert!(!resumable && self.model.states[before as usize].1 && before < asked);
                }
                Err(Error::Compacted { oldest }) => {
                    assert!(self.journal.is_some() && after < oldest);
                }
                Err(error) => panic!("after {after}: {error}"),
            }
        }
        if let Some(journal) = &self.journal {
            self.store.shutdown().await.unwrap();
            self.store = start(Some(&journal.survivor()));
            self.subscription = self.store.subscribe().after(head).await.unwrap();
            self.probe().await;
        }
    }
}

async fn call(store: &Store<String>, command: &Command) -> Answer {
    match command {
        Command::Write(write, _) => Answer::Write(send(store, write.clone()).await),
        Command::Batch(writes) => {
            let writes = writes.iter().map(|(write, _)| write.clone());
            Answer::Batch(
                store
                    .batch(writes)
                    .await
                    .map(write_results)
                    .map_err(|failed| (failed.index, failed.error)),
            )
        }
        Command::Many(writes) => {
            // `set_many` takes sets only; other writes are sent one after another.
            let one =
                writes.iter().map(async |write| Ok(send(store, write.clone()).await?.revision));
            Answer::Many(join_all(one).await)
        }
        Command::Clear => Answer::Clear(store.clear().await.unwrap()),
        Command::Get(key) => Answer::Get(store.get(*key).await.unwrap()),
        Command::Range(key, at, limit) => Answer::Range(store.range(*key, *at, *limit).await),
    }
}

fn run(steps: Vec<Step>, journal: Option<MemoryJournal<String>>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut trial = Trial::new(journal).await;
        for step in steps {
            trial.step(step).await;
        }
        trial.finish().await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn store_equals_the_model(steps in prop::collection::vec(step(), 1..30)) {
        run(steps, None);
    }

    #[test]
    fn store_with_a_journal_equals_the_model(steps in prop::collection::vec(step(), 1..30)) {
        run(steps, Some(MemoryJournal::new()));
    }
}
