//! Repair of every kind of damage that a start rejects, and what a salvage keeps behind the damage.

use std::fs;
use std::path::{Path, PathBuf};

use mainspring::journal::file::FileError;
use mainspring::journal::file::tools::{
    RepairOptions, RepairReport, RepairStep, Verdict, check, compact, repair,
};

use crate::folder::{backup_of, content, files, filled, flip, fresh, open, rows};

fn plan(folder: &Path) -> Result<RepairReport, FileError> {
    repair(folder, RepairOptions::default(), &mut |_| {})
}

fn write(folder: &Path) -> Result<RepairReport, FileError> {
    let _ = fs::remove_dir_all(backup_of(folder));
    repair(folder, RepairOptions::default().write(true), &mut |_| {})
}

fn salvage(folder: &Path) -> RepairReport {
    let _ = fs::remove_dir_all(backup_of(folder));
    let options = RepairOptions::default().write(true).salvage(true);
    repair(folder, options, &mut |_| {}).expect("a repairable journal")
}

/// Restores the content of a directory.
fn restore_content(folder: &Path, original: &[(PathBuf, Vec<u8>)]) {
    for file in files(folder, "") {
        fs::remove_file(file).expect("a removable file");
    }
    for (path, bytes) in original {
        fs::write(path, bytes).expect("a writable file");
    }
}

async fn assert_starts_at(folder: &Path, revision: u64) {
    let report = check(folder, &mut |_| {}).expect("a journal");
    assert_eq!((&report.verdict, report.revision), (&Verdict::Open, Some(revision)));
    let store = open(folder);
    assert_eq!(store.set("after", "x").await.expect("the store starts"), revision + 1);
    store.shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn log_ending_before_snapshot_is_repaired() {
    let folder = filled("repair-ends-early", 40).await;
    compact(&folder, 1 << 20, &mut |_| {}).expect("a closed journal");
    let original = content(&folder);
    let last = files(&folder, "log-").pop().expect("a segment");
    let segments = files(&folder, "log-");
    for (name, damage) in
        [("emptied", Some(Vec::new())), ("newlines", Some(vec![b'\n'; 200])), ("removed", None)]
    {
        for victims in [vec![last.clone()], segments.clone()] {
            restore_content(&folder, &original);
            for victim in &victims {
                match &damage {
                    Some(bytes) => fs::write(victim, bytes).expect("a writable file"),
                    None => fs::remove_file(victim).expect("a removable file"),
                }
            }
            let report = check(&folder, &mut |_| {}).expect("a journal");
            assert!(matches!(report.verdict, Verdict::Refuse { .. }), "{name}: {report:?}");
            let planned = plan(&folder).expect("a repairable journal");
            assert_eq!((planned.revision, planned.seen, planned.entries), (40, 40, 40), "{name}");
            let done = write(&folder).expect("a repairable journal");
            assert_eq!((done.revision, done.entries), (40, 40), "{name}");
            assert_starts_at(&folder, 40).await;
        }
    }
}

#[tokio::test]
async fn truncated_log_is_repaired_and_loss_is_counted() {
    let folder = filled("repair-cut", 8).await;
    let old = check(&folder, &mut |_| {}).expect("a journal").store;
    let last = files(&folder, "log-").pop().expect("a segment");
    let text = fs::read_to_string(&last).expect("text");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    // Cut off the close mark and two changes.
    fs::write(&last, lines[..lines.len() - 3].concat()).expect("a writable file");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    let Verdict::Refuse { why } = &report.verdict else { panic!("{report:?}") };
    assert!(why.contains("mainspring backup"), "{why}");
    let planned = plan(&folder).expect("a repairable journal");
    assert_eq!((planned.revision, planned.seen, planned.entries), (6, 8, 6), "{planned:?}");
    let done = write(&folder).expect("a repairable journal");
    assert_ne!(done.store, old);
    assert_starts_at(&folder, 6).await;
}

#[tokio::test]
async fn segments_of_different_histories_are_not_joined() {
    let folder = filled("repair-histories", 20).await;
    let other = fresh("repair-other-history");
    fs::create_dir_all(&other).expect("a new directory");
    for (path, bytes) in content(&folder) {
        fs::write(other.join(path.file_name().expect("a file name")), bytes).expect("a copy");
    }
    for (folder, value) in [(&folder, "one".to_owned()), (&other, "two".to_owned())] {
        let store = open(folder);
        for n in 0..30 {
            store.set(format!("later/{n}"), value.clone()).await.expect("the write succeeds");
        }
        store.shutdown().await.expect("the store closes");
    }
    let names = |folder: &Path| files(folder, "log-");
    let last = names(&folder).pop().expect("a segment");
    let name = last.file_name().expect("a file name");
    fs::copy(other.join(name), &last).expect("the segment of the other history");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert!(matches!(report.verdict, Verdict::Refuse { .. }), "{report:?}");
    // The plan must exclude that segment even without the manifest, whose mark does not match it.
    for lost in [false, true] {
        if lost {
            fs::remove_file(folder.join("MANIFEST")).expect("present");
        }
        let planned = plan(&folder).expect("a repairable journal");
        let base: u64 =
            last.file_stem().expect("a file name").to_string_lossy()[4..].parse().expect("n");
        assert_eq!(planned.revision, base, "{planned:?}");
        assert!(planned.seen >= 50, "{planned:?}");
    }
    write(&folder).expect("a repairable journal");
    assert!(!rows(&folder).iter().any(|row| row.contains("\"two\"")));
}

#[tokio::test]
async fn every_rejected_truncation_is_repaired_or_salvaged() {
    let folder = filled("repair-truncations", 24).await;
    compact(&folder, 1 << 20, &mut |_| {}).expect("a closed journal");
    let store = open(&folder);
    for n in 0..4 {
        store.set(format!("later/{n}"), "x").await.expect("the write succeeds");
    }
    store.shutdown().await.expect("the store closes");
    let original = content(&folder);
    let mut counts = [0; 4];
    for (path, bytes) in &original {
        for length in (0..bytes.len()).step_by(41) {
            restore_content(&folder, &original);
            fs::write(path, &bytes[..length]).expect("a writable file");
            let context = format!("{} {length}", path.display());
            let report = check(&folder, &mut |_| {}).expect("a journal");
            if !matches!(report.verdict, Verdict::Refuse { .. }) {
                counts[0] += 1;
                continue;
            }
            let done = match write(&folder) {
                Ok(done) => done,
                Err(error) => {
                    assert!(error.to_string().contains("--salvage"), "{context}: {error}");
                    counts[2] += 1;
                    salvage(&folder)
                }
            };
            assert!(!done.steps.is_empty(), "{context}");
            counts[1] += 1;
            let report = check(&folder, &mut |_| {}).expect("a journal");
            let result = (report.verdict, report.revision);
            assert_eq!(result, (Verdict::Open, Some(done.revision)), "{context}");
            assert_eq!(rows(&folder).len() as u64, done.entries, "{context}");
            counts[3] += 1;
        }
    }
    assert!(counts[1] > 0, "{counts:?}");
}

#[tokio::test]
async fn salvage_keeps_changes_behind_damage() {
    let folder = filled("salvage-behind", 40).await;
    let before = rows(&folder);
    let segments = files(&folder, "log-");
    assert!(segments.len() > 3);
    flip(&segments[1], "\"value\":\"value");
    let planned = plan(&folder).expect("a repairable journal");
    assert!(planned.revision < 20, "{planned:?}");
    let done = salvage(&folder);
    let salvaged = done.salvaged.expect("a salvage");
    assert_eq!((salvaged.missing, salvaged.unfit), (1, 0), "{done:?}");
    assert_eq!((done.revision, done.entries), (40, 39));
    assert_eq!(salvaged.changes, 40 - planned.revision - 1);
    assert!(matches!(&done.steps[0], RepairStep::Snapshot { .. }), "{:?}", done.steps);
    let after = rows(&folder);
    assert_eq!(before.iter().filter(|row| after.contains(row)).count(), 39);
    assert_starts_at(&folder, 40).await;
}

#[tokio::test]
async fn salvage_without_snapshot_keeps_intact_entries() {
    let folder = filled("salvage-nothing", 40).await;
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    let snapshot = &files(&folder, "snapshot-")[0];
    flip(snapshot, "value 7");
    let error = plan(&folder).expect_err("no repairable prefix").to_string();
    assert!(error.contains("nothing can be kept") && error.contains("--salvage"), "{error}");
    let done = salvage(&folder);
    assert_eq!((done.revision, done.entries), (40, 39), "{done:?}");
    assert_starts_at(&folder, 40).await;
}

#[tokio::test]
async fn salvage_skips_changes_that_do_not_fit() {
    let folder = fresh("salvage-unfit");
    let store = open(&folder);
    store.set("list", vec!["a".to_owned()]).await.expect("the write succeeds");
    store.set("other", "x").await.expect("the write succeeds");
    store.push("list", "b").await.expect("the write succeeds");
    store.push("list", "c").await.expect("the write succeeds");
    store.pop("list").await.expect("the write succeeds");
    store.pop("list").await.expect("the write succeeds");
    store.shutdown().await.expect("the store closes");
    // The push of b is lost, so the lengths that the push of c and the pops record do not fit.
    flip(&files(&folder, "log-")[0], "\"element\":\"b\"");
    let done = salvage(&folder);
    let salvaged = done.salvaged.expect("a salvage");
    assert_eq!((salvaged.missing, salvaged.unfit), (1, 3), "{done:?}");
    let list = rows(&folder).into_iter().find(|row| row.contains("\"key\":\"list\""));
    assert!(list.expect("kept").contains("\"value\":[\"a\"]"));
    assert_starts_at(&folder, 6).await;
}

/// Copies a directory.
fn copy_of(folder: &Path, name: &str) -> PathBuf {
    let other = fresh(name);
    fs::create_dir_all(&other).expect("a new directory");
    for (path, bytes) in content(folder) {
        fs::write(other.join(path.file_name().expect("a file name")), bytes).expect("a copy");
    }
    other
}

#[tokio::test]
async fn older_manifest_is_rebuilt_from_newer_files() {
    for compacts in [false, true] {
        let folder = filled(&format!("repair-older-manifest-{compacts}"), 20).await;
        if compacts {
            compact(&folder, 0, &mut |_| {}).expect("a closed journal");
        }
        let older = fs::read(folder.join("MANIFEST")).expect("present");
        let store = open(&folder);
        for n in 0..20 {
            store.set(format!("later/{n}"), "x".repeat(100)).await.expect("the write succeeds");
        }
        store.shutdown().await.expect("the store closes");
        if compacts {
            compact(&folder, 0, &mut |_| {}).expect("a closed journal");
        }
        let original = rows(&folder);
        fs::write(folder.join("MANIFEST"), older).expect("a writable file");
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert!(matches!(report.verdict, Verdict::Refuse { .. }), "{report:?}");
        let done = write(&folder).expect("a repairable journal");
        assert_eq!((done.revision, done.seen, done.entries), (40, 40, 40), "{done:?}");
        assert_eq!(rows(&folder), original);
        assert_starts_at(&folder, 40).await;
    }
}

#[tokio::test]
async fn salvage_skips_changes_of_another_store() {
    let folder = filled("salvage-foreign", 3).await;
    let other = filled("salvage-foreign-other", 6).await;
    let log = |folder: &Path| files(folder, "log-").pop().expect("a segment");
    fs::copy(log(&other), log(&folder)).expect("a copy");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    let Verdict::Refuse { why } = &report.verdict else { panic!("{report:?}") };
    assert!(why.contains("different histories"), "{why}");
    let done = salvage(&folder);
    let salvaged = done.salvaged.expect("a salvage");
    assert_eq!((done.entries, salvaged.foreign, salvaged.missing), (0, 6, 3), "{done:?}");

    // Appends of a diverged copy in the same segment, with an identical header.
    let folder = filled("salvage-copy", 3).await;
    let other = copy_of(&folder, "salvage-copy-other");
    for (folder, value) in [(&folder, "one"), (&other, "two")] {
        let store = open(folder);
        for n in 0..2 {
            store.set(format!("later/{n}"), value).await.expect("the write succeeds");
        }
        store.shutdown().await.expect("the store closes");
    }
    let ours = fs::read_to_string(log(&folder)).expect("text");
    let theirs = fs::read_to_string(log(&other)).expect("text");
    let (ours, theirs): (Vec<_>, Vec<_>) =
        (ours.split_inclusive('\n').collect(), theirs.split_inclusive('\n').collect());
    let mixed = [&ours[..ours.len() - 2], &theirs[theirs.len() - 2..]].concat().concat();
    fs::write(log(&folder), mixed).expect("a writable file");
    let done = salvage(&folder);
    let salvaged = done.salvaged.expect("a salvage");
    // If the lines before it have other lengths, it is not even an intact append.
    assert!(salvaged.foreign <= 1 && salvaged.missing == 1, "{done:?}");
    assert!(!rows(&folder).iter().any(|row| row.contains("\"two\"")));
}

#[tokio::test]
async fn salvage_keeps_snapshot_entries_newer_than_clear() {
    let folder = fresh("salvage-clear");
    let store = open(&folder);
    store.set("old", "x").await.expect("the write succeeds");
    store.clear().await.expect("the write succeeds");
    store.set("kept", "x").await.expect("the write succeeds");
    store.set("lost", "x").await.expect("the write succeeds");
    store.shutdown().await.expect("the store closes");
    compact(&folder, 1 << 20, &mut |_| {}).expect("a closed journal");
    flip(&files(&folder, "snapshot-")[0], "\"key\":\"lost\"");
    // Only the clear remains intact in the log.
    let log = &files(&folder, "log-")[0];
    for key in ["old", "kept", "lost"] {
        flip(log, &format!("\"key\":\"{key}\""));
    }
    let done = salvage(&folder);
    assert_eq!(done.entries, 1, "{done:?}");
    assert!(rows(&folder)[0].contains("\"key\":\"kept\""));
}

#[tokio::test]
async fn header_of_later_version_is_not_repaired() {
    let folder = filled("header-later", 3).await;
    let log = files(&folder, "log-").pop().expect("a segment");
    let text = fs::read_to_string(&log).expect("text");
    let (header, rest) = text.split_once('\n').expect("a header");
    let (start, _) = header.rsplit_once(",\"crc\"").expect("a checksum");
    let line = format!("{start},\"epoch\":3");
    let header = format!("{line},\"crc\":\"{:08x}\"}}", crc32c::crc32c(line.as_bytes()));
    fs::write(&log, format!("{header}\n{rest}")).expect("a writable file");
    let before = content(&folder);
    let report = check(&folder, &mut |_| {}).expect("a journal");
    let Verdict::Refuse { why } = &report.verdict else { panic!("{report:?}") };
    assert!(why.contains("a later version of mainspring"), "{why}");
    for lost in [false, true] {
        if lost {
            fs::remove_file(folder.join("MANIFEST")).expect("present");
        }
        let error = plan(&folder).expect_err("not damage").to_string();
        assert!(error.contains("use the version of mainspring that wrote it"), "{error}");
    }
    assert_eq!(content(&folder).len(), before.len() - 1);
}
