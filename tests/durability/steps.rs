//! The power goes off at every single step of what a journal does, and again at every step of the recovery.

use mainspring::journal::file::SyncPolicy;

use crate::figures;
use crate::ledger::{Ledger, look};
use crate::sim::{CUTS, Cut, SimDisk};
use crate::work::{Life, Setting, runtime};

/// Created, rotated, compacted, rotated, compacted, closed.
async fn script(disk: &SimDisk, setting: Setting, ledger: &mut Ledger) -> Result<(), String> {
    let mut life = Life::start(disk, setting.journal(disk), ledger).await?;
    for n in 0..8 {
        let store = life.store.clone();
        let set = store.set(format!("key/{}", n % 3), "x".repeat(60 * n)).await;
        life.told(set);
        let pushed = store.push("list", n.to_string()).await;
        life.told(pushed.map(|pushed| pushed.revision));
        let pair = [mainspring::Write::set("a", n.to_string()), mainspring::Write::push("b", "x")];
        let batch = store.batch(pair).await;
        life.told(batch.map(|done| done[1].revision).map_err(|error| error.error));
        if n == 2 || n == 5 {
            let _ = life.compact(true).await;
        }
    }
    let compared = life.compare(ledger).await;
    // The store is let go; on a disk that is on it is closed.
    let _ = life.store.shutdown().await;
    life.end(ledger);
    compared
}

async fn every_step(setting: Setting) -> Result<(u64, u64), String> {
    let (mut first, mut second) = (0, 0);
    let may_lose = setting.sync != SyncPolicy::Always;
    for step in 1.. {
        let disk = SimDisk::new().cut_power_at(step);
        let mut ledger = Ledger { may_lose, ..Ledger::default() };
        let ran = script(&disk, setting, &mut ledger).await;
        if !disk.is_off() {
            ran?;
            break;
        }
        // It does not start, or goes on as well as it can.
        let _ = ran;
        first += 1;
        for (seed, cut) in CUTS.into_iter().chain([Cut::Torn, Cut::Torn]).enumerate() {
            let left = disk.survivor(cut, step * 10 + seed as u64);
            let place =
                |what: &str| format!("{what} after {step} ({}), {cut:?}", disk.step_name(step));
            let once = look(setting.journal(&left.copy())).await;
            let once = once.map_err(|error| format!("{}: {error}\n{left:?}", place("start")))?;
            ledger
                .check(&once)
                .map_err(|error| format!("{}: {error}\n{left:?}", place("start")))?;
            if matches!(cut, Cut::Prefix) || seed > 3 {
                continue; // much the same as the others
            }
            for step in 1.. {
                let broken = left.copy().cut_power_at(step);
                let start = look(setting.journal(&broken)).await;
                if !broken.is_off() {
                    start?;
                    break;
                }
                second += 1;
                for cut in [Cut::Nothing, Cut::Torn] {
                    let left = broken.survivor(cut, step);
                    let what = format!("recovery {step} ({}), {cut:?}", broken.step_name(step));
                    let again = look(setting.journal(&left)).await;
                    let again = again.map_err(|error| format!("{}: {error}", place(&what)))?;
                    if again != once {
                        return Err(format!("{}: {again:#?} was {once:#?}", place(&what)));
                    }
                    ledger.check(&again).map_err(|error| format!("{}: {error}", place(&what)))?;
                }
            }
        }
    }
    Ok((first, second))
}

fn run(name: &str, setting: Setting) {
    let start = std::time::Instant::now();
    let (first, second) = runtime().block_on(every_step(setting)).unwrap_or_else(|e| panic!("{e}"));
    let took = start.elapsed();
    figures(format_args!(
        "{name}: the power cut at {first} steps, and at {second} of the recoveries; {took:.1?}"
    ));
}

#[test]
fn a_crash_at_every_step_leaves_a_store_that_opens() {
    run("always", Setting { segment_bytes: 500, history_bytes: 700, ..Setting::default() });
}

#[test]
fn a_crash_at_every_step_without_a_sync_each_time() {
    let setting = Setting { segment_bytes: 1_500, history_bytes: 0, ..Setting::default() };
    run("os", Setting { sync: SyncPolicy::Os, ..setting });
}
