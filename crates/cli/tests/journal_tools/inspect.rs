//! Inspection of a journal, with and without a running store.

use std::fs;

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::journal::file::FileError;
use mainspring::journal::file::tools::{Dump, ProblemKind, Verdict, check, compact, export, stat};
use serde_json::value::RawValue;

use crate::folder::{content, files, filled, flip, fresh, open, pinned, rows};

const NONE: [u64; 0] = [];

fn lines(dump: &mut Dump) -> Vec<u64> {
    let next = || dump.next_line().expect("a readable file").map(|line| line.revision);
    std::iter::from_fn(next).collect()
}

#[tokio::test]
async fn intact_journal_is_reported_and_not_changed() {
    let folder = filled("intact", 40).await;
    let before = content(&folder);
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!((&report.verdict, report.revision), (&Verdict::Open, Some(40)));
    assert!(!report.is_damaged());
    assert!(report.files.len() > 3, "{report:?}");

    let stat = stat(&folder).expect("a journal");
    assert_eq!((stat.revision, stat.oldest, stat.closed), (40, 0, true));
    assert_eq!((&*stat.sync, stat.segments.len()), ("always", report.files.len()));
    assert_eq!(Some(stat.store), report.store);
    assert_eq!(rows(&folder).len(), 40);
    assert_eq!(content(&folder), before);
}

#[tokio::test]
async fn reading_tools_work_while_store_is_running() {
    let folder = fresh("beside");
    let store = open(&folder);
    let mut progress = 0;
    for n in 0..30 {
        store.set(format!("key/{n}"), "x").await.expect("the write succeeds");
        progress = n + 1;
    }
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!((report.verdict, report.revision), (Verdict::Open, Some(progress)));
    let stat = stat(&folder).expect("a journal");
    assert_eq!((stat.revision, stat.closed), (30, false));
    assert_eq!(rows(&folder).len(), 30);
    let error = compact(&folder, 0, &mut |_| {}).expect_err("the journal is open");
    assert!(matches!(error, FileError::Locked { .. }), "{error}");
    store.shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn incomplete_end_is_reported_as_cut() {
    let folder = filled("torn", 3).await;
    let last = files(&folder, "log-").pop().expect("a segment");
    let mut bytes = fs::read(&last).expect("a readable file");
    let whole = bytes.len();
    bytes.extend_from_slice(b"{\"revision\":4,\"command\":\"se");
    fs::write(&last, bytes).expect("a writable file");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    let Verdict::Cut { offset, .. } = report.verdict else { panic!("{report:?}") };
    assert_eq!((offset, report.revision, report.is_damaged()), (whole as u64, Some(3), false));
    assert_eq!(rows(&folder).len(), 3);
    assert_eq!(lines(&mut Dump::open(&folder, None, None).expect("a journal")), [1, 2, 3]);
}

#[tokio::test]
async fn damage_is_reported_with_its_file() {
    let folder = filled("damage", 40).await;
    let segment = files(&folder, "log-").swap_remove(1);
    flip(&segment, "value 1");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert!(
        matches!(&report.verdict, Verdict::Refuse { why } if why.contains("repair")),
        "{report:?}"
    );
    let bad: Vec<_> = report.files.iter().filter(|file| file.problem.is_some()).collect();
    assert_eq!(bad.len(), 1);
    assert!(segment.ends_with(&bad[0].name));
    assert_eq!(bad[0].problem.as_ref().map(|problem| problem.kind), Some(ProblemKind::Damaged));
    let error = export(&folder, Vec::new(), &mut |_| {}).expect_err("damaged");
    assert!(matches!(error, FileError::Damaged { .. }), "{error}");
    let mut dump = Dump::open(&folder, None, None).expect("a journal");
    let error = std::iter::repeat_with(|| dump.next_line()).find_map(Result::err);
    assert!(matches!(error, Some(FileError::Damaged { .. })), "{error:?}");
}

#[test]
fn missing_journal_is_reported() {
    for folder in [fresh("nowhere"), fresh("empty")] {
        if folder.ends_with("journal-tools-empty") {
            fs::create_dir_all(&folder).expect("a directory");
        }
        let error = check(&folder, &mut |_| {}).expect_err("no journal");
        assert!(matches!(error, FileError::Missing { .. }), "{error}");
        assert!(matches!(stat(&folder), Err(FileError::Missing { .. })));
        assert!(matches!(Dump::open(&folder, None, None), Err(FileError::Missing { .. })));
    }
}

#[test]
fn dump_returns_lines_of_log() {
    let folder = pinned("dump", "journal-v1");
    let all: Vec<_> = files(&folder, "log-")
        .iter()
        .flat_map(|file| {
            fs::read_to_string(file).expect("text").lines().map(String::from).collect::<Vec<_>>()
        })
        .filter(|line| line.starts_with("{\"revision\"") && !line.contains("\"close\""))
        .collect();
    let mut dump = Dump::open(&folder, None, None).expect("a journal");
    let dumped: Vec<_> = std::iter::from_fn(|| dump.next_line().expect("an intact line"))
        .map(|line| line.text)
        .collect();
    assert_eq!(dumped, all);

    // A batch is one line, for every requested revision in it.
    let dump = |from, to| lines(&mut Dump::open(&folder, from, to).expect("a journal"));
    assert_eq!(dump(Some(15), Some(17)), [15, 18]);
    assert_eq!(dump(Some(23), None), [23, 24]);
    assert_eq!(dump(Some(25), None), NONE);
}

#[tokio::test]
async fn dump_follows_store_across_segments() {
    let folder = fresh("follow");
    let store = open(&folder);
    store.set("first", "x").await.expect("the write succeeds");
    let mut dump = Dump::open(&folder, None, Some(50)).expect("a journal");
    let mut dumped = lines(&mut dump);
    for _ in 1..50 {
        store.set("key", "x".repeat(100)).await.expect("the write succeeds");
        dumped.extend(lines(&mut dump));
    }
    assert_eq!(dumped, (1..=50).collect::<Vec<_>>());
    assert!(dump.is_done());
    store.shutdown().await.expect("the store closes");
    assert!(files(&folder, "log-").len() > 3);
}

#[tokio::test]
async fn dump_of_compacted_revision_is_rejected() {
    let folder = filled("compacted", 40).await;
    let store = open(&folder);
    for n in 0..20 {
        store.set("key/0000", format!("value {n}")).await.expect("the write succeeds");
    }
    store.shutdown().await.expect("the store closes");
    let done = compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    assert_eq!((done.revision, done.entries), (60, 40));
    assert!(done.after < done.before, "{done:?}");
    assert_eq!(rows(&folder).len(), 40);
    let error = Dump::open(&folder, Some(1), None).expect_err("compacted").to_string();
    assert!(error.contains("its oldest change is revision 61"), "{error}");
    assert_eq!(lines(&mut Dump::open(&folder, None, None).expect("a journal")), NONE);

    // Compacts again, and the store continues.
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    let store = open(&folder);
    assert_eq!(store.set("key/0000", "y").await.expect("the write succeeds"), 61);
    store.shutdown().await.expect("the store closes");
    assert_eq!(check(&folder, &mut |_| {}).expect("a journal").verdict, Verdict::Open);
}

#[tokio::test]
async fn dump_at_end_of_log_survives_compaction() {
    let folder = filled("dump-compacted", 40).await;
    let mut all = Dump::open(&folder, None, None).expect("a journal");
    assert_eq!(lines(&mut all), (1..=40).collect::<Vec<_>>());
    let mut behind = Dump::open(&folder, None, None).expect("a journal");
    behind.next_line().expect("a readable file");
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    assert_eq!(lines(&mut all), NONE);
    let store = open(&folder);
    store.set("key", "x").await.expect("the write succeeds");
    assert_eq!(lines(&mut all), [41]);
    store.shutdown().await.expect("the store closes");
    let error = std::iter::repeat_with(|| behind.next_line()).find_map(Result::err);
    let error = error.expect("compacted").to_string();
    assert!(error.contains("its oldest change is revision 41"), "{error}");
}

#[tokio::test]
async fn failed_compaction_closes_log() {
    let folder = filled("compact-fails", 10).await;
    // A directory that has the name of the file.
    fs::create_dir(folder.join("snapshot.tmp")).expect("a directory");
    compact(&folder, 0, &mut |_| {}).expect_err("not writable");
    fs::remove_dir(folder.join("snapshot.tmp")).expect("present");
    let stat = stat(&folder).expect("a journal");
    assert_eq!((stat.closed, stat.revision), (true, 10));
    assert_eq!(rows(&folder).len(), 10);
}

/// Elements that serialize as JSON on several lines are written on one line.
#[tokio::test]
async fn newline_in_element_does_not_end_line() {
    let folder = fresh("raw");
    let start = || Store::<Box<RawValue>>::builder().journal(FileJournal::open(&folder)).spawn();
    let store = start();
    let raw = |text: &str| RawValue::from_string(text.into()).expect("JSON");
    store.set("item", raw("{\n\t\"pi\": 3.1400\n}")).await.expect("the write succeeds");
    store.set("list", vec![raw("[\n1e400]"), raw("\"a\\nb\"")]).await.expect("the write succeeds");
    store.shutdown().await.expect("the store closes");
    let store = start();
    let item = store.get("item").await.expect("the store starts").expect("present");
    assert_eq!(item.item().map(|raw| raw.get()), Some("{ \t\"pi\": 3.1400 }"));
    store.shutdown().await.expect("the store closes");
    assert_eq!(rows(&folder).len(), 2);
    assert!(rows(&folder)[1].contains(r#""kind":"json_slice","value":[[ 1e400],"a\nb"]"#));
}
