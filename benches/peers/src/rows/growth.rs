//! Scaling with keys, callers, subscribers and the size of values. Only in the long form.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::large::fill;
use super::many::SetMany;
use super::publishing::{SubscribedStore, listeners};
use super::{Case, Outcome, one_thread, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Cpu, Sample, Side, SideResult, Stopwatch, interleave};
use crate::peers::{Direct, Plain, store_with_all_features};
use crate::plot::{Curve, Curves, Plot};
use crate::report::Row;
use crate::settings::Settings;

/// The tolerated noise of a step.
const STEP: f64 = 1.25;

pub(super) fn cases() -> Vec<Case> {
    let cases = [
        Case::new("growth keys", keys),
        Case::new("growth callers", callers),
        Case::new("growth subscribers", subscribers),
        Case::new("growth values String", |settings| values::<String>(settings, "values-string")),
        Case::new("growth values Arc<str>", |settings| values::<Arc<str>>(settings, "values-arc")),
    ];
    cases.map(Case::long).into()
}

/// One curve per side, from the results at each x.
fn curves(measured: &[(usize, Vec<SideResult>)], of: fn(&Sample) -> f64) -> Vec<Curve> {
    let sides = 0..measured[0].1.len();
    let curve = |side: usize| Curve {
        name: measured[0].1[side].name.clone(),
        points: measured
            .iter()
            .map(|(x, sides)| (*x as f64, sides[side].median(of) * 1e6))
            .collect(),
    };
    sides.map(curve).collect()
}

/// The largest step between adjacent points, relative to the step of the other curve.
fn largest_step(curve: &Curve, other: &Curve) -> f64 {
    let steps = |curve: &Curve| -> Vec<f64> {
        curve.points.windows(2).map(|points| points[1].1 / points[0].1).collect()
    };
    let steps = steps(curve).into_iter().zip(steps(other));
    steps.map(|(ours, theirs)| ours / theirs).fold(0.0, f64::max)
}

/// Work that this thread repeats.
fn alone(time: Duration, mut step: impl FnMut(usize)) -> Sample {
    let watch = Stopwatch::start(Cpu::Thread);
    let end = Instant::now() + time;
    for first in (0..).step_by(64) {
        (first..first + 64).for_each(&mut step);
        if Instant::now() >= end {
            return watch.stop(first as u64 + 64);
        }
    }
    unreachable!("the loop ends with the time");
}

fn keys(settings: &Settings) -> Outcome {
    let at = |keys: usize| {
        let measured = two_workers().block_on(async {
            let load = &Load::uniform(keys);
            let store = store_with_all_features::<String>();
            fill(&store, 0..keys).await;
            let map: HashMap<_, String> =
                load.keys.iter().map(|key| (key.clone(), load.value())).collect();
            let (map, view) = (&RefCell::new(map), &store.view());
            let many = SetMany { store: store.clone(), load: Arc::clone(load), size: 64 };
            let sides = [
                Side::new("HashMap, get", |time| async move {
                    let map = map.borrow();
                    alone(time, |n| assert_eq!(map[load.key(n)].clone().len(), load.value_bytes()))
                }),
                Side::new("View, get", |time| async move {
                    let get = |n| view.get(load.key(n)).and_then(mainspring::Entry::into_item);
                    alone(time, |n| {
                        assert_eq!(get(n).map_or(0, |value| value.len()), load.value_bytes());
                    })
                }),
                Side::new("HashMap, set", |time| async move {
                    let mut map = map.borrow_mut();
                    let mut set = |n| map.insert(load.key(n).to_owned(), load.value());
                    alone(time, |n| assert!(set(n).is_some()))
                }),
                drive::side("store, set_many of 64", many, 1),
                drive::side(
                    "store, get, 64 callers",
                    Keyed::<String, _>::new(&store, load, Job::Get),
                    64,
                ),
                drive::side(
                    "store, set, 64 callers",
                    Keyed::<String, _>::new(&store, load, Job::Set),
                    64,
                ),
            ];
            interleave(&settings.few(), &sides).await
        });
        (keys, measured)
    };
    // Also between powers of ten, where maps grow.
    let sizes = (6..=14).map(|half| 10_f64.powf(half as f64 / 2.0) as usize);
    let curves = curves(&sizes.map(at).collect::<Vec<_>>(), Sample::cost);
    let rows = [("a get through View", 1, 0), ("set_many", 3, 2)].map(|(what, ours, theirs)| {
        let what = format!("10^3 to 10^7 keys, largest step of {what}, of HashMap's");
        Row::at_most(STEP, what, largest_step(&curves[ours], &curves[theirs]))
    });
    let plot = Curves {
        file: "keys".into(),
        title: "Cost and number of keys (uniform distribution)".into(),
        x: "keys",
        y: "us per operation",
        curves,
    };
    Outcome { rows: rows.into(), plots: vec![Plot::Curves(plot)] }
}

fn callers(settings: &Settings) -> Outcome {
    let at = |callers: usize| {
        let measured = two_workers().block_on(async {
            let load = Load::zipf(KEYS);
            let (plain, store) = (Plain::<String>::spawn(), store_with_all_features::<String>());
            drive::fill(&plain, &load).await;
            drive::fill(&store, &load).await;
            let sides = [
                drive::side("store, get", Keyed::new(&store, &load, Job::Get), callers),
                drive::side("plain actor, get", Keyed::new(&plain, &load, Job::Get), callers),
                drive::side("store, set", Keyed::new(&store, &load, Job::Set), callers),
                drive::side("plain actor, set", Keyed::new(&plain, &load, Job::Set), callers),
            ];
            interleave(&settings.few(), &sides).await
        });
        (callers, measured)
    };
    let measured: Vec<_> = [1, 4, 16, 64, 256, 1_024, 4_096, 10_000].map(at).into();
    let plot = Curves {
        file: "callers".into(),
        title: "Cost and number of callers, String".into(),
        x: "callers",
        y: "us per operation",
        curves: curves(&measured, Sample::cost),
    };
    Outcome { rows: Vec::new(), plots: vec![Plot::Curves(plot)] }
}

fn subscribers(settings: &Settings) -> Outcome {
    let listeners = listeners();
    let at = |subscribers: usize| {
        let measured = one_thread().block_on(async {
            let none = &SubscribedStore::<String>::new(&listeners, 0, false).await;
            let all = &SubscribedStore::<String>::new(&listeners, subscribers, false).await;
            let own = &SubscribedStore::<String>::new(&listeners, subscribers, true).await;
            let sides = [
                Side::new("none", |_| none.bursts(1_000)),
                Side::new("to all keys", |_| all.bursts(10)),
                Side::new("each to its own key", |_| own.bursts(1_000)),
            ];
            let measured = interleave(&settings.few(), &sides).await;
            for watched in [none, all, own] {
                watched.shutdown().await;
            }
            measured
        });
        (subscribers, measured)
    };
    let measured: Vec<_> = [1, 10, 100, 1_000, 10_000].map(at).into();
    let plot = Curves {
        file: "subscribers".into(),
        title: "The owner's cost of a write and the number of subscribers, String".into(),
        x: "subscribers",
        y: "us per write",
        curves: curves(&measured, Sample::cpu_cost),
    };
    Outcome { rows: Vec::new(), plots: vec![Plot::Curves(plot)] }
}

fn values<T: Text>(settings: &Settings, file: &str) -> Outcome {
    let at = |bytes: usize| {
        let measured = two_workers().block_on(async {
            let keys = ((64 << 20) / bytes).clamp(64, 10_000);
            let load = Load::uniform_with_values_of(keys, bytes);
            let (plain, store) = (Plain::<T>::spawn(), store_with_all_features::<T>());
            let view = Direct::new(store.view());
            drive::fill(&plain, &load).await;
            drive::fill(&store, &load).await;
            let sides = [
                drive::side("store, get", Keyed::new(&store, &load, Job::Get), 64),
                drive::side("plain actor, get", Keyed::new(&plain, &load, Job::Get), 64),
                drive::side("store, set", Keyed::new(&store, &load, Job::Set), 64),
                drive::side("plain actor, set", Keyed::new(&plain, &load, Job::Set), 64),
                drive::side("View, get", Keyed::<T, _>::new(&view, &load, Job::Get), 64),
            ];
            interleave(&settings.few(), &sides).await
        });
        (bytes, measured)
    };
    let measured: Vec<_> = [10, 100, 1_000, 10_000, 100_000, 1 << 20].map(at).into();
    let plot = Curves {
        file: file.into(),
        title: format!("Cost and size of values, 64 callers, {}", T::NAME),
        x: "bytes",
        y: "us per operation",
        curves: curves(&measured, Sample::cost),
    };
    Outcome { rows: Vec::new(), plots: vec![Plot::Curves(plot)] }
}
