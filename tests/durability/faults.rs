//! Every single call to the disk fails, in turn.

use std::time::{Duration, Instant};

use mainspring::Error;
use mainspring::journal::file::SyncPolicy;

use crate::figures;
use crate::ledger::{Ledger, read_content};
use crate::sim::{CUTS, Fault, SimDisk};
use crate::work::{Setting, StoreRun, runtime};

async fn writes(run: &mut StoreRun, from: usize) {
    for n in from..from + 4 {
        let store = run.store.clone();
        let set = store.set(format!("key/{}", n % 3), "x".repeat(70 * n)).await;
        run.record(set);
        let sent = [store.push("list", "a"), store.push("list", "b")];
        for pushed in futures_util::future::join_all(sent.map(IntoFuture::into_future)).await {
            run.record(pushed.map(|pushed| pushed.revision));
        }
        if n % 4 == 1 {
            let _ = run.compact(true).await;
        }
    }
}

/// Runs a store with one fault. Returns whether the fault has occurred.
async fn run_with_fault(setting: Setting, step: u64, fault: Fault) -> Result<bool, String> {
    let disk = SimDisk::new();
    let mut ledger = Ledger { may_lose: setting.sync != SyncPolicy::Always, ..Ledger::default() };
    // Writes before the fault, so that it can also occur in a recovery.
    let mut run = StoreRun::start(&disk, setting.journal(&disk), &mut ledger).await?;
    writes(&mut run, 0).await;
    run.end(&mut ledger);
    drop(run);
    let disk = disk.copy().fail_at(step, fault);
    let mut run = match StoreRun::start(&disk, setting.journal(&disk), &mut ledger).await {
        Ok(run) => run,
        Err(error) if disk.steps() < step => {
            return Err(format!("error before the fault: {error}"));
        }
        Err(error) if error.starts_with("the store does not start") => {
            // The start fails with an error, and nothing is lost.
            for (seed, cut) in CUTS.into_iter().enumerate() {
                let left = disk.survivor(cut, seed as u64);
                let found = read_content(setting.journal(&left)).await?;
                ledger.check(&found)?;
            }
            return Ok(true);
        }
        Err(error) => return Err(error),
    };
    writes(&mut run, 4).await;
    if disk.steps() < step {
        // The fault occurs during the shutdown, or not at all.
        let _ = run.store.shutdown().await;
        run.end(&mut ledger);
        let has_occurred = disk.steps() >= step;
        return check_power_cuts(&disk, setting, &ledger, step).await.map(|()| has_occurred);
    }
    run.compare(&ledger).await?; // reads continue
    let full_only = run.errors.iter().all(|error| matches!(error, Error::JournalFull(_)));
    match fault {
        Fault::Short | Fault::Interrupted
            if disk.step_name(step).starts_with("write") && !run.errors.is_empty() =>
        {
            return Err(format!("a {fault:?} write must not fail: {:?}", run.errors));
        }
        Fault::Full | Fault::FullHalf if !full_only => {
            return Err(format!("without space every error must be JournalFull: {:?}", run.errors));
        }
        _ => {}
    }
    let is_answer = |error: &Error| {
        matches!(error, Error::JournalFull(_) | Error::Unknown | Error::JournalFailed(_))
    };
    if !run.errors.iter().all(is_answer) {
        return Err(format!("unexpected errors: {:?}", run.errors));
    }
    if full_only {
        disk.set_full(false);
        // Writes succeed again without a restart.
        let set = run.store.set("again", "x").await;
        if !run.record(set.clone()) {
            return Err(format!("there is space again, but a write returns {set:?}"));
        }
    } else {
        let failed = run.store.set("again", "x").await;
        if !matches!(failed, Err(Error::JournalFailed(_))) {
            return Err(format!("the journal has failed, but a write returns {failed:?}"));
        }
    }
    run.compare(&ledger).await?;
    run.end(&mut ledger);
    check_power_cuts(&disk, setting, &ledger, step).await?;
    let closed = run.store.shutdown().await;
    if full_only && closed.is_err() {
        return Err(format!("the store does not close: {closed:?}"));
    }
    Ok(true)
}

/// Verifies that a power cut now loses no acknowledged change.
async fn check_power_cuts(
    disk: &SimDisk,
    setting: Setting,
    ledger: &Ledger,
    step: u64,
) -> Result<(), String> {
    for (seed, cut) in CUTS.into_iter().enumerate() {
        let left = disk.survivor(cut, step * 10 + seed as u64);
        let found = read_content(setting.journal(&left)).await;
        let found = found.map_err(|error| format!("{cut:?}: {error}\n{left:?}"))?;
        ledger.check(&found).map_err(|error| format!("{cut:?}: {error}\n{left:?}"))?;
    }
    Ok(())
}

fn every_call(setting: Setting, faults: &[Fault]) {
    let runtime = runtime();
    for fault in faults {
        let mut calls = 0;
        for step in 1.. {
            match runtime.block_on(run_with_fault(setting, step, *fault)) {
                Ok(true) => calls += 1,
                Ok(false) => break,
                Err(error) => panic!("{fault:?} at {step}: {error}"),
            }
        }
        figures(format_args!("{fault:?} at each of {calls} calls: no acknowledged change lost"));
    }
}

fn setting() -> Setting {
    Setting { segment_bytes: 700, history_bytes: 500, ..Setting::default() }
}

#[test]
fn error_at_every_call_loses_no_acknowledged_change() {
    every_call(setting(), &[Fault::Io, Fault::IoHalf]);
}

#[test]
fn full_disk_from_every_call_on_loses_no_acknowledged_change() {
    every_call(setting(), &[Fault::Full, Fault::FullHalf, Fault::FullOnce]);
}

#[test]
fn short_or_interrupted_call_is_continued() {
    every_call(setting(), &[Fault::Short, Fault::Interrupted]);
}

#[test]
fn error_at_every_call_without_sync_leaves_prefix() {
    let setting = Setting { sync: SyncPolicy::Os, ..setting() };
    every_call(setting, &[Fault::Io, Fault::IoHalf, Fault::Full, Fault::FullOnce]);
}

/// Under `every`, the log is synced in the background, and no caller waits for the sync.
#[test]
fn failed_background_sync_fails_journal() {
    runtime().block_on(async {
        let (disk, mut ledger) = (SimDisk::new(), Ledger { may_lose: true, ..Ledger::default() });
        let setting =
            Setting { sync: SyncPolicy::Every(Duration::from_millis(50)), ..Setting::default() };
        let run = StoreRun::start(&disk, setting.journal(&disk), &mut ledger).await.unwrap();
        run.store.set("key/1", "x").await.unwrap();
        let disk = disk.clone().fail_at(disk.steps() + 1, Fault::Io);
        let deadline = Instant::now() + Duration::from_secs(10);
        let health = loop {
            match run.store.health() {
                Err(error) => break error,
                Ok(()) => assert!(Instant::now() < deadline, "{disk:?}"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        // The segment may have been verified after the sync.
        let mut last = (disk.steps() - 1..=disk.steps()).map(|step| disk.step_name(step));
        assert!(last.any(|step| step.starts_with("sync log-")), "{disk:?}");
        assert!(matches!(&health, Error::JournalFailed(cause) if cause.contains("sync")));
        assert_eq!(
            run.store.set("key/1", "y").await,
            Err(health.clone()),
            "later writes must fail with a known outcome"
        );
        assert!(run.store.get("key/1").await.unwrap().is_some(), "reads must continue");
        assert_eq!(run.store.health(), Err(health), "the failure must be permanent");
    });
}
