//! Repairs of every kind of damage that a start refuses, and what a salvage keeps behind it.

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

/// The directory as it was.
fn put_back(folder: &Path, whole: &[(PathBuf, Vec<u8>)]) {
    for file in files(folder, "") {
        fs::remove_file(file).expect("a removable file");
    }
    for (path, bytes) in whole {
        fs::write(path, bytes).expect("a writable file");
    }
}

async fn starts_at(folder: &Path, revision: u64) {
    let report = check(folder, &mut |_| {}).expect("a journal");
    assert_eq!((&report.verdict, report.revision), (&Verdict::Open, Some(revision)));
    let store = open(folder);
    assert_eq!(store.set("after", "x").await.expect("the store starts"), revision + 1);
    store.shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn log_that_ends_before_its_snapshot_is_repaired() {
    let folder = filled("repair-ends-early", 40).await;
    compact(&folder, 1 << 20, &mut |_| {}).expect("a closed journal");
    let whole = content(&folder);
    let last = files(&folder, "log-").pop().expect("a segment");
    let segments = files(&folder, "log-");
    for (name, damage) in
        [("emptied", Some(Vec::new())), ("newlines", Some(vec![b'\n'; 200])), ("removed", None)]
    {
        for victims in [vec![last.clone()], segments.clone()] {
            put_back(&folder, &whole);
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
            starts_at(&folder, 40).await;
        }
    }
}

#[tokio::test]
async fn log_cut_at_a_line_is_repaired_and_the_loss_is_counted() {
    let folder = filled("repair-cut", 8).await;
    let old = check(&folder, &mut |_| {}).expect("a journal").store;
    let last = files(&folder, "log-").pop().expect("a segment");
    let text = fs::read_to_string(&last).expect("text");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    // The close mark, and two changes.
    fs::write(&last, lines[..lines.len() - 3].concat()).expect("a writable file");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    let Verdict::Refuse { why } = &report.verdict else { panic!("{report:?}") };
    assert!(why.contains("mainspring backup"), "{why}");
    let planned = plan(&folder).expect("a repairable journal");
    assert_eq!((planned.revision, planned.seen, planned.entries), (6, 8, 6), "{planned:?}");
    let done = write(&folder).expect("a repairable journal");
    assert_ne!(done.store, old);
    starts_at(&folder, 6).await;
}

#[tokio::test]
async fn segments_of_two_histories_are_not_joined() {
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
    // Also without the manifest, which would have told.
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
async fn every_truncation_that_a_start_refuses_is_repaired_or_salvaged() {
    let folder = filled("repair-truncations", 24).await;
    compact(&folder, 1 << 20, &mut |_| {}).expect("a closed journal");
    let store = open(&folder);
    for n in 0..4 {
        store.set(format!("later/{n}"), "x").await.expect("the write succeeds");
    }
    store.shutdown().await.expect("the store closes");
    let whole = content(&folder);
    let mut counts = [0; 4];
    for (path, bytes) in &whole {
        for length in (0..bytes.len()).step_by(41) {
            put_back(&folder, &whole);
            fs::write(path, &bytes[..length]).expect("a writable file");
            let place = format!("{} {length}", path.display());
            let report = check(&folder, &mut |_| {}).expect("a journal");
            if !matches!(report.verdict, Verdict::Refuse { .. }) {
                counts[0] += 1;
                continue;
            }
            let done = match write(&folder) {
                Ok(done) => done,
                Err(error) => {
                    assert!(error.to_string().contains("--salvage"), "{place}: {error}");
                    counts[2] += 1;
                    salvage(&folder)
                }
            };
            assert!(!done.steps.is_empty(), "{place}");
            counts[1] += 1;
            let report = check(&folder, &mut |_| {}).expect("a journal");
            let is = (report.verdict, report.revision);
            assert_eq!(is, (Verdict::Open, Some(done.revision)), "{place}");
            assert_eq!(rows(&folder).len() as u64, done.entries, "{place}");
            counts[3] += 1;
        }
    }
    assert!(counts[1] > 0, "{counts:?}");
}

#[tokio::test]
async fn salvage_keeps_the_changes_behind_the_damage() {
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
    starts_at(&folder, 40).await;
}

#[tokio::test]
async fn salvage_without_snapshot_and_beginning_keeps_what_is_whole() {
    let folder = filled("salvage-nothing", 40).await;
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    let snapshot = &files(&folder, "snapshot-")[0];
    flip(snapshot, "value 7");
    let error = plan(&folder).expect_err("no repairable prefix").to_string();
    assert!(error.contains("nothing can be kept") && error.contains("--salvage"), "{error}");
    let done = salvage(&folder);
    assert_eq!((done.revision, done.entries), (40, 39), "{done:?}");
    starts_at(&folder, 40).await;
}

#[tokio::test]
async fn salvage_leaves_out_what_does_not_fit() {
    let folder = fresh("salvage-unfit");
    let store = open(&folder);
    store.set("list", vec!["a".to_owned()]).await.expect("the write succeeds");
    store.set("other", "x").await.expect("the write succeeds");
    store.push("list", "b").await.expect("the write succeeds");
    store.push("list", "c").await.expect("the write succeeds");
    store.pop("list").await.expect("the write succeeds");
    store.pop("list").await.expect("the write succeeds");
    store.shutdown().await.expect("the store closes");
    // The push of b is lost: that of c would make a list of three, and its pop one of two.
    flip(&files(&folder, "log-")[0], "\"element\":\"b\"");
    let done = salvage(&folder);
    let salvaged = done.salvaged.expect("a salvage");
    assert_eq!((salvaged.missing, salvaged.unfit), (1, 3), "{done:?}");
    let list = rows(&folder).into_iter().find(|row| row.contains("\"key\":\"list\""));
    assert!(list.expect("kept").contains("\"value\":[\"a\"]"));
    starts_at(&folder, 6).await;
}

/// Another directory with the same content.
fn copy_of(folder: &Path, name: &str) -> PathBuf {
    let other = fresh(name);
    fs::create_dir_all(&other).expect("a new directory");
    for (path, bytes) in content(folder) {
        fs::write(other.join(path.file_name().expect("a file name")), bytes).expect("a copy");
    }
    other
}

#[tokio::test]
async fn older_manifest_is_repaired_from_the_files_beside_it() {
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
        let whole = rows(&folder);
        fs::write(folder.join("MANIFEST"), older).expect("a writable file");
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert!(matches!(report.verdict, Verdict::Refuse { .. }), "{report:?}");
        let done = write(&folder).expect("a repairable journal");
        assert_eq!((done.revision, done.seen, done.entries), (40, 40, 40), "{done:?}");
        assert_eq!(rows(&folder), whole);
        starts_at(&folder, 40).await;
    }
}

#[tokio::test]
async fn salvage_takes_nothing_of_another_store() {
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

    // Appends of another copy in the same segment, whose header is the same.
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
    // Where the lines before it are not as long, it is not even an append.
    assert!(salvaged.foreign <= 1 && salvaged.missing == 1, "{done:?}");
    assert!(!rows(&folder).iter().any(|row| row.contains("\"two\"")));
}

#[tokio::test]
async fn salvage_keeps_entries_of_a_damaged_snapshot_that_are_newer_than_a_clear() {
    let folder = fresh("salvage-clear");
    let store = open(&folder);
    store.set("old", "x").await.expect("the write succeeds");
    store.clear().await.expect("the write succeeds");
    store.set("kept", "x").await.expect("the write succeeds");
    store.set("lost", "x").await.expect("the write succeeds");
    store.shutdown().await.expect("the store closes");
    compact(&folder, 1 << 20, &mut |_| {}).expect("a closed journal");
    flip(&files(&folder, "snapshot-")[0], "\"key\":\"lost\"");
    // The log has only the clear left.
    let log = &files(&folder, "log-")[0];
    for key in ["old", "kept", "lost"] {
        flip(log, &format!("\"key\":\"{key}\""));
    }
    let done = salvage(&folder);
    assert_eq!(done.entries, 1, "{done:?}");
    assert!(rows(&folder)[0].contains("\"key\":\"kept\""));
}

#[tokio::test]
async fn header_of_a_later_version_is_neither_damage_nor_rewritten() {
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
        assert!(error.contains("use the version that wrote it"), "{error}");
    }
    assert_eq!(content(&folder).len(), before.len() - 1);
}
