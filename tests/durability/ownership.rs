//! Changes to the directory of a running store: no write is acknowledged that the next start cannot find, and no two
//! stores write to one directory.

use std::fs;
use std::future::IntoFuture;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mainspring::journal::FileJournal;
use mainspring::journal::file::tools::{Format, RepairOptions, compact, import, repair};
use mainspring::journal::file::{FileError, SyncPolicy};
use mainspring::{Error, Store};
use mainspring_testing::remove_all;

use crate::ledger::read_content;
use crate::sim::{Defects, SimDisk};
use crate::until;

/// Creates an empty directory for one test.
fn fresh(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ownership-{name}"));
    let _ = fs::remove_dir_all(&path); // left by an earlier run
    fs::create_dir_all(&path).unwrap();
    path
}

fn journal(folder: &Path, sync: SyncPolicy) -> FileJournal<String> {
    FileJournal::open(folder)
        .sync(sync)
        .segment_bytes(2_000)
        .compact_above(u64::MAX, 1.0)
        // Only appends verify the directory.
        .check_every(Duration::MAX)
}

#[tokio::test]
async fn idle_store_detects_changes_to_its_directory() {
    type Mistake = fn(&Path);
    let mistakes: [(&str, Mistake, &str); 8] = [
        (
            "idle-emptied",
            |data| fs::write(segment(data), "").unwrap(),
            "was changed by another program",
        ),
        (
            "idle-manifest",
            |data| fs::remove_file(data.join("MANIFEST")).unwrap(),
            "MANIFEST was removed",
        ),
        (
            "idle-older-segment",
            |data| fs::remove_file(data.join("log-00000000000000000000.jsonl")).unwrap(),
            "log-00000000000000000000.jsonl was removed",
        ),
        ("idle-removed", remove_all, "was removed"),
        ("idle-lock", |data| fs::remove_file(data.join("LOCK")).unwrap(), "LOCK was removed"),
        ("idle-segment", |data| fs::remove_file(segment(data)).unwrap(), ".jsonl was removed"),
        (
            "idle-moved",
            |data| fs::rename(data, data.with_extension("away")).unwrap(),
            "was removed or moved",
        ),
        (
            "idle-replaced",
            |data| {
                fs::rename(data, data.with_extension("away")).unwrap();
                fs::create_dir(data).unwrap();
            },
            // "replaced", or "removed" if the check was between the two calls.
            "/data was re",
        ),
    ];
    for (name, mistake, expected) in mistakes {
        for sync in [SyncPolicy::Always, SyncPolicy::Os] {
            let data = fresh(name).join("data");
            let journal = journal(&data, sync).check_every(Duration::from_millis(20));
            let store = Store::builder().journal(journal).spawn();
            // Several segments.
            for _ in 0..30 {
                store.set("k", "x".repeat(100)).await.unwrap();
            }
            // A manifest that is written after the mistake would undo it.
            if sync == SyncPolicy::Always {
                until("the mark includes the last write", || is_marked(&data, 30)).await;
            }
            mistake(&data);
            until(name, || store.health().is_err()).await;
            let error = store.set("k", "y").await.unwrap_err();
            let Error::JournalFailed(cause) = error else { panic!("{name}: {error}") };
            assert!(cause.contains(expected), "{name}: {cause}");
            assert!(store.get("k").await.unwrap().is_some(), "reads must continue");
            assert!(store.shutdown().await.is_err(), "{name}");
        }
    }
}

/// Returns whether the mark of the manifest is at this revision.
fn is_marked(folder: &Path, revision: u64) -> bool {
    let mark = format!("\"mark\":{{\"revision\":{revision},");
    fs::read_to_string(folder.join("MANIFEST")).is_ok_and(|manifest| manifest.contains(&mark))
}

/// Returns the path of the current segment.
fn segment(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let is_segment =
        |file: &PathBuf| file.file_name().unwrap().to_string_lossy().starts_with("log-");
    files.filter(is_segment).max().expect("a segment")
}

/// Makes a change to `root/data` while a store has it open, and returns the cause with which the store fails. Verifies
/// that all later writes and the shutdown fail with the same cause.
async fn failure_after(name: &str, sync: SyncPolicy, change: impl FnOnce(&Path)) -> String {
    let root = fresh(name);
    let data = root.join("data");
    let store = Store::builder().journal(journal(&data, sync)).spawn();
    store.set("before", "x").await.unwrap();
    change(&root);
    // Enough for a rotation, which detects changes that appends do not.
    let mut answers = Vec::new();
    for n in 0..30 {
        answers.push(store.set(format!("key/{n}"), "x".repeat(100)).await);
    }
    let failed = answers.iter().position(Result::is_err).expect("a write fails");
    // A background sync may detect the change before the next append does.
    let is_known = matches!(sync, SyncPolicy::Every(_))
        && matches!(answers[failed], Err(Error::JournalFailed(_)));
    assert!(is_known || answers[failed] == Err(Error::Unknown), "{name}: {:?}", answers[failed]);
    let Some(Err(Error::JournalFailed(cause))) = answers.last() else {
        panic!("{name}: {answers:?}");
    };
    assert!(
        answers[failed + 1..]
            .iter()
            .all(|later| *later == Err(Error::JournalFailed(cause.clone())))
    );
    assert_eq!(store.health(), Err(Error::JournalFailed(cause.clone())), "{name}");
    assert!(store.get("before").await.unwrap().is_some(), "reads must continue");
    let closed = store.shutdown().await;
    assert_eq!(closed, Err(Error::Failed(cause.clone())), "{name}");
    let cause = cause.replace(root.to_str().unwrap(), "");
    fs::remove_dir_all(&root).unwrap();
    cause
}

const RUNNING: &str = "while the store was running; writes are rejected: ";

#[tokio::test]
async fn removed_directory_fails_the_journal() {
    for (name, sync) in [
        ("removed", SyncPolicy::Always),
        ("removed-every", SyncPolicy::Every(Duration::from_millis(1))),
        ("removed-os", SyncPolicy::Os),
    ] {
        let cause = failure_after(name, sync, |root| remove_all(&root.join("data"))).await;
        assert!(cause.starts_with(&format!("/data was removed or moved {RUNNING}")), "{cause}");
    }
}

#[tokio::test]
async fn removed_segment_fails_the_journal() {
    for (name, sync) in [("segment", SyncPolicy::Always), ("segment-os", SyncPolicy::Os)] {
        let remove = |root: &Path| fs::remove_file(segment(&root.join("data"))).unwrap();
        let cause = failure_after(name, sync, remove).await;
        let what =
            format!("/data/log-00000000000000000000.jsonl was removed or replaced {RUNNING}");
        assert!(cause.starts_with(&what), "{cause}");
    }
}

#[tokio::test]
async fn replaced_segment_fails_the_journal() {
    let replace = |root: &Path| {
        let segment = segment(&root.join("data"));
        fs::copy(&segment, root.join("copy")).unwrap();
        fs::rename(root.join("copy"), segment).unwrap();
    };
    let cause = failure_after("replaced", SyncPolicy::Always, replace).await;
    assert!(cause.contains(&format!("was removed or replaced {RUNNING}")), "{cause}");
    // The old file still exists under another name.
    let replace = |root: &Path| {
        let segment = segment(&root.join("data"));
        fs::rename(&segment, root.join("old")).unwrap();
        fs::copy(root.join("old"), segment).unwrap();
    };
    let cause = failure_after("replaced-kept", SyncPolicy::Always, replace).await;
    assert!(cause.contains(&format!("was removed or replaced {RUNNING}")), "{cause}");
}

#[tokio::test]
async fn truncated_or_overwritten_segment_fails_the_journal() {
    let truncate = |root: &Path| drop(fs::File::create(segment(&root.join("data"))).unwrap());
    let cause = failure_after("truncated", SyncPolicy::Always, truncate).await;
    assert!(
        cause.contains(" was changed by another program while the store was running: "),
        "{cause}"
    );
    let overwrite = |root: &Path| {
        let segment = segment(&root.join("data"));
        let text = fs::read(&segment).unwrap();
        fs::write(segment, text.trim_ascii_end()).unwrap();
    };
    let cause = failure_after("overwritten", SyncPolicy::Always, overwrite).await;
    assert!(
        cause.contains(" was changed by another program while the store was running: "),
        "{cause}"
    );
}

#[tokio::test]
async fn moved_directory_fails_the_journal() {
    let move_away = |root: &Path| fs::rename(root.join("data"), root.join("data2")).unwrap();
    let cause = failure_after("moved", SyncPolicy::Always, move_away).await;
    assert!(cause.starts_with(&format!("/data was removed or moved {RUNNING}")), "{cause}");
    let recreate = |root: &Path| {
        move_away(root);
        fs::create_dir(root.join("data")).unwrap();
    };
    let cause = failure_after("recreated", SyncPolicy::Always, recreate).await;
    assert!(cause.starts_with(&format!("/data was replaced {RUNNING}")), "{cause}");
    let link = |root: &Path| {
        move_away(root);
        fs::create_dir(root.join("other")).unwrap();
        symlink("other", root.join("data")).unwrap();
    };
    let cause = failure_after("replaced-by-link", SyncPolicy::Always, link).await;
    assert!(cause.starts_with(&format!("/data was replaced {RUNNING}")), "{cause}");
}

#[tokio::test]
async fn removed_lock_file_fails_the_journal() {
    let remove = |root: &Path| fs::remove_file(root.join("data/LOCK")).unwrap();
    let cause = failure_after("lock", SyncPolicy::Always, remove).await;
    assert!(
        cause.starts_with("/data/LOCK was removed or moved while the store was running"),
        "{cause}"
    );
}

#[tokio::test]
async fn changed_symbolic_link_fails_journal() {
    let root = fresh("link");
    fs::create_dir(root.join("first")).unwrap();
    fs::create_dir(root.join("second")).unwrap();
    symlink("first", root.join("data")).unwrap();
    let store = Store::builder().journal(journal(&root.join("data"), SyncPolicy::Always)).spawn();
    store.set("k", "x").await.unwrap();
    fs::remove_file(root.join("data")).unwrap();
    symlink("second", root.join("data")).unwrap();
    let error = store.compact().await.unwrap_err();
    assert!(matches!(error, Error::CompactionFailed(_)), "{error}");
    let mut last = Ok(0);
    for _ in 0..30 {
        last = store.set("k", "x".repeat(100)).await;
    }
    let Err(Error::JournalFailed(cause)) = last else { panic!("{last:?}") };
    assert!(cause.contains("/data was replaced while"), "{cause}");
    assert!(store.shutdown().await.is_err());
    assert_eq!(
        fs::read_dir(root.join("second")).unwrap().count(),
        0,
        "nothing may be written to the new directory"
    );
    fs::remove_dir_all(&root).unwrap();
}

/// Only changes acknowledged before the removal are lost with the segment.
#[tokio::test]
async fn no_write_is_acknowledged_after_segment_is_removed() {
    let root = fresh("window");
    let data = root.join("data");
    let store = Store::builder().journal(journal(&data, SyncPolicy::Always)).spawn();
    store.set("k", "x").await.unwrap();
    fs::remove_file(segment(&data)).unwrap();
    let sent = (0..50).map(|n| store.set(format!("key/{n}"), "x").into_future());
    let answers = futures_util::future::join_all(sent).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert!(store.shutdown().await.is_err());
    fs::remove_dir_all(&root).unwrap();
}

/// A truncated segment must not be extended with zeros and closed without an error.
#[tokio::test]
async fn emptied_segment_fails_close_and_compaction() {
    let root = fresh("emptied");
    let data = root.join("data");
    for compacts in [false, true] {
        let store = Store::builder().journal(journal(&data, SyncPolicy::Always)).spawn();
        store.set("k", "x").await.unwrap();
        fs::write(segment(&data), "").unwrap();
        if compacts {
            let error = store.compact().await.unwrap_err();
            assert!(error.to_string().contains("was changed by another program"), "{error}");
        }
        let Err(Error::Failed(cause)) = store.shutdown().await else {
            panic!("the close must fail")
        };
        assert!(cause.contains("was changed by another program"), "{cause}");
        assert_eq!(fs::read(segment(&data)).unwrap(), b"", "no other segment may be created");
        fs::remove_dir_all(&data).unwrap();
    }
}

/// The first write after a start preallocates, which would extend a truncated file.
#[tokio::test]
async fn segment_truncated_before_first_write_fails_that_write() {
    let data = fresh("cut-before").join("data");
    let open = || Store::builder().journal(journal(&data, SyncPolicy::Always)).spawn();
    for starts in [1, 2] {
        let store = open();
        for n in 0..3 {
            store.set(format!("key/{n}"), "x").await.unwrap();
        }
        let store = if starts == 1 {
            store
        } else {
            store.shutdown().await.unwrap();
            let store = open();
            store.ready().await.unwrap();
            store
        };
        let file = fs::OpenOptions::new().write(true).open(segment(&data)).unwrap();
        file.set_len(200).unwrap();
        assert_eq!(store.set("k", "y").await, Err(Error::Unknown), "{starts}");
        assert!(store.shutdown().await.is_err(), "{starts}");
        // The next start must not treat the lost changes as an unsynced end.
        let error = read_content(journal(&data, SyncPolicy::Always)).await.unwrap_err();
        assert!(error.contains("acknowledged"), "{starts}: {error}");
        fs::remove_dir_all(&data).unwrap();
    }
}

/// No write follows the removal, so only the close can detect it.
#[tokio::test]
async fn removed_directory_fails_close() {
    let root = fresh("close");
    let data = root.join("data");
    let store = Store::builder().journal(journal(&data, SyncPolicy::Always)).spawn();
    store.set("k", "x").await.unwrap();
    remove_all(&data);
    let Err(Error::Failed(cause)) = store.shutdown().await else { panic!("the close must fail") };
    assert!(cause.contains("was removed or moved"), "{cause}");
    fs::remove_dir_all(&root).unwrap();
}

#[tokio::test]
async fn store_and_tools_are_locked_out_after_lock_file_is_removed() {
    let root = fresh("openers");
    let data = root.join("data");
    let store = Store::builder().journal(journal(&data, SyncPolicy::Always)).spawn();
    store.set("k", "x").await.unwrap();
    let ours = format!("process {} has the journal open", std::process::id());
    for holder in [ours.as_str(), "another process has the journal open"] {
        let second = FileJournal::<String>::open(&data).lock();
        assert!(matches!(second, Err(FileError::Locked { .. })), "{second:?}");
        let error = read_content(FileJournal::open(&data)).await.unwrap_err();
        assert!(error.contains(holder), "{error}");
        let tools = [
            repair(&data, RepairOptions::default().write(true), &mut |_| ()).map(drop),
            compact(&data, 0, &mut |_| ()).map(drop),
            import(&b"{\"a\":\"b\"}\n"[..], &data, &mut |_| ())
                .map(|done| assert_eq!(done.format, Format::SnapshotObject)),
        ];
        for tool in tools {
            let Err(FileError::Locked { holder: reported, .. }) = tool else { panic!("{tool:?}") };
            assert_eq!(reported, holder);
        }
        let _ = fs::remove_file(data.join("LOCK"));
    }
    assert!(!root.join("data.backup-1").exists(), "a rejected repair must not copy the directory");
    drop(store);
    fs::remove_dir_all(&root).unwrap();
}

const FOLDER: &str = "MAINSPRING_TEST_OWNED";

/// The other process: opening the directory must fail.
#[tokio::test]
#[ignore = "started by the test below"]
async fn inside_another_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let error = read_content(FileJournal::open(folder)).await.unwrap_err();
    assert!(error.contains("another process has the journal open"), "{error}");
}

#[tokio::test]
async fn other_process_is_locked_out_after_lock_file_is_removed() {
    let root = fresh("process");
    let data = root.join("data");
    let store = Store::builder().journal(journal(&data, SyncPolicy::Always)).spawn();
    store.set("k", "x").await.unwrap();
    fs::remove_file(data.join("LOCK")).unwrap();
    let other = start("ownership::inside_another_process", &data);
    let output = other.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!data.join("LOCK").exists());
    drop(store);
    fs::remove_dir_all(&root).unwrap();
}

fn start(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// As if `LOCK` was removed from a directory that cannot be locked.
#[tokio::test]
async fn segment_lock_alone_locks_out_second_store() {
    let disk = SimDisk::new().with_defects(Defects { lock: true, ..Defects::default() });
    let store = Store::<String>::builder().journal(FileJournal::open_on(disk.clone())).spawn();
    store.set("k", "x").await.unwrap();
    let before = disk.content("log-00000000000000000000.jsonl");
    let second = Store::<String>::builder().journal(FileJournal::open_on(disk.clone())).spawn();
    let error = second.ready().await.unwrap_err().to_string();
    assert!(error.contains("another process has the journal open"), "{error}");
    assert_eq!(disk.content("log-00000000000000000000.jsonl"), before);
    store.shutdown().await.unwrap();
    let third = Store::<String>::builder().journal(FileJournal::open_on(disk)).spawn();
    assert_eq!(third.get("k").await.unwrap().unwrap().revision, 1);
}

/// A handle of an ended store can still read older changes and must not keep the lock.
#[tokio::test]
async fn directory_can_be_reopened_while_old_handles_exist() {
    let root = fresh("again");
    let mut old = Vec::new();
    for _ in 0..3 {
        let store = Store::builder().journal(journal(&root, SyncPolicy::Always)).spawn();
        store.set("k", "x").await.unwrap();
        store.shutdown().await.unwrap();
        old.push(store);
    }
    fs::remove_dir_all(&root).unwrap();
}
