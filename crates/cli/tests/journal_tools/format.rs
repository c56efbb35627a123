//! Compatibility: journals of every version of the format can be opened.

use std::time::SystemTime;

use mainspring::journal::file::tools::{
    RepairOptions, RestoreTarget, Verdict, check, compact, repair, restore,
};

use crate::folder::{content, files, filled, fresh, open, pinned, rows};

/// The entries of the journal in `tests/data/journal-v1`.
const V1: [&str; 7] = [
    r##"{"key":"a key with\na newline and \"quotes\"","kind":"string","value":"","revision":23,"ttl":null,"created_at":"2026-11-21T22:29:20.103209734Z","updated_at":"2026-11-21T22:29:20.103209734Z"}"##,
    r##"{"key":"batch/1","kind":"string","value":"one","revision":19,"ttl":"2123-10-29T22:29:20.101971889Z","created_at":"2026-11-21T22:29:20.101625565Z","updated_at":"2026-11-21T22:29:20.101971889Z"}"##,
    r##"{"key":"batch/2","kind":"string_slice","value":["two","zwei"],"revision":17,"ttl":null,"created_at":"2026-11-21T22:29:20.101625565Z","updated_at":"2026-11-21T22:29:20.101625565Z"}"##,
    r##"{"key":"empty list","kind":"string_slice","value":[],"revision":24,"ttl":null,"created_at":"2026-11-21T22:29:20.103470671Z","updated_at":"2026-11-21T22:29:20.103470671Z"}"##,
    r##"{"key":"list","kind":"string_slice","value":["b","c","d"],"revision":15,"ttl":"2124-10-28T22:29:19.993861008Z","created_at":"2026-11-21T22:29:19.690388449Z","updated_at":"2026-11-21T22:29:20.101297939Z"}"##,
    r##"{"key":"ключ/ü","kind":"string","value":"значение – “quoted” \"\\ \n\t end","revision":4,"ttl":null,"created_at":"2026-11-21T22:29:19.689508805Z","updated_at":"2026-11-21T22:29:19.689508805Z"}"##,
    r##"{"key":"日本/🚗","kind":"string","value":"速い","revision":20,"ttl":null,"created_at":"2026-11-21T22:29:19.689925162Z","updated_at":"2026-11-21T22:29:20.102244713Z"}"##,
];

/// The entries of the journal in `tests/data/journal-v2`.
const V2: [&str; 7] = [
    r##"{"key":"a key with\na newline and \"quotes\"","kind":"string","value":"","revision":22,"ttl":null,"created_at":"2026-11-27T16:01:50.053700169Z","updated_at":"2026-11-27T16:01:50.053700169Z"}"##,
    r##"{"key":"batch/1","kind":"string","value":"one","revision":17,"ttl":"2124-11-03T16:01:50.022294618Z","created_at":"2026-11-27T16:01:50.01890358Z","updated_at":"2026-11-27T16:01:50.022294618Z"}"##,
    r##"{"key":"batch/2","kind":"string_slice","value":["two","zwei"],"revision":16,"ttl":null,"created_at":"2026-11-27T16:01:50.01890358Z","updated_at":"2026-11-27T16:01:50.01890358Z"}"##,
    r##"{"key":"empty list","kind":"string_slice","value":[],"revision":23,"ttl":null,"created_at":"2026-11-27T16:01:50.062404403Z","updated_at":"2026-11-27T16:01:50.062404403Z"}"##,
    r##"{"key":"list","kind":"string_slice","value":["b","c","d"],"revision":14,"ttl":"2124-11-03T16:01:50.017890299Z","created_at":"2026-11-27T16:01:49.595873681Z","updated_at":"2026-11-27T16:01:50.017890299Z"}"##,
    r##"{"key":"ключ/ü","kind":"string","value":"значение – “quoted” \"\\ \n\t end","revision":4,"ttl":null,"created_at":"2026-11-27T16:01:49.594419668Z","updated_at":"2026-11-27T16:01:49.594419668Z"}"##,
    r##"{"key":"日本/🚗","kind":"string","value":"速い","revision":18,"ttl":null,"created_at":"2026-11-27T16:01:49.595487661Z","updated_at":"2026-11-27T16:01:50.02593378Z"}"##,
];

#[test]
fn format_2_can_be_read() {
    let folder = pinned("v2-read", "journal-v2");
    assert_eq!(rows(&folder), V2);
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!((report.verdict, report.revision), (Verdict::Open, Some(23)));
    // From the log without the snapshot, with every kind of change.
    let into = fresh("v2-log-restored");
    restore(&folder, RestoreTarget::Revision(7), &into, &mut |_| {}).expect("present");
    let _ = std::fs::remove_dir_all(&into);
    restore(&folder, RestoreTarget::Revision(23), &into, &mut |_| {}).expect("present");
    assert_eq!(rows(&into), V2);
}

/// Returns the version of the format of a file.
fn format_of(file: &std::path::Path) -> u64 {
    let text = std::fs::read_to_string(file).expect("text");
    let line = text.lines().next().expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    line["format"].as_u64().expect("a number")
}

#[tokio::test]
async fn format_1_is_converted_by_compaction() {
    let folder = pinned("v1-rewritten", "journal-v1");
    let store = open(&folder);
    assert_eq!(store.set("new", "x").await.expect("the write succeeds"), 25);
    store.shutdown().await.expect("the store closes");
    let formats = |folder: &std::path::Path| -> Vec<_> {
        files(folder, "")
            .iter()
            .filter(|file| !file.ends_with("LOCK"))
            .map(|file| format_of(file))
            .collect()
    };
    // The manifest, so that version 0.1 rejects it, and the new segment.
    assert_eq!(format_of(&folder.join("MANIFEST")), 2);
    assert!(formats(&folder).contains(&1), "the old segments must not change");
    let before = rows(&folder);
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    assert!(formats(&folder).iter().all(|format| *format == 2), "{:?}", files(&folder, ""));
    assert_eq!(rows(&folder), before);
    assert_eq!(rows(&folder)[1..].len(), V1.len());
}

/// Creates a journal with an additional line that has correct checksums.
async fn with_line(name: &str, line: &str) -> std::path::PathBuf {
    let folder = filled(name, 2).await;
    let log = files(&folder, "log-").pop().expect("a segment");
    let text = std::fs::read_to_string(&log).expect("text");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    // Replaces the close mark.
    let last = lines[lines.len() - 2];
    let before: usize = lines[..lines.len() - 1].iter().map(|line| line.len()).sum();
    let prev = crc32c::crc32c(last.as_bytes());
    let line = line.strip_suffix('}').expect("an object");
    let line = format!("{line},\"lines\":1,\"synced\":{before},\"prev\":\"{prev:08x}\"");
    let line = format!("{line},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(line.as_bytes()));
    std::fs::write(&log, [&text[..before], &line].concat()).expect("a writable file");
    folder
}

#[tokio::test]
async fn unknown_record_or_member_prevents_start() {
    let time = "\"time\":\"2026-11-21T22:29:20Z\"";
    let known = format!(r#"{{"revision":3,{time},"key":"k","change":"removed"}}"#);
    let folder = with_line("known-record", &known).await;
    assert_eq!(check(&folder, &mut |_| {}).expect("a journal").revision, Some(3));
    for (n, (members, expected)) in [
        (r#""change":"jumped""#, "unknown record \"jumped\""),
        (r#""change":"moved","from":0,"length":1"#, "a later version of mainspring"),
        (r#""change":"incremented","value":7"#, "a later version of mainspring"),
        (r#""change":"removed","id":"a""#, "a later version of mainspring"),
        (r#""change":"removed","epoch":7"#, "a later version of mainspring"),
        (r#""change":"removed","store":"other""#, "a later version of mainspring"),
        (r#""change":"removed","color":"red""#, "unknown field `color`"),
        (r#""change":"set","kind":"tree","value":1,"ttl":null"#, "tree"),
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!(r#"{{"revision":3,{time},"key":"k",{members}}}"#);
        let folder = with_line(&format!("unknown-record-{n}"), &line).await;
        let before = content(&folder);
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert!(
            matches!(&report.verdict, Verdict::Refuse { why } if why.contains(expected)),
            "{report:?}"
        );
        let store = open(&folder);
        let error = store.ready().await.expect_err("rejected").to_string();
        assert!(error.contains(expected), "{members}: {error}");
        drop(store);
        let error = repair(&folder, RepairOptions::default().write(true), &mut |_| {});
        let error = error.expect_err("not damage").to_string();
        assert!(error.contains("use the version of mainspring that wrote it"), "{error}");
        assert_eq!(content(&folder), before, "the directory must not change");
    }
}

#[test]
fn format_1_can_be_read() {
    let folder = pinned("v1-read", "journal-v1");
    assert_eq!(rows(&folder), V1);
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!((report.verdict, report.revision), (Verdict::Open, Some(24)));
}

/// From the log without the snapshot, with every command.
#[test]
fn format_1_can_be_read_without_snapshot() {
    let folder = pinned("v1-log", "journal-v1");
    let into = fresh("v1-log-restored");
    let mut counts = Vec::new();
    for revision in [1, 2, 7, 11, 12, 13, 18, 24] {
        let _ = std::fs::remove_dir_all(&into);
        restore(&folder, RestoreTarget::Revision(revision), &into, &mut |_| {}).expect("present");
        counts.push((revision, rows(&into).len()));
    }
    // The deadline of the twelfth change has passed.
    assert_eq!(counts, [(1, 1), (2, 0), (7, 4), (11, 4), (12, 4), (13, 4), (18, 5), (24, 7)],);
    assert_eq!(rows(&into), V1);
}

#[tokio::test]
async fn store_starts_from_format_1() {
    let folder = pinned("v1-served", "journal-v1");
    let store = open(&folder);
    let page = store.scan("").limit(100).await.expect("the store starts");
    assert_eq!((page.revision, page.items.len()), (24, V1.len()));
    for ((key, entry), row) in page.items.iter().zip(V1) {
        let row: serde_json::Value = serde_json::from_str(row).expect("JSON");
        let value = match entry.item() {
            Some(item) => serde_json::json!(item),
            None => serde_json::json!(entry.list()),
        };
        let time = |time: mainspring::Timestamp| {
            let time = jiff::Timestamp::try_from(SystemTime::from(time)).expect("in range");
            serde_json::json!(time.to_string())
        };
        let ttl = entry.expires_at.map_or(serde_json::Value::Null, time);
        assert_eq!(row["key"], key.as_str());
        assert_eq!((&row["value"], &row["ttl"]), (&value, &ttl), "{key}");
        assert_eq!(row["revision"], entry.revision);
        assert_eq!(row["created_at"], time(entry.created_at));
        assert_eq!(row["updated_at"], time(entry.updated_at));
    }
    assert_eq!(store.set("new", "x").await.expect("the write succeeds"), 25);
    store.shutdown().await.expect("the store closes");
}
