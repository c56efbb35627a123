//! Sets in messages of 64, compared with single sets of the plain actor.

use std::sync::Arc;

use mainspring::Store;

use super::{Case, two_workers};
use crate::drive::{self, Job, Keyed, Work};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Sample, SideResult, interleave};
use crate::peers::{Plain, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![case::<String>(), case::<Arc<str>>()]
}

fn case<T: Text>() -> Case {
    Case::new(format!("set_many {}", T::NAME), |settings| of_the_plain_actor::<T>(settings))
}

/// Sets of the keys of a load, several per message.
#[derive(Clone, Debug)]
pub(super) struct SetMany<T> {
    pub(super) store: Store<T>,
    pub(super) load: Arc<Load>,
    pub(super) size: usize,
}

impl<T: Text> Work for SetMany<T> {
    async fn step(&self, n: usize) -> u64 {
        let first = n * self.size;
        let pairs = (first..first + self.size).map(|n| (self.load.key(n), T::make()));
        let results = self.store.set_many(pairs).await.expect("the store is open");
        assert!(results.iter().all(Result::is_ok), "no limit is reached");
        results.len() as u64
    }
}

fn of_the_plain_actor<T: Text>(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let (plain, store) = (Plain::<T>::spawn(), store_with_all_features::<T>());
        drive::fill(&plain, &load).await;
        drive::fill(&store, &load).await;
        let many = SetMany { store, load: Arc::clone(&load), size: 64 };
        let sides = [
            drive::side("store, 64 per message", many, 64),
            drive::side("plain, one by one", Keyed::new(&plain, &load, Job::Set), 64),
        ];
        let measured = interleave(settings, &sides).await;
        let what = format!("set_many of 64, elements, of the plain actor's sets, {}", T::NAME);
        let ratio = measured[0].ratio(&measured[1], Sample::per_second);
        Row::at_least(2.2, what, ratio).figures(measured.iter().map(SideResult::figures)).recorded()
    })
}
