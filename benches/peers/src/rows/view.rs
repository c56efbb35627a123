//! Reads without the owner, compared with concurrent maps.

use std::hash::RandomState;
use std::sync::Arc;

use dashmap::DashMap;
use foldhash::fast;

use super::frameworks::of_the_best_of;
use super::{Case, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text};
use crate::measure::{SideResult, interleave};
use crate::peers::{Beside, Dash, Direct, Papaya, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases_of::<String>();
    cases.extend(cases_of::<Arc<str>>());
    cases
}

fn cases_of<T: Text>() -> Vec<Case> {
    vec![
        Case::new(format!("view get {}", T::NAME), |settings| get::<T>(settings)),
        Case::new(format!("view 90/10 {}", T::NAME), |settings| mixed::<T>(settings)),
    ]
}

/// Each map with its default hash function, and with that of the store.
fn get<T: Text>(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let store = store_with_all_features::<T>();
        drive::fill(&store, &load).await;
        let view = Direct::new(store.view());
        let dash = Direct::new(Dash(DashMap::<_, T>::new()));
        let dash_fold = Direct::new(Dash(DashMap::with_hasher(fast::RandomState::default())));
        let papaya = Direct::new(Papaya(papaya::HashMap::<_, T, RandomState>::default()));
        let papaya_fold =
            Direct::new(Papaya(papaya::HashMap::with_hasher(fast::RandomState::default())));
        drive::fill::<T, _>(&dash, &load).await;
        drive::fill::<T, _>(&dash_fold, &load).await;
        drive::fill::<T, _>(&papaya, &load).await;
        drive::fill::<T, _>(&papaya_fold, &load).await;
        let sides = [
            drive::side("view", Keyed::<T, _>::new(&view, &load, Job::Get), 64),
            drive::side("dashmap", Keyed::<T, _>::new(&dash, &load, Job::Get), 64),
            drive::side("papaya", Keyed::<T, _>::new(&papaya, &load, Job::Get), 64),
            drive::side("dashmap+foldhash", Keyed::<T, _>::new(&dash_fold, &load, Job::Get), 64),
            drive::side("papaya+foldhash", Keyed::<T, _>::new(&papaya_fold, &load, Job::Get), 64),
        ];
        let measured = interleave(settings, &sides).await;
        let what = format!("get through View, of the best of DashMap and papaya, {}", T::NAME);
        Row::at_least(1.0, what, of_the_best_of(&measured))
            .figures(measured.iter().map(SideResult::figures))
    })
}

fn mixed<T: Text>(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let store = store_with_all_features::<T>();
        drive::fill(&store, &load).await;
        let dash = Direct::new(Dash(DashMap::<_, T>::new()));
        drive::fill::<T, _>(&dash, &load).await;
        let beside = Beside { view: store.view(), store };
        let sides = [
            drive::side("view and store", Keyed::new(&beside, &load, Job::Mixed), 64),
            drive::side("dashmap", Keyed::<T, _>::new(&dash, &load, Job::Mixed), 64),
        ];
        let measured = interleave(settings, &sides).await;
        let what = format!("90/10 with reads through View, of DashMap, {}", T::NAME);
        Row::at_least(0.8, what, of_the_best_of(&measured))
            .figures(measured.iter().map(SideResult::figures))
    })
}
