//! Conditions, and the order of the checks of a write.

use std::time::Duration;

use futures_util::join;
use mainspring::{Action, Condition, Error, Store, Write};
use tokio::time::advance;

use crate::contract::Fixture;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Is {
    Absent,
    Item,
    List,
    EmptyList,
}

fn every_write(key: &str) -> Vec<Write<String>> {
    vec![
        Write::set(key, "v"),
        Write::set(key, vec!["v".to_owned()]),
        Write::update(key, "v"),
        Write::remove(key),
        Write::push(key, "v"),
        Write::push_front(key, "v"),
        Write::pop(key),
        Write::pop_front(key),
        Write::trim(key, 1),
        Write::trim_front(key, 0),
        Write::expire(key, Duration::from_secs(9)),
        Write::persist(key),
    ]
}

/// The error of the first check that fails: presence, kind, condition.
fn expected(write: &Write<String>, is: Is, current: Option<u64>) -> Option<Error> {
    let creates = matches!(write.action(), Action::Set(_) | Action::Push { .. });
    if is == Is::Absent && !creates {
        return Some(Error::NotFound);
    }
    match (write.action(), is) {
        (Action::Push { .. } | Action::Pop { .. } | Action::Trim { .. }, Is::Item) => {
            return Some(Error::WrongKind);
        }
        (Action::Pop { .. }, Is::EmptyList) => return Some(Error::ListEmpty),
        _ => {}
    }
    let holds = match write.condition() {
        Condition::IfAbsent => current.is_none(),
        Condition::IfPresent => current.is_some(),
        Condition::IfRevision(revision) => current == Some(revision),
        _ => true,
    };
    (!holds).then_some(Error::ConditionFailed { current })
}

pub async fn every_write_under_every_condition<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut revision = 0;
    let mut number = 0;
    for is in [Is::Absent, Is::Item, Is::List, Is::EmptyList] {
        for condition in 0..5 {
            for which in 0..every_write("k").len() {
                number += 1;
                let key = format!("k{number}");
                let start = match is {
                    Is::Absent => None,
                    Is::Item => Some(Write::set(&key, "old")),
                    Is::List => Some(Write::set(&key, vec!["old".to_owned()])),
                    Is::EmptyList => Some(Write::set(&key, Vec::<String>::new())),
                };
                let mut current = None;
                if let Some(start) = start {
                    revision += 1;
                    current = Some(store.write(start).await.unwrap().revision);
                    assert_eq!(current, Some(revision));
                }
                let write = every_write(&key).swap_remove(which);
                let write = match condition {
                    0 => write,
                    1 => write.if_absent(),
                    2 => write.if_present(),
                    3 => write.if_revision(revision),
                    _ => write.if_revision(revision + 1),
                };
                let error = expected(&write, is, current);
                let before = store.get(&key).await.unwrap();
                let answer = store.write(write.clone()).await;
                assert_eq!(answer.as_ref().err(), error.as_ref(), "{write:?} on {is:?}");
                if let Ok(answer) = answer {
                    revision += 1;
                    assert_eq!(answer.revision, revision, "{write:?} on {is:?}");
                } else {
                    assert_eq!(store.get(&key).await.unwrap(), before, "{write:?} on {is:?}");
                }
                // A batch of one fails with the same error.
                if let Some(error) = error {
                    let failed = store.batch(vec![write]).await.unwrap_err();
                    assert_eq!((failed.index, failed.error), (0, error));
                }
            }
        }
    }
}

pub async fn conditions_see_earlier_commands<F: Fixture>() {
    if !F::IS_ORDERED {
        return;
    }
    let store = F::start(Store::builder()).await;
    let write = |write| store.write(write);
    let (first, second, third, fourth) = join!(
        write(Write::set("k", "a").if_absent()),
        write(Write::set("k", "b").if_absent()),
        write(Write::update("k", "c").if_revision(1)),
        write(Write::update("k", "d").if_revision(1)),
    );
    assert_eq!(first.unwrap().revision, 1);
    assert_eq!(second.unwrap_err(), Error::ConditionFailed { current: Some(1) });
    assert_eq!(third.unwrap().revision, 2);
    assert_eq!(fourth.unwrap_err(), Error::ConditionFailed { current: Some(2) });
    assert_eq!(store.entry("k").await.item().unwrap(), "c");
}

pub async fn overdue_key_is_absent_to_conditions<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let second = Duration::from_secs(1);
    store.write(Write::set("k", "a").ttl(second)).await.unwrap();
    advance(second).await;
    let failed = Error::ConditionFailed { current: None };
    assert_eq!(store.rejection(Write::set("k", "b").if_revision(1)).await, failed);
    assert_eq!(store.rejection(Write::set("k", "b").if_present()).await, failed);
    assert_eq!(store.rejection(Write::update("k", "b").if_revision(1)).await, Error::NotFound);
    assert_eq!(store.write(Write::set("k", "b").if_absent()).await.unwrap().revision, 3);
}
