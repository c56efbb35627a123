//! Power cuts at random moments.

use std::time::Duration;

use mainspring::journal::file::SyncPolicy;
use mainspring_testing::Random;

use crate::ledger::Ledger;
use crate::sim::{CUTS, Defects, SimDisk};
use crate::work::{Setting, StoreRun, runtime};
use crate::{figures, number};

/// Runs one store several times. Each run ends with a power cut or a clean shutdown.
pub(crate) async fn store_runs(
    seed: u64,
    sync: SyncPolicy,
    defects: Defects,
) -> Result<u64, String> {
    let mut random = Random::new(seed);
    let mut disk = SimDisk::new().with_defects(defects);
    let mut ledger = Ledger { may_lose: sync != SyncPolicy::Always, ..Ledger::default() };
    let mut acknowledged = 0;
    for _ in 0..1 + random.below(2) {
        let setting = Setting { sync, ..Setting::random(&mut random) };
        if random.below(8) == 0 {
            disk.cut_power_in(1 + random.below(30) as u64); // during the start
        }
        let run = StoreRun::start(&disk, setting.journal(&disk), &mut ledger).await;
        let mut run = match run {
            Ok(run) => run,
            Err(_) if disk.is_off() => {
                disk = disk.survivor(CUTS[random.below(4)], random.below(1 << 30) as u64);
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_closed = random.below(4) == 0;
        if !is_closed {
            disk.cut_power_in(random.below(90) as u64);
        }
        for _ in 0..6 {
            run.step(&mut random).await;
            if disk.is_off() {
                break;
            }
        }
        run.compare(&ledger).await?;
        if is_closed {
            match run.store.shutdown().await {
                Err(error) if !disk.is_off() => {
                    return Err(format!("the store does not close: {error}"));
                }
                _ => {}
            }
        } else if random.below(2) == 0 {
            disk.cut_power();
        }
        run.end(&mut ledger);
        acknowledged += run.acknowledged;
        let was_closed = is_closed && !disk.is_off();
        let left = disk.survivor(CUTS[random.below(4)], random.below(1 << 30) as u64);
        drop(run);
        disk = left;
        if was_closed {
            // Under every policy a closed store loses nothing and keeps its id.
            let strict = Ledger { may_lose: false, ..ledger.clone() };
            let found = crate::ledger::read_content(setting.journal(&disk.copy())).await?;
            strict.check(&found)?;
        }
    }
    let run =
        StoreRun::start(&disk, Setting { sync, ..Setting::default() }.journal(&disk), &mut ledger);
    run.await?.store.shutdown().await.map_err(|error| error.to_string())?;
    Ok(acknowledged)
}

/// Runs this many seeds.
fn seeds(name: &str, from: u64, count: u64, sync: impl Fn(u64) -> SyncPolicy) {
    let count = number("SEEDS", count);
    let from = from + number("FIRST_SEED", 0);
    let start = std::time::Instant::now();
    let runtime = runtime();
    let mut acknowledged = 0;
    for seed in from..from + count {
        match runtime.block_on(store_runs(seed, sync(seed), Defects::default())) {
            Ok(more) => acknowledged += more,
            Err(error) => panic!("seed {seed}, {:?}: {error}", sync(seed)),
        }
    }
    let took = start.elapsed();
    figures(format_args!(
        "{name}: {count} seeds from {from}, {acknowledged} changes, 0 lost, 0 invented, {took:.1?}"
    ));
}

#[test]
fn power_cut_loses_no_acknowledged_change() {
    seeds("always", 0, 6_000, |_| SyncPolicy::Always);
}

#[test]
fn power_cut_without_sync_leaves_prefix() {
    seeds("every and os", 1_000_000, 4_000, |seed| match seed % 4 {
        0 => SyncPolicy::Every(Duration::ZERO),
        1 => SyncPolicy::Every(Duration::from_micros(300)),
        2 => SyncPolicy::Every(Duration::from_secs(60)),
        _ => SyncPolicy::Os,
    });
}
