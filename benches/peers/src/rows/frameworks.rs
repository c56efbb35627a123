//! Commands to the owner, compared with actor frameworks.

use std::sync::Arc;

use super::{Case, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Sample, SideResult, interleave};
use crate::peers::{Actix, Kameo, Ractor, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases_of::<String>();
    cases.extend(cases_of::<Arc<str>>());
    cases
}

fn cases_of<T: Text + Unpin>() -> Vec<Case> {
    let case = |job: Job| {
        let name = format!("frameworks {} {}", job.name(), T::NAME);
        Case::new(name, move |settings| of_the_best::<T>(settings, job))
    };
    Job::ALL.map(case).into()
}

fn of_the_best<T: Text + Unpin>(settings: &Settings, job: Job) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let store = store_with_all_features::<T>();
        let ractor = Ractor::<T>::spawn().await;
        let (kameo, actix) = (Kameo::<T>::spawn(), Actix::<T>::spawn());
        drive::fill(&store, &load).await;
        drive::fill(&ractor, &load).await;
        drive::fill(&kameo, &load).await;
        drive::fill(&actix, &load).await;
        let sides = [
            drive::side("store", Keyed::new(&store, &load, job), 64),
            drive::side("ractor", Keyed::new(&ractor, &load, job), 64),
            drive::side("kameo", Keyed::new(&kameo, &load, job), 64),
            drive::side("actix", Keyed::new(&actix, &load, job), 64),
        ];
        let measured = interleave(settings, &sides).await;
        let what = format!("{}, of the best of ractor, kameo, actix, {}", job.name(), T::NAME);
        Row::at_least(1.8, what, of_the_best_of(&measured))
            .figures(measured.iter().map(SideResult::figures))
    })
}

/// The throughput of the first side relative to the best of the others.
pub(super) fn of_the_best_of(measured: &[SideResult]) -> f64 {
    let (first, others) = measured.split_first().expect("at least one side");
    let ratios = others.iter().map(|other| first.ratio(other, Sample::per_second));
    ratios.min_by(f64::total_cmp).expect("at least two sides")
}
