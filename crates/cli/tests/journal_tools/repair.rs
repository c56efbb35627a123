//! Repair of damaged journals.

use std::fs;
use std::path::Path;

use mainspring::journal::file::FileError;
use mainspring::journal::file::tools::{
    ProblemKind, RepairOptions, RepairReport, RepairStep, Verdict, check, compact, import, stat,
};

use crate::folder::{backup_of, content, files, filled, flip, open, rows};

fn repair(folder: &Path, write: bool) -> Result<RepairReport, FileError> {
    let options = RepairOptions::default().write(write);
    mainspring::journal::file::tools::repair(folder, options, &mut |_| {})
}

/// Repairs a directory and verifies that the changes up to a revision are kept and that the backup is complete.
async fn assert_repaired(folder: &Path, revision: u64, seen: u64) -> Vec<RepairStep> {
    let before = content(folder);
    let old = stat(folder).ok().map(|stat| stat.store);
    let planned = repair(folder, false).expect("a repairable journal");
    assert_eq!((planned.revision, planned.seen), (revision, seen));
    assert_eq!((&planned.backup, &planned.store), (&None, &None));
    assert_eq!(content(folder), before, "the directory must not change");

    let done = repair(folder, true).expect("a repairable journal");
    let steps = |steps: &[RepairStep]| steps.len();
    assert_eq!(steps(&done.steps), steps(&planned.steps));
    assert_eq!((done.revision, done.seen), (revision, seen));
    assert_ne!(done.store, old);
    assert_eq!(done.backup.as_deref(), Some(&*backup_of(folder)));
    let names = |content: Vec<(std::path::PathBuf, Vec<u8>)>| -> Vec<_> {
        content
            .into_iter()
            .map(|(path, bytes)| (path.file_name().map(Into::into), bytes))
            .collect::<Vec<(Option<std::ffi::OsString>, _)>>()
    };
    assert_eq!(names(content(&backup_of(folder))), names(before));

    let report = check(folder, &mut |_| {}).expect("a journal");
    assert_eq!((report.verdict.clone(), report.revision), (Verdict::Open, Some(revision)));
    assert!(!report.is_damaged(), "{report:?}");
    assert!(repair(folder, true).expect("an intact backup").steps.is_empty());
    let store = open(folder);
    assert_eq!(store.set("after", "x").await.expect("the store starts"), revision + 1);
    store.shutdown().await.expect("the store closes");
    done.steps
}

#[tokio::test]
async fn changes_before_damage_are_kept() {
    let folder = filled("repair-prefix", 40).await;
    let segments = files(&folder, "log-");
    // Damage the third change of the second segment.
    let text = fs::read_to_string(&segments[1]).expect("text");
    let third = text.lines().nth(3).expect("a line").to_owned();
    let revision: u64 =
        third[12..].split(',').next().and_then(|n| n.parse().ok()).expect("a number");
    flip(&segments[1], &third[20..]);
    let steps = assert_repaired(&folder, revision - 1, 40).await;
    assert!(matches!(&steps[0], RepairStep::Cut { .. }), "{steps:?}");
    let cut =
        files(&folder, "log-").into_iter().find(|file| file.to_string_lossy().contains(".cut-"));
    let cut = fs::read_to_string(cut.expect("kept")).expect("text");
    assert_eq!(cut.lines().next().map(str::len), Some(third.len()));
    assert_eq!(rows(&folder).len() as u64, revision);
}

#[tokio::test]
async fn snapshot_after_damage_keeps_everything() {
    let folder = filled("repair-snapshot", 40).await;
    let store = open(&folder);
    let done = {
        store.shutdown().await.expect("the store closes");
        compact(&folder, u64::MAX, &mut |_| {}).expect("a closed journal")
    };
    assert_eq!(done.revision, 40);
    flip(&files(&folder, "log-")[0], "value 3");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    // A start does not read it; only subscribers that resume at old revisions do.
    assert_eq!(report.verdict, Verdict::Open);
    assert!(report.is_damaged());
    assert_repaired(&folder, 40, 40).await;
    assert_eq!(rows(&folder).len(), 41);
}

#[tokio::test]
async fn missing_manifest_is_rebuilt() {
    for (name, damage) in [("missing", None), ("damaged", Some("\"sync\""))] {
        let folder = filled(&format!("repair-{name}"), 40).await;
        compact(&folder, 3_000, &mut |_| {}).expect("a closed journal");
        let store = open(&folder);
        for n in 0..20 {
            store.set(format!("later/{n}"), "x".repeat(100)).await.expect("the write succeeds");
        }
        store.shutdown().await.expect("the store closes");
        let expected = rows(&folder);
        let manifest = folder.join("MANIFEST");
        match damage {
            None => fs::remove_file(manifest).expect("present"),
            Some(text) => drop(flip(&manifest, text)),
        }
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert!(matches!(report.verdict, Verdict::Refuse { .. }), "{report:?}");
        assert_repaired(&folder, 60, 60).await;
        assert_eq!(rows(&folder)[1..], expected[..]);
    }
}

#[tokio::test]
async fn damaged_snapshot_is_dropped_if_log_is_complete() {
    let folder = filled("repair-log", 40).await;
    compact(&folder, u64::MAX, &mut |_| {}).expect("a closed journal");
    flip(&files(&folder, "snapshot-")[0], "value 7");
    assert_eq!(rows(&folder).len(), 40, "a start does not need the snapshot");
    let steps = assert_repaired(&folder, 40, 40).await;
    assert!(
        matches!(&steps[0], RepairStep::Drop { file } if file.starts_with("snapshot-")),
        "{steps:?}"
    );
    assert_eq!(rows(&folder).len(), 41);
}

#[tokio::test]
async fn repair_without_intact_prefix_is_rejected() {
    let folder = filled("repair-nothing", 40).await;
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    flip(&files(&folder, "snapshot-")[0], "value 7");
    let before = content(&folder);
    let error = repair(&folder, true).expect_err("no repairable prefix").to_string();
    assert!(error.contains("nothing can be kept"), "{error}");
    assert_eq!(content(&folder), before);
}

#[tokio::test]
async fn incomplete_end_needs_no_repair() {
    let folder = filled("repair-torn", 4).await;
    let last = files(&folder, "log-").pop().expect("a segment");
    let mut bytes = fs::read(&last).expect("a readable file");
    bytes.extend_from_slice(b"{\"revision\":5,");
    fs::write(&last, bytes).expect("a writable file");
    let done = repair(&folder, true).expect("a journal");
    assert!(done.steps.is_empty() && done.backup.is_none(), "{done:?}");
    assert_eq!(done.revision, 4);
}

#[tokio::test]
async fn repair_of_running_store_is_rejected() {
    let folder = filled("repair-running", 4).await;
    let store = open(&folder);
    store.ready().await.expect("the store starts");
    let error = repair(&folder, true).expect_err("the journal is open");
    assert!(matches!(error, FileError::Locked { .. }), "{error}");
    store.shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn damage_at_any_byte_of_segment_is_repaired() {
    let folder = filled("repair-every", 12).await;
    let whole = content(&folder);
    let first = files(&folder, "log-")[0].clone();
    let bytes = fs::read(&first).expect("a readable file");
    let length = bytes.len();
    let header = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for at in (0..length).step_by(7) {
        let _ = fs::remove_dir_all(backup_of(&folder));
        for file in files(&folder, "") {
            fs::remove_file(file).expect("a removable file");
        }
        for (path, bytes) in &whole {
            fs::write(path, bytes).expect("a writable file");
        }
        let mut bytes = fs::read(&first).expect("a readable file");
        bytes[at] ^= 4;
        fs::write(&first, bytes).expect("a writable file");
        let done = repair(&folder, true).expect("a repairable journal");
        if at < header {
            assert_eq!(done.revision, 12, "byte {at}: everything except the header is intact");
        }
        assert!(!done.steps.is_empty(), "byte {at}");
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert_eq!(
            (report.verdict, report.revision),
            (Verdict::Open, Some(done.revision)),
            "byte {at}"
        );
        assert_eq!(rows(&folder).len() as u64, done.revision, "byte {at}");
    }
}

#[tokio::test]
async fn damaged_header_is_restored_without_loss() {
    // The first segment, one in the middle, and the last one; with and without the manifest.
    for (lost, index) in [(false, 0), (false, 2), (false, 9), (true, 0), (true, 2), (true, 9)] {
        let folder = filled(&format!("repair-header-{lost}-{index}"), 40).await;
        let segments = files(&folder, "log-");
        let segment = &segments[index.min(segments.len() - 1)];
        flip(segment, "store");
        if lost {
            fs::remove_file(folder.join("MANIFEST")).expect("present");
        }
        let report = check(&folder, &mut |_| {}).expect("a journal");
        let name = segment.file_name().expect("a file name").to_string_lossy();
        let checked = report.files.iter().find(|file| file.name == name).expect("reported");
        assert_eq!(
            checked.problem.as_ref().map(|problem| problem.kind),
            Some(ProblemKind::Damaged)
        );
        let steps = assert_repaired(&folder, 40, 40).await;
        let header =
            |step: &&RepairStep| matches!(step, RepairStep::Header { file } if *file == name);
        assert_eq!(steps.iter().filter(header).count(), 1, "{steps:?}");
        assert!(!steps.iter().any(|step| matches!(step, RepairStep::Cut { .. })), "{steps:?}");
        assert_eq!(rows(&folder).len(), 41);
    }
}

#[tokio::test]
async fn overwritten_segment_ends_prefix() {
    let folder = filled("repair-beginning", 40).await;
    let segment = files(&folder, "log-").swap_remove(2);
    let bytes = fs::read(&segment).expect("a readable file");
    fs::write(&segment, vec![b'x'; bytes.len()]).expect("a writable file");
    fs::remove_file(folder.join("MANIFEST")).expect("present");
    let base: u64 =
        segment.file_stem().expect("a file name").to_string_lossy()[4..].parse().expect("n");
    assert_repaired(&folder, base, 40).await;

    let folder = filled("repair-no-beginning", 40).await;
    let segment = files(&folder, "log-").swap_remove(0);
    fs::write(&segment, "").expect("a writable file");
    let error = repair(&folder, true).expect_err("no repairable prefix").to_string();
    assert!(error.contains("nothing can be kept"), "{error}");
}

/// Changes the first line of a file to the next version of the format.
fn set_next_format(file: &Path) {
    let bytes = fs::read(file).expect("a readable file");
    let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
    let line = std::str::from_utf8(&bytes[..end]).expect("text");
    let (start, _) = line.rsplit_once(",\"crc\"").expect("a sum");
    let line = start.replace("\"format\":2", "\"format\":3");
    assert_ne!(line, start);
    let line = format!("{line},\"crc\":\"{:08x}\"}}", crc32c::crc32c(line.as_bytes()));
    fs::write(file, [line.as_bytes(), &bytes[end..]].concat()).expect("a writable file");
}

#[tokio::test]
async fn unknown_format_is_not_repaired() {
    for (name, prefix, lost) in [
        ("manifest", "MANIFEST", false),
        ("segment", "log-", false),
        ("last", "log-", false),
        ("snapshot", "snapshot-", false),
        ("lost", "log-", true),
        ("lost-snapshot", "snapshot-", true),
    ] {
        let folder = filled(&format!("repair-format-{name}"), 40).await;
        if prefix == "snapshot-" {
            compact(&folder, u64::MAX, &mut |_| {}).expect("a closed journal");
        }
        let mut candidates = files(&folder, prefix);
        let file =
            if name == "last" { candidates.pop().expect("one") } else { candidates.remove(0) };
        set_next_format(&file);
        if lost {
            fs::remove_file(folder.join("MANIFEST")).expect("present");
        }
        let before = content(&folder);

        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert!(report.is_damaged(), "{name}: {report:?}");
        let problems = report.files.iter().filter_map(|file| file.problem.as_ref());
        let is_expected = |problem: &mainspring::journal::file::tools::Problem| {
            problem.kind == ProblemKind::Unreadable
                && problem.what.contains("unknown format 3")
                && problem.what.contains("use a version that reads format 3")
        };
        assert!(problems.chain(&report.manifest).any(is_expected), "{name}: {report:?}");

        let error = repair(&folder, true).expect_err("not damage").to_string();
        assert!(error.contains("unknown format 3"), "{name}: {error}");
        let store = open(&folder);
        let error = store.ready().await.expect_err("unreadable").to_string();
        match lost {
            true => assert!(error.contains("the MANIFEST is missing"), "{name}: {error}"),
            false => assert!(error.contains("unknown format 3"), "{name}: {error}"),
        }
        drop(store);
        let error = import(&b"{}"[..], &folder, &mut |_| {}).expect_err("an existing journal");
        assert!(!matches!(error, FileError::Damaged { .. }), "{name}: {error}");
        assert_eq!(content(&folder), before, "{name}: the directory must not change");
        assert!(!backup_of(&folder).exists(), "{name}");
    }
}
