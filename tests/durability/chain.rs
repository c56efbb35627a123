//! Logs that were truncated, reset to an older copy, lost a part, or belong to another history.

use std::time::Duration;

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring_testing::Random;

use crate::damage::{mark_of, text_of};
use crate::figures;
use crate::ledger::read_content;
use crate::sim::SimDisk;
use crate::work::runtime;

const FIRST: &str = "log-00000000000000000000.jsonl";

fn journal(disk: &SimDisk) -> FileJournal<String> {
    FileJournal::open_on(disk.clone()).segment_bytes(2_000).check_every(Duration::MAX)
}

fn spawn(disk: &SimDisk) -> Store<String> {
    Store::builder().journal(journal(disk)).spawn()
}

/// Creates a closed store with this many writes, each in its own turn.
async fn create_closed(disk: &SimDisk, writes: u64) {
    let store = spawn(disk);
    let from = store.ready().await.map(|()| store.revision()).expect("the store starts");
    for n in from..from + writes {
        store
            .set(format!("key/{}", n % 5), format!("value {n}"))
            .await
            .expect("the write succeeds");
    }
    store.shutdown().await.expect("the store closes");
}

async fn start_error(disk: &SimDisk) -> String {
    match read_content(journal(disk)).await {
        Ok(found) => panic!("the journal opens at revision {}: {disk:?}", found.revision),
        Err(error) => error,
    }
}

fn logs(disk: &SimDisk) -> Vec<String> {
    disk.file_names().into_iter().filter(|name| name.starts_with("log-")).collect()
}

#[test]
fn emptied_segment_is_rejected_after_clean_shutdown() {
    runtime().block_on(async {
        for writes in [0, 1, 10, 100] {
            let disk = SimDisk::new();
            create_closed(&disk, writes).await;
            for name in logs(&disk) {
                let disk = disk.copy();
                disk.set_content(&name, b"");
                let error = start_error(&disk).await;
                assert!(
                    error.contains(&name) && error.contains("the header is missing"),
                    "{error}"
                );
                disk.set_content(&name, &[b'\n'; 100]);
                start_error(&disk).await;
                disk.set_content(&name, &[0; 100]);
                start_error(&disk).await;
            }
        }
    });
}

#[test]
fn log_truncated_below_mark_is_rejected_with_backup_command() {
    runtime().block_on(async {
        let mut random = Random::new(7);
        let mut cuts = 0;
        let disk = SimDisk::new();
        create_closed(&disk, 40).await;
        let (_, offset) = mark_of(&disk);
        let name = logs(&disk).pop().expect("a segment");
        let content = disk.content(&name);
        let ends: Vec<_> = (0..offset - 1).filter(|at| content[*at] == b'\n').collect();
        assert!(ends.len() > 3);
        let anywhere = (0..24).map(|_| random.below(offset)).collect::<Vec<_>>();
        for length in ends.iter().map(|end| end + 1).chain(anywhere) {
            // Truncated, or still with its preallocated length.
            for filled in [false, true] {
                let disk = disk.copy();
                let mut cut = content[..length].to_vec();
                if filled {
                    cut.resize(content.len(), b'\n');
                }
                disk.set_content(&name, &cut);
                let before = disk.content(&name);
                let error = start_error(&disk).await;
                assert!(error.contains(&name), "{error}");
                if ends.contains(&(length - 1)) && length > ends[0] + 1 {
                    assert!(error.contains("mainspring backup"), "{error}");
                }
                assert_eq!(disk.content(&name), before, "the log must not change");
                cuts += 1;
            }
        }
        figures(format_args!("{cuts} cuts below the mark: all rejected"));
    });
}

#[test]
fn older_segment_is_rejected() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        create_closed(&disk, 3).await;
        let older = disk.copy();
        create_closed(&disk, 3).await;
        disk.set_content(FIRST, &older.content(FIRST));
        let error = start_error(&disk).await;
        assert!(error.contains("mainspring backup"), "{error}");
    });
}

#[test]
fn older_manifest_is_rejected_and_no_file_is_removed() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        create_closed(&disk, 3).await;
        let older = disk.content("MANIFEST");
        create_closed(&disk, 30).await;
        assert!(logs(&disk).len() > 1);
        disk.set_content("MANIFEST", &older);
        let names = disk.file_names();
        let error = start_error(&disk).await;
        assert!(error.contains("is older than log-") && error.contains("repair"), "{error}");
        assert_eq!(disk.file_names(), names);

        // The same with an unlisted snapshot of changes that are not in the log.
        let disk = SimDisk::new();
        create_closed(&disk, 3).await;
        let older = disk.content("MANIFEST");
        let segment = disk.content(FIRST);
        create_closed(&disk, 3).await;
        let store = spawn(&disk);
        store.compact().await.expect("the compaction succeeds");
        store.shutdown().await.expect("the store closes");
        disk.set_content("MANIFEST", &older);
        disk.set_content(FIRST, &segment);
        let error = start_error(&disk).await;
        assert!(error.contains("is older than"), "{error}");
    });
}

/// Ends a line with its checksum.
fn sealed(line: &str) -> String {
    format!("{line},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(line.as_bytes()))
}

#[test]
fn log_that_differs_from_mark_is_rejected() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        create_closed(&disk, 3).await;
        let content = disk.content(FIRST);
        let text = std::str::from_utf8(text_of(&content)).expect("text");
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        // Replaces the last append by one of the same length with correct checksums, as another store might have
        // written.
        let last = lines[3].strip_suffix("}\n").expect("a line");
        let (start, _) = last.rsplit_once(",\"crc\"").expect("a checksum");
        let other = sealed(&start.replace("value 2", "value 9"));
        assert_eq!(other.len(), lines[3].len());
        disk.set_content(FIRST, [&lines[..3], &[&*other]].concat().concat().as_bytes());
        let error = start_error(&disk).await;
        assert!(error.contains("differs from the synced log that the manifest records"), "{error}");
    });
}

#[test]
fn line_of_later_version_behind_damage_counts_as_synced() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        let store = spawn(&disk);
        store.set("k", "one").await.expect("the write succeeds");
        store.set("k", "two").await.expect("the write succeeds");
        // As after a kill: the mark is that of the start.
        let disk = disk.copy();
        let content = disk.content(FIRST);
        let text = std::str::from_utf8(text_of(&content)).expect("text");
        let at = text.len();
        let later = format!(
            "{{\"revision\":3,\"change\":\"moved\",\"key\":\"k\",\"to\":\"l\",\"lines\":1,\"synced\":{at},\"prev\":\"00000000\""
        );
        let damaged = text.replace("\"two\"", "\"tw0\"") + &sealed(&later);
        disk.set_content(FIRST, damaged.as_bytes());
        let error = start_error(&disk).await;
        assert!(error.contains("the checksum does not match the line"), "{error}");
    });
}

#[test]
fn segment_of_another_history_is_rejected() {
    runtime().block_on(async {
        let one = SimDisk::new();
        create_closed(&one, 30).await;
        let other = one.copy();
        // The same revisions with other content.
        create_closed(&one, 40).await;
        let store = spawn(&other);
        for n in 30..70 {
            store
                .set(format!("key/{}", n % 5), format!("other {n}"))
                .await
                .expect("the write succeeds");
        }
        store.shutdown().await.expect("the store closes");

        let (ones, others) = (logs(&one), logs(&other));
        assert_eq!(ones, others, "both must have the same names");
        let mut swapped = 0;
        for name in &ones {
            if one.content(name) != other.content(name) {
                let disk = one.copy();
                disk.set_content(name, &other.content(name));
                start_error(&disk).await;
                swapped += 1;
            }
        }
        assert!(swapped > 1, "{ones:?}");

        // The same with the manifest of the other store, whose last segment is older.
        let disk = one.copy();
        disk.set_content("MANIFEST", &other.content("MANIFEST"));
        start_error(&disk).await;
    });
}

#[test]
fn missing_append_is_rejected_and_repeated_append_is_ignored() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        create_closed(&disk, 30).await;
        let whole = read_content(journal(&disk.copy())).await.expect("the journal opens");
        for name in logs(&disk) {
            let content = disk.content(&name);
            let lines: Vec<_> = text_of(&content).split_inclusive(|byte| *byte == b'\n').collect();
            for n in 1..lines.len() - 1 {
                let (before, after) = lines.split_at(n);
                let missing = disk.copy();
                missing.set_content(&name, &[before, &after[1..]].concat().concat());
                start_error(&missing).await;
                let repeated = disk.copy();
                repeated.set_content(&name, &[before, &after[..1], after].concat().concat());
                if let Ok(found) = read_content(journal(&repeated)).await {
                    assert!(found == whole, "{name}, line {n}: {repeated:?}");
                }
            }
        }
    });
}

#[test]
fn mark_follows_log_within_a_second() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        let journal = FileJournal::open_on(disk.clone());
        let store: Store<String> = Store::builder().journal(journal).spawn();
        for n in 1..=3 {
            store.set("k", "v").await.expect("the write succeeds");
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            while mark_of(&disk).0 < n {
                // The mark is written in a thread, which does not use the virtual time.
                tokio::task::yield_now().await;
            }
        }
        // As after a kill, and truncated at a line boundary.
        let left = disk.copy();
        let content = left.content(FIRST);
        let lines: Vec<_> = text_of(&content).split_inclusive(|byte| *byte == b'\n').collect();
        left.set_content(FIRST, &lines[..lines.len() - 1].concat());
        let error = start_error(&left).await;
        assert!(error.contains("mainspring backup"), "{error}");
        store.shutdown().await.expect("the store closes");
    });
}

#[test]
fn subscription_to_damaged_history_ends_with_oldest_revision() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        create_closed(&disk, 40).await;
        let store = spawn(&disk);
        store.compact().await.expect("the compaction succeeds");
        store.shutdown().await.expect("the store closes");
        let (first, whole) = (logs(&disk).remove(0), disk.copy());
        let content = disk.content(&first);
        let damaged =
            String::from_utf8(content.clone()).expect("text").replace("value 3", "value 4");
        for bytes in [&b""[..], &content[..content.len() / 2], damaged.as_bytes()] {
            let disk = whole.copy();
            disk.set_content(&first, bytes);
            let store = spawn(&disk);
            let mut changes = store.subscribe().after(1).await.expect("the subscription starts");
            let error = loop {
                if let Err(error) = changes.recv().await {
                    break error;
                }
            };
            assert!(
                matches!(error, mainspring::Error::Compacted { oldest } if oldest > 1),
                "{error}"
            );
            assert_eq!(store.set("k", "v").await, Ok(41), "the journal must not fail");
            store.shutdown().await.expect("the store closes");
        }
    });
}

#[test]
fn snapshot_of_another_history_is_rejected() {
    runtime().block_on(async {
        let one = SimDisk::new();
        let setting = |disk: &SimDisk| journal(disk).history_bytes(0);
        create_closed(&one, 20).await;
        let other = one.copy();
        for (disk, value) in [(&one, "one"), (&other, "other")] {
            let store: Store<String> = Store::builder().journal(setting(disk)).spawn();
            store.set("k", value).await.expect("the write succeeds");
            store.compact().await.expect("the compaction succeeds");
            while !disk.file_names().iter().any(|name| name.starts_with("snapshot-")) {
                tokio::task::yield_now().await;
            }
            store.set("k", value.repeat(2)).await.expect("the write succeeds");
            store.shutdown().await.expect("the store closes");
        }
        let name = one.file_names().into_iter().find(|name| name.starts_with("snapshot-"));
        let name = name.expect("a snapshot");
        one.set_content(&name, &other.content(&name));
        start_error(&one).await;
    });
}
