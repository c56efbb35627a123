//! Mainspring with a journal compared with other stores that sync before they acknowledge, on the same disk, in one
//! interleaved run.

mod compaction;
mod engines;
mod redis;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use mainspring::Store;
use mainspring::journal::file::SyncPolicy;
use peers::measure::{Cpu, Figures, Sample, Side, SideResult, Stopwatch, interleave};
use peers::report::{self, Row};
use peers::settings::Settings;

use self::engines::{Engine, Fjall, Redb, Sled, mainspring};
use self::redis::Redis;

/// Measure durable writes and startup times.
#[derive(Debug, Parser)]
struct Args {
    /// Run a shorter measurement
    #[arg(long)]
    short: bool,
    /// The directory for all data
    #[arg(long = "folder", value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/durable"))]
    directory: PathBuf,
    /// Write the rows as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also print the table as Markdown
    #[arg(long)]
    markdown: bool,
    /// Run only this part
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// The number of entries that a start reads
    #[arg(long)]
    entries: Option<usize>,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Only {
    Writes,
    Starts,
    Compaction,
}

fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.directory)?;
    let directory = tempfile::tempdir_in(&args.directory)?;
    let settings = Settings {
        rounds: if args.short { 5 } else { 9 },
        part: Duration::from_millis(if args.short { 150 } else { 500 }),
        short: args.short,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let entries = args.entries.unwrap_or(if args.short { 100_000 } else { 1_000_000 });
    let wants = |part| args.only.is_none_or(|only| only == part);
    let mut rows = Vec::new();
    if wants(Only::Writes) {
        rows.extend(runtime.block_on(writes(&settings, directory.path()))?);
    }
    if wants(Only::Starts) {
        rows.extend(runtime.block_on(starts(
            &settings,
            &directory.path().join("starts"),
            entries,
        ))?);
    }
    if wants(Only::Compaction) {
        let directory = directory.path().join("compaction");
        rows.extend(runtime.block_on(compaction::waits(&settings, &directory, entries))?);
    }
    println!("{}", report::table(&rows));
    if args.markdown {
        println!("{}", report::markdown(&rows));
    }
    if let Some(path) = &args.json {
        report::write_json(path, &rows)?;
    }
    Ok(())
}

/// Run callers that write sequentially until the time is over.
async fn drive<E: Engine>(engine: &E, callers: usize, time: Duration) -> Sample {
    let watch = Stopwatch::start(Cpu::Process);
    let end = Instant::now() + time;
    let caller = |caller: usize| {
        let engine = engine.clone();
        async move {
            let value = "v".repeat(100);
            let mut done = 0_u64;
            while Instant::now() < end {
                let key = (caller as u64 * 7_919 + done * 104_729) % 100_000;
                engine
                    .write(format!("key-{key:012}"), &value)
                    .await
                    .expect("the engine accepts writes");
                done += 1;
            }
            done
        }
    };
    let mut done = 0;
    if E::BLOCKS {
        let threads: Vec<_> = (0..callers)
            .map(|n| {
                let (task, runtime) = (caller(n), tokio::runtime::Handle::current());
                std::thread::spawn(move || runtime.block_on(task))
            })
            .collect();
        let all =
            || threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<u64>();
        done += tokio::task::block_in_place(all);
    } else {
        let tasks: Vec<_> = (0..callers).map(|n| tokio::spawn(caller(n))).collect();
        for task in tasks {
            done += task.await.expect("no panic");
        }
    }
    watch.stop(done)
}

fn side<'a, E: Engine>(name: &str, engine: &'a E, callers: usize) -> Side<'a> {
    Side::new(name, move |time| drive(engine, callers, time))
}

async fn writes(settings: &Settings, directory: &Path) -> Result<Vec<Row>> {
    let store = mainspring(&directory.join("always"), SyncPolicy::Always).await?;
    let unsynced = mainspring(&directory.join("os"), SyncPolicy::Os).await?;
    let redb = Redb::open(&directory.join("redb"))?;
    let fjall = Fjall::open(&directory.join("fjall"))?;
    let sled = Sled::open(&directory.join("sled"))?;
    let redis = Redis::start(&directory.join("redis"))?;
    let redis = &redis;
    let redis_side = |callers: usize| {
        Side::new("redis", move |time| async move {
            // About as many as fit into the time on this kind of machine.
            let requests = (time.as_secs_f64() * 300.0 * callers as f64) as usize + 200;
            let sets = || redis.sets(callers, requests);
            tokio::task::block_in_place(sets).expect("redis-benchmark runs")
        })
    };
    let rate = Sample::per_second;
    let mut rows = Vec::new();
    for callers in [64, 512] {
        let sides = [
            side("always", &store, callers),
            side("always, one caller", &store, 1),
            side("not synced", &unsynced, callers),
            side("redb", &redb, callers),
            side("fjall", &fjall, callers),
            side("sled", &sled, callers),
            redis_side(callers),
        ];
        let measured = interleave(settings, &sides).await;
        let [ours, lone, unsynced, others @ ..] = &*measured else {
            unreachable!("there are seven sides")
        };
        let both = |other: &SideResult| [ours.figures(), other.figures()];
        let name = format!("durable sets, {callers} callers");
        if callers == 64 {
            let what = format!("{name}, of those of one caller");
            rows.push(Row::at_least(40.0, what, ours.ratio(lone, rate)).figures(both(lone)));
        } else {
            let what = format!("{name}, of those without a sync");
            let ratio = ours.ratio(unsynced, rate);
            rows.push(Row::at_least(0.65, what, ratio).figures(both(unsynced)));
        }
        for other in others {
            let what = format!("{name}, of {}", other.name);
            rows.push(Row::at_least(1.0, what, ours.ratio(other, rate)).figures(both(other)));
        }
    }
    store.shutdown().await?;
    Ok(rows)
}

/// Write entries with 16-byte keys and 100-byte values.
async fn fill(store: &Store<String>, entries: usize) -> Result<()> {
    let value = "v".repeat(100);
    for first in (0..entries).step_by(1_000) {
        let keys = first..entries.min(first + 1_000);
        let pairs = keys.map(|n| (format!("key-{n:012}"), value.as_str()));
        for set in store.set_many(pairs).await? {
            set?;
        }
    }
    Ok(())
}

/// The startup time of a store with this many entries, relative to the time that Redis logs for loading the same
/// entries from its log.
async fn starts(settings: &Settings, directory: &Path, entries: usize) -> Result<Vec<Row>> {
    let (ours, theirs) = (directory.join("mainspring"), directory.join("redis"));
    let store = mainspring(&ours, SyncPolicy::Os).await?;
    fill(&store, entries).await?;
    store.shutdown().await?;
    let redis = Redis::start(&theirs)?;
    redis.fill(entries)?;
    redis.stop()?;
    let mut rows = Vec::new();
    for form in ["log", "snapshot"] {
        if form == "snapshot" {
            let store = mainspring(&ours, SyncPolicy::Always).await?;
            compaction::compact(&store).await?;
            store.shutdown().await?;
        }
        let (mut store_took, mut redis_took) = (Vec::new(), Vec::new());
        for _ in 0..settings.few().rounds {
            let start = Instant::now();
            let store = mainspring(&ours, SyncPolicy::Always).await?;
            let wall = start.elapsed();
            ensure!(store.stats().entries == entries, "{:?}", store.stats());
            store.shutdown().await?;
            store_took.push(Sample { done: entries as u64, wall, cpu: wall });
            let redis = Redis::start(&theirs)?;
            let wall = redis.loading_took()?;
            redis.stop()?;
            redis_took.push(Sample { done: entries as u64, wall, cpu: wall });
        }
        let ours = SideResult::new("store", store_took);
        let theirs = SideResult::new("redis", redis_took);
        let what = format!("a start with {entries} entries from a {form}, time of Redis");
        let seconds = |sample: &Sample| sample.wall.as_secs_f64();
        let figures = Figures::named("seconds")
            .with("store", ours.median(seconds))
            .with("redis", theirs.median(seconds));
        rows.push(Row::at_most(1.0, what, ours.ratio(&theirs, seconds)).figures([figures]));
    }
    Ok(rows)
}
