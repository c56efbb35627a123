//! Temporary failures to open files: the log continues in its current segment.

use std::time::Duration;

use mainspring::journal::FileJournal;
use mainspring::{Error, Store};

use crate::ledger::read_content;
use crate::sim::SimDisk;
use crate::until;

/// The errors of Linux for a lack of descriptors, memory, permission, space, quota or file size.
const SHORTAGES: [(i32, &str); 7] = [
    (24, "EMFILE"),
    (23, "ENFILE"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (28, "ENOSPC"),
    (122, "EDQUOT"),
    (27, "EFBIG"),
];

fn journal(disk: &SimDisk) -> FileJournal<String> {
    FileJournal::open_on(disk.clone())
        .segment_bytes(1_000)
        .compact_above(u64::MAX, 1.0)
        .check_every(Duration::from_millis(10))
}

fn segments(disk: &SimDisk) -> usize {
    disk.file_names().iter().filter(|name| name.starts_with("log-")).count()
}

#[tokio::test]
async fn appends_continue_in_segment_until_next_one_can_be_created() {
    for (errno, name) in SHORTAGES {
        let disk = SimDisk::new();
        let store: Store<String> = Store::builder().journal(journal(&disk)).spawn();
        store.set("first", "x").await.expect("the write succeeds");
        disk.set_shortage(Some(errno));
        for n in 0..40 {
            let set = store.set(format!("key/{n}"), "x".repeat(100)).await;
            set.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(segments(&disk), 1, "{name}");
        store.health().unwrap_or_else(|error| panic!("{name}: {error}"));

        // A compaction reports the cause and leaves the log unchanged.
        let error = store.compact().await.expect_err("the compaction fails");
        assert!(matches!(error, Error::CompactionFailed(_)), "{name}: {error}");
        assert!(error.to_string().contains(&format!("os error {errno}")), "{name}: {error}");
        assert_eq!(store.set("after", "x").await.expect("the write succeeds"), 42, "{name}");

        disk.set_shortage(None);
        until("the log continues in a new segment", || {
            segments(&disk) > 1 || {
                let store = store.clone();
                tokio::spawn(async move { store.set("more", "x").await });
                false
            }
        })
        .await;
        store.compact().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let revision = store.revision();
        store.shutdown().await.expect("the store closes");
        let found = read_content(journal(&disk)).await.expect("the journal opens");
        assert!(found.revision >= revision, "{name}");
        assert_eq!(found.state.entries.len(), 43, "{name}");
    }
}
