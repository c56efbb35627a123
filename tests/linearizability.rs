//! Concurrent histories, checked for linearizability key by key.
//!
//! The checker is that of Wing and Gong, with Lowe's memoisation, as in Porcupine: take the calls in
//! any order that agrees with real time, step the model with each, and backtrack when a call returned
//! something else than the model. Tests with invalid histories prove that the checker finds errors.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mainspring::journal::MemoryJournal;
use mainspring::{Entry, Error, Store, Value};
use mainspring_testing::Random;

#[derive(Debug, Clone, PartialEq)]
enum Call {
    /// Through the owner or by a view.
    Get(Option<(Value<String>, u64)>),
    Set(Value<String>, Result<u64, Error>),
    UpdateIf(String, u64, Result<u64, Error>),
    Remove(Result<u64, Error>),
    Push(String, Result<(u64, usize), Error>),
    /// From the front if true.
    Pop(bool, Result<(String, u64, usize), Error>),
}

#[derive(Debug, Clone)]
struct Operation {
    begin: u64,
    end: u64,
    call: Call,
}

/// The value of a key, and its last revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Model {
    value: Option<Shape>,
    revision: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Shape {
    Item(String),
    List(VecDeque<String>),
}

impl From<&Value<String>> for Shape {
    fn from(value: &Value<String>) -> Self {
        match value {
            Value::Item(item) => Self::Item(item.clone()),
            Value::List(list) => Self::List(list.iter().cloned().collect()),
        }
    }
}

impl Model {
    fn current(&self) -> Option<u64> {
        self.value.as_ref().map(|_| self.revision)
    }

    fn to(&self, value: Option<Shape>, revision: u64) -> Option<Self> {
        (revision > self.revision).then_some(Self { value, revision })
    }

    /// The state after a call with this result; `None` if the result is not possible.
    fn step(&self, call: &Call) -> Option<Self> {
        let refused = |error: &Error, expected: Error| (*error == expected).then(|| self.clone());
        match call {
            Call::Get(found) => {
                let expected = self.value.as_ref().map(|value| (value.clone(), self.revision));
                let found = found.as_ref().map(|(value, revision)| (value.into(), *revision));
                (found == expected).then(|| self.clone())
            }
            Call::Set(value, answer) => self.to(Some(value.into()), *answer.as_ref().ok()?),
            Call::UpdateIf(text, expected, answer) => match (answer, self.current()) {
                (Ok(revision), Some(current)) if current == *expected => {
                    self.to(Some(Shape::Item(text.clone())), *revision)
                }
                (Err(error), None) => refused(error, Error::NotFound),
                (Err(error), current) if current != Some(*expected) => {
                    refused(error, Error::ConditionFailed { current })
                }
                _ => None,
            },
            Call::Remove(answer) => match (answer, &self.value) {
                (Ok(revision), Some(_)) => self.to(None, *revision),
                (Err(error), None) => refused(error, Error::NotFound),
                _ => None,
            },
            Call::Push(text, answer) => match (answer, &self.value) {
                (Err(error), Some(Shape::Item(_))) => refused(error, Error::WrongKind),
                (Ok(_), Some(Shape::Item(_))) | (Err(_), _) => None,
                (Ok((revision, length)), list) => {
                    let mut list = match list {
                        Some(Shape::List(list)) => list.clone(),
                        _ => VecDeque::new(),
                    };
                    list.push_back(text.clone());
                    (list.len() == *length).then(|| self.to(Some(Shape::List(list)), *revision))?
                }
            },
            Call::Pop(front, answer) => match (answer, &self.value) {
                (Err(error), None) => refused(error, Error::NotFound),
                (Err(error), Some(Shape::Item(_))) => refused(error, Error::WrongKind),
                (Err(error), Some(Shape::List(list))) if list.is_empty() => {
                    refused(error, Error::ListEmpty)
                }
                (Ok((element, revision, length)), Some(Shape::List(list))) => {
                    let mut list = list.clone();
                    let popped = if *front { list.pop_front() } else { list.pop_back() };
                    let same = popped.as_ref() == Some(element) && list.len() == *length;
                    same.then(|| self.to(Some(Shape::List(list)), *revision))?
                }
                _ => None,
            },
        }
    }
}

/// An element of the list of calls and returns in the order of time. A call has the index of its return.
struct Node {
    operation: usize,
    returns: Option<usize>,
    before: usize,
    after: usize,
}

/// A doubly linked list in a vector; index 0 is its head and its end.
struct Timeline(Vec<Node>);

impl Timeline {
    fn new(history: &[Operation]) -> Self {
        let mut moments: Vec<(u64, bool, usize)> = Vec::new();
        for (index, operation) in history.iter().enumerate() {
            moments.push((operation.begin, false, index));
            moments.push((operation.end, true, index));
        }
        moments.sort_unstable();
        let count = moments.len() + 1;
        let mut nodes =
            vec![Node { operation: 0, returns: None, before: count - 1, after: 1 % count }];
        for (at, (_, _, operation)) in moments.iter().enumerate() {
            let (before, after) = (at, (at + 2) % count);
            nodes.push(Node { operation: *operation, returns: None, before, after });
        }
        for at in 1..count {
            let returned = |other: &usize| {
                moments[other - 1].1 && nodes[*other].operation == nodes[at].operation
            };
            if !moments[at - 1].1 {
                nodes[at].returns = (at + 1..count).find(returned);
            }
        }
        Self(nodes)
    }

    fn first(&self) -> usize {
        self.0[0].after
    }

    fn unlink(&mut self, at: usize) {
        let (before, after) = (self.0[at].before, self.0[at].after);
        self.0[before].after = after;
        self.0[after].before = before;
    }

    fn link(&mut self, at: usize) {
        let (before, after) = (self.0[at].before, self.0[at].after);
        self.0[before].after = at;
        self.0[after].before = at;
    }

    fn take(&mut self, call: usize) {
        self.unlink(call);
        self.unlink(self.0[call].returns.expect("every call returns"));
    }

    fn put_back(&mut self, call: usize) {
        self.link(self.0[call].returns.expect("every call returns"));
        self.link(call);
    }
}

fn is_linearizable(history: &[Operation]) -> bool {
    let mut timeline = Timeline::new(history);
    let mut state = Model::default();
    let mut done = vec![0_u64; history.len() / 64 + 1];
    let mut seen: HashSet<(Vec<u64>, Model)> = HashSet::new();
    let mut taken: Vec<(usize, Model)> = Vec::new();
    let mut at = timeline.first();
    while timeline.first() != 0 {
        let node = &timeline.0[at];
        let (word, bit) = (node.operation / 64, 1 << (node.operation % 64));
        if at != 0 && node.returns.is_some() {
            if let Some(next) = state.step(&history[node.operation].call) {
                done[word] |= bit;
                if seen.insert((done.clone(), next.clone())) {
                    taken.push((at, std::mem::replace(&mut state, next)));
                    timeline.take(at);
                    at = timeline.first();
                    continue;
                }
                done[word] &= !bit;
            }
            at = node.after;
        } else {
            // A call has returned that fits in no order: backtrack.
            let Some((call, before)) = taken.pop() else { return false };
            state = before;
            let operation = timeline.0[call].operation;
            done[operation / 64] &= !(1 << (operation % 64));
            timeline.put_back(call);
            at = timeline.0[call].after;
        }
    }
    true
}

fn history(calls: impl IntoIterator<Item = (u64, u64, Call)>) -> Vec<Operation> {
    calls.into_iter().map(|(begin, end, call)| Operation { begin, end, call }).collect()
}

fn item(text: &str) -> Value<String> {
    Value::Item(text.to_owned())
}

fn read(text: &str, revision: u64) -> Call {
    Call::Get(Some((item(text), revision)))
}

#[test]
fn checker_accepts_any_order_of_overlapping_calls() {
    let set = |text, revision| Call::Set(item(text), Ok(revision));
    assert!(is_linearizable(&[]));
    assert!(is_linearizable(&history([(0, 1, set("a", 1)), (2, 3, read("a", 1))])));
    // Two concurrent writes, and a concurrent read of either.
    for (text, revision) in [("a", 1), ("b", 2)] {
        let at_once = [(0, 9, set("a", 1)), (1, 8, set("b", 2)), (2, 7, read(text, revision))];
        assert!(is_linearizable(&history(at_once)));
    }
    // It must backtrack: the read that starts first can only be last.
    let back = [(0, 20, read("b", 2)), (1, 10, set("b", 2)), (2, 5, set("a", 1))];
    assert!(is_linearizable(&history(back)));
    assert!(is_linearizable(&history([(0, 5, Call::Get(None)), (1, 2, set("a", 1))])));
}

#[test]
fn checker_finds_a_stale_read() {
    let set = |text, revision| Call::Set(item(text), Ok(revision));
    let stale = [(0, 1, set("a", 1)), (2, 3, set("b", 2)), (4, 5, read("a", 1))];
    assert!(!is_linearizable(&history(stale)));
    assert!(!is_linearizable(&history([(0, 1, set("a", 1)), (2, 3, Call::Get(None))])));
    // Two reads must not observe two concurrent writes in different orders.
    let two_orders =
        [(0, 9, set("a", 1)), (1, 8, set("b", 2)), (2, 3, read("b", 2)), (4, 5, read("a", 1))];
    assert!(!is_linearizable(&history(two_orders)));
    assert!(!is_linearizable(&history([(0, 1, set("a", 1)), (0, 5, read("never", 1))])));
}

#[test]
fn checker_finds_a_lost_update() {
    let start = (0, 1, Call::Set(item("a"), Ok(1)));
    let update = |text: &str, answer| Call::UpdateIf(text.to_owned(), 1, answer);
    let lost = [start.clone(), (2, 9, update("b", Ok(2))), (3, 8, update("c", Ok(3)))];
    assert!(!is_linearizable(&history(lost)));
    let refused = Err(Error::ConditionFailed { current: Some(2) });
    let fine = [start, (2, 9, update("b", Ok(2))), (3, 8, update("c", refused))];
    assert!(is_linearizable(&history(fine)));
}

#[test]
fn checker_finds_a_duplicate_pop() {
    let push = (0, 1, Call::Push("x".into(), Ok((1, 1))));
    let pop = |answer| Call::Pop(true, answer);
    let twice = [
        push.clone(),
        (2, 9, pop(Ok(("x".to_owned(), 2, 0)))),
        (3, 8, pop(Ok(("x".to_owned(), 3, 0)))),
    ];
    assert!(!is_linearizable(&history(twice)));
    let once =
        [push.clone(), (2, 9, pop(Ok(("x".to_owned(), 2, 0)))), (3, 8, pop(Err(Error::ListEmpty)))];
    assert!(is_linearizable(&history(once)));
    let lost = [push, (2, 3, Call::Push("y".into(), Ok((2, 1))))];
    assert!(!is_linearizable(&history(lost)), "a push that was lost");
}

const KEYS: [&str; 3] = ["a", "b", "c"];
const TASKS: u64 = 6;
const CALLS: usize = 250;

async fn one(store: &Store<String>, key: &str, text: String, random: &mut Random) -> Call {
    let found = |entry: Option<Entry<String>>| entry.map(|entry| (entry.value, entry.revision));
    match random.below(12) {
        0..=1 => Call::Get(found(store.get(key).await.unwrap())),
        2..=3 => Call::Get(found(store.view().get(key))),
        4 => Call::Set(item(&text), store.set(key, text).await),
        5 => {
            let list = Value::List(vec![text]);
            Call::Set(list.clone(), store.set(key, list).await)
        }
        6 => {
            // A guess that is often right.
            let current = store.view().get(key).map_or(1, |entry| entry.revision);
            let answer = store.update(key, text.as_str()).if_revision(current).await;
            Call::UpdateIf(text, current, answer)
        }
        7 => Call::Remove(store.remove(key).await),
        8 | 9 => {
            let pushed = store.push(key, text.as_str()).await;
            Call::Push(text, pushed.map(|pushed| (pushed.revision, pushed.length)))
        }
        which => {
            let front = which == 10;
            let popped = if front { store.pop_front(key).await } else { store.pop(key).await };
            let popped = popped.map(|popped| (popped.element, popped.revision, popped.length));
            Call::Pop(front, popped)
        }
    }
}

async fn record(store: Store<String>, seed: u64) {
    let clock = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, clock) = (store.clone(), Arc::clone(&clock));
            let mut random = Random::new(seed * 1_000 + task);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for n in 0..CALLS {
                    let key = random.below(KEYS.len());
                    let begin = clock.fetch_add(1, Ordering::SeqCst);
                    let call = one(&store, KEYS[key], format!("{task}.{n}"), &mut random).await;
                    let end = clock.fetch_add(1, Ordering::SeqCst);
                    mine.push((key, Operation { begin, end, call }));
                }
                mine
            })
        })
        .collect();
    let mut histories = vec![Vec::new(); KEYS.len()];
    for task in tasks {
        for (key, operation) in task.await.unwrap() {
            histories[key].push(operation);
        }
    }
    for (key, history) in KEYS.iter().zip(histories) {
        assert!(is_linearizable(&history), "seed {seed}, key {key}: {history:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_is_linearizable() {
    for seed in 1..=10 {
        record(Store::builder().spawn(), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_with_a_subscriber_is_linearizable() {
    for seed in 11..=20 {
        let store = Store::builder().spawn();
        let mut all = store.subscribe().await.unwrap();
        tokio::spawn(async move { while all.recv().await.is_ok() {} });
        record(store, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_with_a_journal_is_linearizable() {
    for seed in 21..=30 {
        record(Store::builder().journal(MemoryJournal::new()).spawn(), seed).await;
    }
}
