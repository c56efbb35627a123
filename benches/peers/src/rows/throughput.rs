//! All implementations under the same load: 64 callers that get, get and set, and set. Only in the long form.

use std::sync::{Arc, Mutex, RwLock};

use dashmap::DashMap;

use super::{Case, Outcome, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Sample, Side, SideResult, interleave};
use crate::peers::{
    Actix, Actor, Beside, Dash, Direct, InMutex, InRwLock, Kameo, Moka, Papaya, Plain, QuickCache,
    Ractor, Scc, store_with_all_features,
};
use crate::plot::{Bars, Plot};
use crate::report::{Better, Row};
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![case::<String>("throughput-string"), case::<Arc<str>>("throughput-arc")]
}

fn case<T: Text + Unpin>(file: &'static str) -> Case {
    Case::new(format!("throughput {}", T::NAME), move |settings| {
        all_implementations::<T>(settings, file)
    })
    .long()
}

/// Sides under the same load.
struct Field {
    load: Arc<Load>,
    job: Job,
    sides: Vec<Side<'static>>,
}

impl Field {
    async fn enter<T: Text, A: Actor<T>>(&mut self, name: &str, peer: A) {
        drive::fill(&peer, &self.load).await;
        self.sides.push(drive::side(name, Keyed::new(&peer, &self.load, self.job), 64));
    }
}

async fn measure<T: Text + Unpin>(settings: &Settings, job: Job) -> Vec<SideResult> {
    let mut field = Field { load: Load::zipf(KEYS), job, sides: Vec::new() };
    let store = store_with_all_features::<T>();
    let beside = Beside { view: store.view(), store: store.clone() };
    field.enter("Mainspring", store).await;
    field.enter("Mainspring, reads through View", beside).await;
    field.enter("plain actor", Plain::<T>::spawn()).await;
    field.enter("ractor", Ractor::<T>::spawn().await).await;
    field.enter("kameo", Kameo::<T>::spawn()).await;
    field.enter("actix", Actix::<T>::spawn()).await;
    field.enter::<T, _>("Mutex<HashMap>", Direct::new(InMutex(Mutex::default()))).await;
    field.enter::<T, _>("RwLock<HashMap>", Direct::new(InRwLock(RwLock::default()))).await;
    field.enter::<T, _>("DashMap", Direct::new(Dash(DashMap::new()))).await;
    field.enter::<T, _>("papaya", Direct::new(Papaya(papaya::HashMap::new()))).await;
    field.enter::<T, _>("scc", Direct::new(Scc(scc::HashMap::new()))).await;
    field.enter::<T, _>("moka", Direct::new(Moka::default())).await;
    field.enter::<T, _>("quick_cache", Direct::new(QuickCache::default())).await;
    interleave(settings, &field.sides).await
}

fn all_implementations<T: Text + Unpin>(settings: &Settings, file: &str) -> Outcome {
    let (mut rows, mut peers) = (Vec::new(), Vec::<(String, Vec<f64>)>::new());
    for job in Job::ALL {
        let measured = two_workers().block_on(measure::<T>(settings, job));
        for (n, side) in measured.iter().enumerate() {
            if job == Job::Get {
                peers.push((side.name.clone(), Vec::new()));
            }
            peers[n].1.push(side.median(Sample::per_second) / 1e6);
            if n > 0 {
                let what = format!("{}, {}, of {}", job.name(), T::NAME, side.name);
                let ratio = measured[0].ratio(side, Sample::per_second);
                let row = Row::without_goal(Better::More, what, ratio);
                rows.push(row.figures([measured[0].figures(), side.figures()]));
            }
        }
    }
    let bars = Bars {
        file: file.to_owned(),
        title: format!("64 callers, 2 cores, {}: million operations per second", T::NAME),
        jobs: Job::ALL.map(|job| job.name().to_owned()).into(),
        peers,
    };
    Outcome { rows, plots: vec![Plot::Bars(bars)] }
}
