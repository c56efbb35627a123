//! A power cut at every step of a journal, and again at every step of the recovery.

use mainspring::journal::file::SyncPolicy;

use crate::figures;
use crate::ledger::{Ledger, read_content};
use crate::sim::{CUTS, Cut, SimDisk};
use crate::work::{Setting, StoreRun, runtime};

/// Creates, rotates, compacts and closes a journal.
async fn script(disk: &SimDisk, setting: Setting, ledger: &mut Ledger) -> Result<(), String> {
    let mut run = StoreRun::start(disk, setting.journal(disk), ledger).await?;
    for n in 0..8 {
        let store = run.store.clone();
        let set = store.set(format!("key/{}", n % 3), "x".repeat(60 * n)).await;
        run.record(set);
        let pushed = store.push("list", n.to_string()).await;
        run.record(pushed.map(|pushed| pushed.revision));
        let pair = [mainspring::Write::set("a", n.to_string()), mainspring::Write::push("b", "x")];
        let batch = store.batch(pair).await;
        run.record(batch.map(|done| done[1].revision).map_err(|error| error.error));
        if n == 2 || n == 5 {
            let _ = run.compact(true).await;
        }
    }
    let compared = run.compare(ledger).await;
    // Fails if the power is off.
    let _ = run.store.shutdown().await;
    run.end(ledger);
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
        // After the power cut, errors of the script are expected.
        let _ = ran;
        first += 1;
        for (seed, cut) in CUTS.into_iter().chain([Cut::Torn, Cut::Torn]).enumerate() {
            let left = disk.survivor(cut, step * 10 + seed as u64);
            let context =
                |what: &str| format!("{what} after {step} ({}), {cut:?}", disk.step_name(step));
            let once = read_content(setting.journal(&left.copy())).await;
            let once = once.map_err(|error| format!("{}: {error}\n{left:?}", context("start")))?;
            ledger
                .check(&once)
                .map_err(|error| format!("{}: {error}\n{left:?}", context("start")))?;
            if matches!(cut, Cut::Prefix) || seed > 3 {
                continue; // similar to the other cuts
            }
            for step in 1.. {
                let broken = left.copy().cut_power_at(step);
                let start = read_content(setting.journal(&broken)).await;
                if !broken.is_off() {
                    start?;
                    break;
                }
                second += 1;
                for cut in [Cut::Nothing, Cut::Torn] {
                    let left = broken.survivor(cut, step);
                    let what = format!("recovery {step} ({}), {cut:?}", broken.step_name(step));
                    let again = read_content(setting.journal(&left)).await;
                    let again = again.map_err(|error| format!("{}: {error}", context(&what)))?;
                    if again != once {
                        return Err(format!("{}: {again:#?} expected {once:#?}", context(&what)));
                    }
                    ledger.check(&again).map_err(|error| format!("{}: {error}", context(&what)))?;
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
        "{name}: power cuts at {first} steps, and at {second} steps of the recoveries; {took:.1?}"
    ));
}

#[test]
fn power_cut_at_every_step_leaves_store_that_opens() {
    run("always", Setting { segment_bytes: 500, history_bytes: 700, ..Setting::default() });
}

#[test]
fn power_cut_at_every_step_without_sync_leaves_store_that_opens() {
    let setting = Setting { segment_bytes: 1_500, history_bytes: 0, ..Setting::default() };
    run("os", Setting { sync: SyncPolicy::Os, ..setting });
}
