//! A reader and a writer of one map, both at full speed on separate cores, compared with a reader and a writer of
//! private maps.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mainspring::View;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::many::SetMany;
use super::{Case, one_thread};
use crate::drive;
use crate::load::{KEYS, Load, Text, VALUE_BYTES};
use crate::measure::{Cpu, Figures, Sample, SideResult, Stopwatch, turns};
use crate::peers::{Map, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("sharing", |settings| {
        // In a separate thread, because it stays pinned to its core.
        thread::scope(|scope| {
            let rows = scope.spawn(|| rows(settings)).join();
            rows.expect("no panic")
        })
    })]
}

/// Two cores of this process.
fn two_cores() -> [CpuSet; 2] {
    let ours = sched_getaffinity(None).expect("CPU affinity");
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| ours.is_set(*core)).map(|core| {
        let mut set = CpuSet::new();
        set.set(core);
        set
    });
    [cores.next(), cores.next()].map(|core| core.expect("two cores"))
}

fn pin_to(core: &CpuSet) {
    sched_setaffinity(None, core).expect("CPU affinity");
}

/// Reads at full speed until `time` is over.
fn read(view: &View<String>, load: &Load, time: Duration) -> Sample {
    let watch = Stopwatch::start(Cpu::Thread);
    let end = Instant::now() + time;
    let mut done = 0;
    while Instant::now() < end {
        for n in done..done + 256 {
            assert_eq!(Map::get(view, load.key(n)).bytes(), VALUE_BYTES);
        }
        done += 256;
    }
    watch.stop(done as u64)
}

/// The store that is read in a slice, and whether a writer writes at the same time.
#[derive(Clone, Copy)]
enum Reads {
    /// The reader reads the store to which the writer writes.
    TheSame,
    /// The reader reads another store than that to which the writer writes.
    Another,
    /// The reader runs without a writer.
    Alone,
    /// The writer runs without a reader.
    Nothing,
}

fn rows(settings: &Settings) -> [Row; 2] {
    let [readers_core, writers_core] = two_cores();
    pin_to(&writers_core);
    one_thread().block_on(async {
        let load = Load::zipf(KEYS);
        let (store, other) =
            (store_with_all_features::<String>(), store_with_all_features::<String>());
        drive::fill(&store, &load).await;
        drive::fill(&other, &load).await;
        let writer = SetMany { store: store.clone(), load: Arc::clone(&load), size: 64 };
        let all = [Reads::TheSame, Reads::Another, Reads::Alone, Reads::Nothing];
        let (mut reads, mut writes) = (all.map(|_| Vec::new()), all.map(|_| Vec::new()));
        for (counts, side) in turns(settings.rounds, all.len()) {
            let view = match all[side] {
                Reads::TheSame => Some(store.view()),
                Reads::Another | Reads::Alone => Some(other.view()),
                Reads::Nothing => None,
            };
            let (load, part) = (Arc::clone(&load), settings.part);
            let reader = view.map(|view| {
                thread::spawn(move || {
                    pin_to(&readers_core);
                    read(&view, &load, part)
                })
            });
            let written = match all[side] {
                Reads::Alone => None,
                _ => Some(drive::drive(writer.clone(), 1, part).await),
            };
            let read = reader.map(|reader| reader.join().expect("no panic"));
            if counts {
                reads[side].extend(read);
                writes[side].extend(written);
            }
        }
        [row("reader", reads, 2), row("writer", writes, 3)]
    })
}

fn row(who: &str, samples: [Vec<Sample>; 4], alone: usize) -> Row {
    let measured = samples.map(|samples| SideResult::new(who, samples));
    let what = format!("a {who} at full speed beside the other, cost on a private map");
    let ns = |side: usize| measured[side].median(Sample::cost) * 1e9;
    let figures = Figures::named("ns per operation")
        .with("shared", ns(0))
        .with("private", ns(1))
        .with("alone", ns(alone));
    Row::at_most(1.1, what, measured[0].ratio(&measured[1], Sample::cost)).figures([figures])
}
