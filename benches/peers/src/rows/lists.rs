//! Lists: the cost of a push and a pop does not depend on the length.

use mainspring::Store;

use super::{Case, two_workers};
use crate::drive::{self, Work};
use crate::load::Text;
use crate::measure::{Sample, SideResult, interleave};
use crate::peers::store_with_all_features;
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("lists", long_and_short)]
}

#[derive(Clone, Debug)]
struct PushAndPop {
    store: Store<String>,
    list: &'static str,
}

impl Work for PushAndPop {
    async fn step(&self, _: usize) -> u64 {
        self.store.push(self.list, String::make()).await.expect("no limit is reached");
        let popped = self.store.pop(self.list).await.expect("the list is not empty");
        assert_eq!(popped.element.len(), crate::load::VALUE_BYTES);
        2
    }
}

/// With 64 callers the owner is saturated, so a copy of the list would be
/// visible.
fn long_and_short(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let store = store_with_all_features::<String>();
        for (list, length) in [("long", 100_000), ("short", 10)] {
            let elements = (0..length).map(|_| String::make());
            store.push_many(list, elements).await.expect("no limit is reached");
        }
        let work = |list| PushAndPop { store: store.clone(), list };
        let sides = [
            drive::side("list of 100,000", work("long"), 64),
            drive::side("list of 10", work("short"), 64),
        ];
        let measured = interleave(settings, &sides).await;
        assert_eq!(store.len("long").await, Ok(Some(100_000)));
        let ratio = measured[0].ratio(&measured[1], Sample::cost);
        Row::at_most(1.1, "push and pop on a list of 100,000, cost on a list of 10", ratio)
            .figures(measured.iter().map(SideResult::figures))
    })
}
