//! Many tasks that add to one list, compared with a `Vec` in a lock of the standard library.

use std::sync::{Arc, Mutex};

use mainspring::Store;
use tokio::task::JoinSet;

use super::{Case, two_workers};
use crate::load::Text;
use crate::measure::{Cpu, Sample, Side, SideResult, Stopwatch, interleave};
use crate::peers::store_with_all_features;
use crate::report::Row;
use crate::settings::Settings;

const TASKS: u64 = 5_000;
const EACH: u64 = 100;

pub(super) fn cases() -> Vec<Case> {
    vec![case::<String>(), case::<Arc<str>>()]
}

fn case<T: Text>() -> Case {
    Case::new(format!("fan-in {}", T::NAME), |settings| pushes::<T>(settings))
}

/// Run the tasks on a new list, and check that nothing was lost.
async fn race<L, F>(list: L, add: fn(L) -> F, length: impl AsyncFnOnce(L) -> u64) -> Sample
where
    L: Clone,
    F: Future<Output = ()> + Send + 'static,
{
    let watch = Stopwatch::start(Cpu::Process);
    let tasks: JoinSet<()> = (0..TASKS).map(|_| add(list.clone())).collect();
    tasks.join_all().await;
    let sample = watch.stop(TASKS * EACH);
    assert_eq!(length(list).await, TASKS * EACH);
    sample
}

async fn in_store<T: Text, F>(add: fn(Store<T>) -> F) -> Sample
where
    F: Future<Output = ()> + Send + 'static,
{
    let length =
        async |store: Store<T>| store.len("list").await.expect("a list").unwrap_or(0) as u64;
    race(store_with_all_features(), add, length).await
}

fn pushes<T: Text>(settings: &Settings) -> [Row; 2] {
    two_workers().block_on(async {
        let sides = [
            Side::new("push", |_| {
                in_store::<T, _>(|store| async move {
                    for _ in 0..EACH {
                        store.push("list", T::make()).await.expect("no limit is reached");
                    }
                })
            }),
            Side::new("push_many of 100", |_| {
                in_store::<T, _>(|store| async move {
                    let elements = (0..EACH).map(|_| T::make());
                    let pushed =
                        store.push_many("list", elements).await.expect("the store is open");
                    assert!(pushed.iter().all(Result::is_ok), "no limit is reached");
                })
            }),
            Side::new("Mutex<Vec>", |_| {
                let add = |list: Arc<Mutex<Vec<T>>>| async move {
                    for _ in 0..EACH {
                        let element = T::make();
                        list.lock().expect("the lock is not poisoned").push(element);
                    }
                };
                race(Arc::default(), add, async |list| {
                    list.lock().expect("the lock is not poisoned").len() as u64
                })
            }),
        ];
        let measured = interleave(settings, &sides).await;
        let row = |goal, how, side: usize| {
            let what = format!("5,000 tasks x 100 {how}, time of Mutex<Vec>, {}", T::NAME);
            let figures = [&measured[side], &measured[2]].map(SideResult::figures);
            Row::at_most(goal, what, measured[side].ratio(&measured[2], Sample::cost))
                .figures(figures)
        };
        [row(3.0, "pushes", 0), row(1.8, "push_many", 1)]
    })
}
