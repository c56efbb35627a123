//! Logs that were cut short, went back, lost a part, or belong to another history.

use std::time::Duration;

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring_testing::Random;

use crate::damage::{mark_of, text_of};
use crate::figures;
use crate::ledger::look;
use crate::sim::SimDisk;
use crate::work::runtime;

const FIRST: &str = "log-00000000000000000000.jsonl";

fn journal(disk: &SimDisk) -> FileJournal<String> {
    FileJournal::open_on(disk.clone()).segment_bytes(2_000).check_every(Duration::MAX)
}

fn spawn(disk: &SimDisk) -> Store<String> {
    Store::builder().journal(journal(disk)).spawn()
}

/// A store that was closed after so many writes, each a turn of its own.
async fn closed(disk: &SimDisk, writes: u64) {
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

async fn refusal(disk: &SimDisk) -> String {
    match look(journal(disk)).await {
        Ok(found) => panic!("it opens at revision {}: {disk:?}", found.revision),
        Err(error) => error,
    }
}

fn logs(disk: &SimDisk) -> Vec<String> {
    disk.file_names().into_iter().filter(|name| name.starts_with("log-")).collect()
}

#[test]
fn emptied_segment_is_refused_also_after_a_clean_stop() {
    runtime().block_on(async {
        for writes in [0, 1, 10, 100] {
            let disk = SimDisk::new();
            closed(&disk, writes).await;
            for name in logs(&disk) {
                let disk = disk.copy();
                disk.set_content(&name, b"");
                let error = refusal(&disk).await;
                assert!(
                    error.contains(&name) && error.contains("the header is missing"),
                    "{error}"
                );
                disk.set_content(&name, &[b'\n'; 100]);
                refusal(&disk).await;
                disk.set_content(&name, &[0; 100]);
                refusal(&disk).await;
            }
        }
    });
}

#[test]
fn log_cut_below_the_mark_is_refused_and_names_the_backup_command() {
    runtime().block_on(async {
        let mut random = Random::new(7);
        let mut cuts = 0;
        let disk = SimDisk::new();
        closed(&disk, 40).await;
        let (_, offset) = mark_of(&disk);
        let name = logs(&disk).pop().expect("a segment");
        let content = disk.content(&name);
        let ends: Vec<_> = (0..offset - 1).filter(|at| content[*at] == b'\n').collect();
        assert!(ends.len() > 3);
        let anywhere = (0..24).map(|_| random.below(offset)).collect::<Vec<_>>();
        for length in ends.iter().map(|end| end + 1).chain(anywhere) {
            // Cut off, or still as long as it was allocated.
            for filled in [false, true] {
                let disk = disk.copy();
                let mut cut = content[..length].to_vec();
                if filled {
                    cut.resize(content.len(), b'\n');
                }
                disk.set_content(&name, &cut);
                let before = disk.content(&name);
                let error = refusal(&disk).await;
                assert!(error.contains(&name), "{error}");
                if ends.contains(&(length - 1)) && length > ends[0] + 1 {
                    assert!(error.contains("mainspring backup"), "{error}");
                }
                assert_eq!(disk.content(&name), before, "nothing was changed");
                cuts += 1;
            }
        }
        figures(format_args!("{cuts} cuts below the mark: all refused"));
    });
}

#[test]
fn newer_manifest_with_an_older_segment_is_refused() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        closed(&disk, 3).await;
        let older = disk.copy();
        closed(&disk, 3).await;
        disk.set_content(FIRST, &older.content(FIRST));
        let error = refusal(&disk).await;
        assert!(error.contains("mainspring backup"), "{error}");
    });
}

#[test]
fn older_manifest_beside_newer_files_is_refused_and_nothing_is_removed() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        closed(&disk, 3).await;
        let older = disk.content("MANIFEST");
        closed(&disk, 30).await;
        assert!(logs(&disk).len() > 1);
        disk.set_content("MANIFEST", &older);
        let names = disk.file_names();
        let error = refusal(&disk).await;
        assert!(error.contains("is older than log-") && error.contains("repair"), "{error}");
        assert_eq!(disk.file_names(), names);

        // And with a snapshot that it does not know, of changes that its log has not.
        let disk = SimDisk::new();
        closed(&disk, 3).await;
        let older = disk.content("MANIFEST");
        let segment = disk.content(FIRST);
        closed(&disk, 3).await;
        let store = spawn(&disk);
        store.compact().await.expect("the compaction succeeds");
        store.shutdown().await.expect("the store closes");
        disk.set_content("MANIFEST", &older);
        disk.set_content(FIRST, &segment);
        let error = refusal(&disk).await;
        assert!(error.contains("is older than"), "{error}");
    });
}

/// A line with its checksum.
fn sealed(line: &str) -> String {
    format!("{line},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(line.as_bytes()))
}

#[test]
fn log_that_differs_from_the_mark_is_refused() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        closed(&disk, 3).await;
        let content = disk.content(FIRST);
        let text = std::str::from_utf8(text_of(&content)).expect("text");
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        // The last append, of the same length, with the right checksums: what another store might have written.
        let last = lines[3].strip_suffix("}\n").expect("a line");
        let (start, _) = last.rsplit_once(",\"crc\"").expect("a checksum");
        let other = sealed(&start.replace("value 2", "value 9"));
        assert_eq!(other.len(), lines[3].len());
        disk.set_content(FIRST, [&lines[..3], &[&*other]].concat().concat().as_bytes());
        let error = refusal(&disk).await;
        assert!(error.contains("differs from what the manifest says was synced"), "{error}");
    });
}

#[test]
fn whole_line_of_a_later_version_behind_damage_shows_what_was_synced() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        let store = spawn(&disk);
        store.set("k", "one").await.expect("the write succeeds");
        store.set("k", "two").await.expect("the write succeeds");
        // Killed: the mark is that of the start.
        let disk = disk.copy();
        let content = disk.content(FIRST);
        let text = std::str::from_utf8(text_of(&content)).expect("text");
        let at = text.len();
        let later = format!(
            "{{\"revision\":3,\"change\":\"moved\",\"key\":\"k\",\"to\":\"l\",\"lines\":1,\"synced\":{at},\"prev\":\"00000000\""
        );
        let damaged = text.replace("\"two\"", "\"tw0\"") + &sealed(&later);
        disk.set_content(FIRST, damaged.as_bytes());
        let error = refusal(&disk).await;
        assert!(error.contains("the checksum is not that of the line"), "{error}");
    });
}

#[test]
fn segment_of_another_history_is_refused() {
    runtime().block_on(async {
        let one = SimDisk::new();
        closed(&one, 30).await;
        let other = one.copy();
        // The same revisions, with other content.
        closed(&one, 40).await;
        let store = spawn(&other);
        for n in 30..70 {
            store
                .set(format!("key/{}", n % 5), format!("other {n}"))
                .await
                .expect("the write succeeds");
        }
        store.shutdown().await.expect("the store closes");

        let (ones, others) = (logs(&one), logs(&other));
        assert_eq!(ones, others, "the same names");
        let mut swapped = 0;
        for name in &ones {
            if one.content(name) != other.content(name) {
                let disk = one.copy();
                disk.set_content(name, &other.content(name));
                refusal(&disk).await;
                swapped += 1;
            }
        }
        assert!(swapped > 1, "{ones:?}");

        // With the manifest of the other one too, whose last segment is older.
        let disk = one.copy();
        disk.set_content("MANIFEST", &other.content("MANIFEST"));
        refusal(&disk).await;
    });
}

#[test]
fn missing_append_is_refused_and_a_repeated_one_changes_nothing() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        closed(&disk, 30).await;
        let whole = look(journal(&disk.copy())).await.expect("the journal opens");
        for name in logs(&disk) {
            let content = disk.content(&name);
            let lines: Vec<_> = text_of(&content).split_inclusive(|byte| *byte == b'\n').collect();
            for n in 1..lines.len() - 1 {
                let (before, after) = lines.split_at(n);
                let missing = disk.copy();
                missing.set_content(&name, &[before, &after[1..]].concat().concat());
                refusal(&missing).await;
                let repeated = disk.copy();
                repeated.set_content(&name, &[before, &after[..1], after].concat().concat());
                if let Ok(found) = look(journal(&repeated)).await {
                    assert!(found == whole, "{name}, line {n}: {repeated:?}");
                }
            }
        }
    });
}

#[test]
fn mark_follows_the_log_within_a_second() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        let journal = FileJournal::open_on(disk.clone());
        let store: Store<String> = Store::builder().journal(journal).spawn();
        for n in 1..=3 {
            store.set("k", "v").await.expect("the write succeeds");
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            while mark_of(&disk).0 < n {
                // It is being written, in a thread that knows no virtual time.
                tokio::task::yield_now().await;
            }
        }
        // Killed now, and cut at a line boundary.
        let left = disk.copy();
        let content = left.content(FIRST);
        let lines: Vec<_> = text_of(&content).split_inclusive(|byte| *byte == b'\n').collect();
        left.set_content(FIRST, &lines[..lines.len() - 1].concat());
        let error = refusal(&left).await;
        assert!(error.contains("mainspring backup"), "{error}");
        store.shutdown().await.expect("the store closes");
    });
}

#[test]
fn subscriber_that_asks_for_damaged_history_is_told_where_it_begins() {
    runtime().block_on(async {
        let disk = SimDisk::new();
        closed(&disk, 40).await;
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
            assert_eq!(store.set("k", "v").await, Ok(41), "the journal has not failed");
            store.shutdown().await.expect("the store closes");
        }
    });
}

#[test]
fn snapshot_of_another_history_is_refused() {
    runtime().block_on(async {
        let one = SimDisk::new();
        let setting = |disk: &SimDisk| journal(disk).history_bytes(0);
        closed(&one, 20).await;
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
        refusal(&one).await;
    });
}
