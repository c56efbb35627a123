//! Planted bugs that the other tests must detect. The tests here run the code of the other tests.

use std::sync::Arc;

use mainspring::Change;
use mainspring::journal::file::SyncPolicy;
use mainspring::journal::{AppendError, Journal};
use mainspring_testing::journals::{InterceptedJournal, Interceptor};

use crate::damage::flips;
use crate::ledger::{Ledger, read_content};
use crate::power::store_runs;
use crate::sim::{Cut, Defects, SimDisk};
use crate::work::{Setting, StoreRun, runtime};

/// Returns the error of the first seed that detects a broken promise of the disk.
fn detected(defects: Defects) -> String {
    let runtime = runtime();
    let mut failed = (0..500)
        .filter_map(|seed| runtime.block_on(store_runs(seed, SyncPolicy::Always, defects)).err());
    failed.next().expect("500 seeds have not detected the bug")
}

#[test]
fn skipped_sync_is_detected_by_power_cut() {
    let error = detected(Defects { sync: true, ..Defects::default() });
    println!("{}", error.lines().next().unwrap_or_default());
}

#[test]
fn skipped_directory_sync_is_detected_by_power_cut() {
    let error = detected(Defects { sync_folder: true, ..Defects::default() });
    println!("{}", error.lines().next().unwrap_or_default());
}

#[test]
fn unverified_checksum_is_detected_by_flipped_bits() {
    let flipped = runtime().block_on(flips(Defects { sums: true, ..Defects::default() }));
    let error = flipped.expect_err("every flipped bit was detected by other means");
    assert!(error.contains("a wrong state"), "{error}");
}

/// Acknowledges an append before it is written: each append is written together with the next one.
#[derive(Default)]
struct EarlyAcknowledgement {
    delayed: Option<(u64, Arc<[Change<String>]>)>,
}

impl<J: Journal<String>> Interceptor<String, J> for EarlyAcknowledgement {
    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        match self.delayed.replace((after, changes)) {
            Some((after, changes)) => journal.append(after, changes).await,
            None => Ok(()),
        }
    }
}

#[test]
fn early_acknowledgement_is_detected_by_power_cut() {
    runtime().block_on(async {
        let (disk, mut ledger) = (SimDisk::new(), Ledger::default());
        let journal = Setting::default().journal(&disk);
        let journal = InterceptedJournal::new(journal, EarlyAcknowledgement::default());
        let mut run = StoreRun::start(&disk, journal, &mut ledger).await.unwrap();
        for n in 0..5 {
            let set = run.store.set("k", n.to_string()).await;
            assert!(run.record(set));
        }
        disk.cut_power();
        run.end(&mut ledger);
        let left = disk.survivor(Cut::Nothing, 1);
        let found = read_content(Setting::default().journal(&left)).await.unwrap();
        let error = ledger.check(&found).unwrap_err();
        assert!(
            error.starts_with("lost: revision 5 was acknowledged, the log ends at 4"),
            "{error}"
        );
    });
}
