//! A process without free file descriptors: the journal uses its reserve.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::journal::file::SyncPolicy;

use crate::ledger::read_content;
use crate::until;

const FOLDER: &str = "MAINSPRING_TEST_DESCRIPTORS";

/// Runs in its own process, because the limit applies to the whole process.
#[tokio::test]
#[ignore = "started by the test below"]
async fn inside_without_descriptors() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    for sync in [SyncPolicy::Always, SyncPolicy::Os] {
        let journal = FileJournal::open(&folder).sync(sync).segment_bytes(2_000);
        let store = Store::builder().journal(journal.compact_above(u64::MAX, 1.0)).spawn();
        store.ready().await.unwrap();
        let compactions = || store.stats().journal.compactions;
        let (_, hard) = rlimit::Resource::NOFILE.get().unwrap();
        rlimit::Resource::NOFILE.set(64, hard).unwrap();
        let mut used = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            used.push(file);
        }
        for round in 0..8 {
            for n in 0..40 {
                store.set(format!("key/{n}"), "x".repeat(100)).await.unwrap();
            }
            let before = compactions();
            store.compact().await.unwrap();
            until("the compaction is complete", || compactions() > before).await;
            // Takes all free descriptors, like a server that accepts connections.
            while let Ok(file) = File::open("/dev/null") {
                used.push(file);
            }
            assert!(store.health().is_ok(), "round {round}");
        }
        store.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn rotations_and_snapshots_succeed_without_free_descriptors() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("descriptors");
    let _ = fs::remove_dir_all(&folder); // left by an earlier run
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "descriptors::inside_without_descriptors", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    let found = read_content(FileJournal::open(&folder)).await.unwrap();
    assert_eq!(found.revision, 2 * 8 * 40);
    fs::remove_dir_all(&folder).unwrap();
}
