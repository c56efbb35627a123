//! Bugs that were planted: each is one that the other tests have to notice, by the very code that they run.

use std::sync::Arc;

use mainspring::Change;
use mainspring::journal::file::SyncPolicy;
use mainspring::journal::{AppendError, Journal};
use mainspring_testing::journals::{InterceptedJournal, Interceptor};

use crate::damage::flips;
use crate::ledger::{Ledger, look};
use crate::power::lives;
use crate::sim::{Cut, Lies, SimDisk};
use crate::work::{Life, Setting, runtime};

/// The first seed that notices, and what it says.
fn noticed(lies: Lies) -> String {
    let runtime = runtime();
    let mut failed =
        (0..500).filter_map(|seed| runtime.block_on(lives(seed, SyncPolicy::Always, lies)).err());
    failed.next().expect("500 seeds have noticed nothing")
}

#[test]
fn a_sync_that_does_nothing_is_noticed_by_the_power_cut() {
    let error = noticed(Lies { sync: true, ..Lies::default() });
    println!("{}", error.lines().next().unwrap_or_default());
}

#[test]
fn a_folder_that_is_not_synced_is_noticed_by_the_power_cut() {
    let error = noticed(Lies { sync_folder: true, ..Lies::default() });
    println!("{}", error.lines().next().unwrap_or_default());
}

#[test]
fn a_checksum_that_is_not_checked_is_noticed_by_the_flipped_bits() {
    let flipped = runtime().block_on(flips(Lies { sums: true, ..Lies::default() }));
    let error = flipped.expect_err("every flip was noticed by something else");
    assert!(error.contains("a wrong state"), "{error}");
}

/// Answers before the changes are written: each append goes to the log with the next one.
#[derive(Default)]
struct EarlyAnswer {
    held: Option<(u64, Arc<[Change<String>]>)>,
}

impl<J: Journal<String>> Interceptor<String, J> for EarlyAnswer {
    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        match self.held.replace((after, changes)) {
            Some((after, changes)) => journal.append(after, changes).await,
            None => Ok(()),
        }
    }
}

#[test]
fn an_early_acknowledgement_is_noticed_by_the_power_cut() {
    runtime().block_on(async {
        let (disk, mut ledger) = (SimDisk::new(), Ledger::default());
        let journal = Setting::default().journal(&disk);
        let journal = InterceptedJournal::new(journal, EarlyAnswer::default());
        let mut life = Life::start(&disk, journal, &mut ledger).await.unwrap();
        for n in 0..5 {
            let set = life.store.set("k", n.to_string()).await;
            assert!(life.told(set));
        }
        disk.cut_power();
        life.end(&mut ledger);
        let left = disk.survivor(Cut::Nothing, 1);
        let found = look(Setting::default().journal(&left)).await.unwrap();
        let error = ledger.check(&found).unwrap_err();
        assert!(error.starts_with("lost: 5 was acknowledged, and it ends at 4"), "{error}");
    });
}
