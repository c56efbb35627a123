//! Entries that come from elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mainspring::journal::file::tools::{Format, ImportReport, TornLine, Verdict, check, import};

use crate::folder::{exported, filled, fresh, open, pinned, rows, without_deadline};

fn take(text: &str, folder: &Path) -> Result<ImportReport, String> {
    import(text.as_bytes(), folder, &mut |_| {}).map_err(|error| error.to_string())
}

fn refused(name: &str, text: &str, why: &str) {
    let folder = fresh(name);
    let error = take(text, &folder).expect_err(text);
    assert!(error.contains(why), "{error}");
    assert!(!folder.exists(), "nothing was begun");
}

/// The sample of document 002.
const LOG: &str = r#"{"command":"set","key":"test","time":"2025-06-20T16:54:21.911793+02:00","value":"Test1","ttl":"2095-06-20T17:54:21.911793+02:00","kind":0,"created_at":"2025-06-20T16:54:21.911792+02:00","updated_at":"2025-06-20T16:54:21.911792+02:00"}
{"command":"update","key":"test","time":"2025-06-20T16:54:32.216356+02:00","value":["Test1"],"ttl":"2095-06-20T16:54:42.216356+02:00","kind":1,"created_at":"2025-06-20T16:54:21.911792+02:00","updated_at":"2025-06-20T16:54:32.216355+02:00"}
{"command":"push","key":"test","time":"2025-06-20T16:54:34.434883+02:00","value":"test2","ttl":"0001-01-01T00:00:00Z","kind":0,"created_at":"0001-01-01T00:00:00Z","updated_at":"2025-06-20T16:54:34.434883+02:00"}
"#;

const REMOVE: &str = r#"{"command":"remove","key":"test","time":"2025-06-20T16:54:37.87889+02:00"}
"#;

const POP: &str = r#"{"command":"pop","key":"test","time":"2026-11-21T08:42:38.300599334Z","value":null,"ttl":"0001-01-01T00:00:00Z","kind":0,"created_at":"0001-01-01T00:00:00Z","updated_at":"2026-11-21T08:42:38.300599334Z"}
"#;

const NO_TTL: &str = r#"{"command":"set","key":"stays","time":"2025-06-20T16:54:21.911793+02:00","value":"x","ttl":"0001-01-01T00:00:00Z","kind":0,"created_at":"2025-06-20T16:54:21.911792+02:00","updated_at":"2025-06-20T16:54:21.911792+02:00"}
"#;

#[test]
fn a_log_of_document_002() {
    let folder = fresh("import-002");
    let done = take(LOG, &folder).expect("it is a log");
    assert_eq!((done.format, done.entries, done.revision), (Format::Log002, 1, 3));
    assert_eq!(
        rows(&folder),
        [
            r#"{"key":"test","kind":"string_slice","value":["Test1","test2"],"revision":3,"ttl":"2095-06-20T14:54:42.216356Z","created_at":"2025-06-20T14:54:21.911792Z","updated_at":"2025-06-20T14:54:34.434883Z"}"#
        ]
    );

    let folder = fresh("import-002-pop");
    take(&format!("{LOG}{POP}{NO_TTL}"), &folder).expect("it is a log");
    let rows = rows(&folder);
    assert!(rows[0].contains(r#""stays","kind":"string","value":"x","revision":5,"ttl":null"#));
    assert!(rows[1].contains(r#""value":["Test1"],"revision":4"#), "{rows:?}");

    let folder = fresh("import-002-remove");
    let done = take(&format!("{LOG}{REMOVE}"), &folder).expect("it is a log");
    assert_eq!((done.entries, done.revision), (0, 4));
}

#[test]
fn the_log_that_002_was_observed_to_write() {
    let log = include_str!("../../../../tests/data/observed-002.jsonl");
    let folder = fresh("import-002-observed");
    let done = take(log, &folder).expect("it is a log");
    assert_eq!((done.format, done.revision), (Format::Log002, 19));
    assert_eq!((done.entries, done.torn), (8, None));
}

#[test]
fn a_torn_last_line_is_told_of() {
    for cut in [10, 100, 150] {
        let folder = fresh("import-002-torn");
        let torn = &LOG.lines().nth(1).expect("a line")[..cut];
        let text = format!("{}\n{torn}", LOG.lines().next().expect("a line"));
        let done = take(&text, &folder).expect("it is a log");
        let Some(TornLine { line, text, .. }) = done.torn else { panic!("{done:?}") };
        assert_eq!((line, &*text, done.revision), (2, torn, 1));
    }
    // One that is complete, and wrong, is not torn. Nor is one in the middle.
    let odd = r#"{"command":"jump","key":"k","time":"2025-06-20T16:54:21Z"}"#;
    refused("import-002-odd", &format!("{LOG}{odd}"), "line 4: unknown command \"jump\"");
    refused("import-002-middle", &format!("{}\n{LOG}", &LOG[..60]), "line 1: ");
    refused("import-002-absent", POP, "line 1: there is no list at \"test\" by then");
}

#[tokio::test]
async fn a_snapshot_of_document_003() {
    // As its program was observed to write it.
    let text = "{\n\t\"bin\": \"\\ufffd\\ufffd\\u0000\",\n\t\"e\": \"\",\n\t\"h\": \"\\u003chtml\\u003ex\\u003c/html\\u003e\"\n}";
    let folder = fresh("import-003");
    let done = take(text, &folder).expect("it is a snapshot");
    assert_eq!((done.format, done.entries, done.revision), (Format::Snapshot003, 3, 3));
    let store = open(&folder);
    let get = async |key: &str| {
        store.get(key).await.expect("it starts").expect("it is there").into_item().expect("a text")
    };
    assert_eq!(get("h").await, "<html>x</html>");
    assert_eq!(get("bin").await, "\u{fffd}\u{fffd}\0");
    store.shutdown().await.expect("it closes");

    let done = take("{}", &fresh("import-003-empty")).expect("it is a snapshot");
    assert_eq!((done.format, done.entries), (Format::Snapshot003, 0));
    refused("import-003-torn", &text[..40], "the input: ");
    refused("import-003-null", "{\"a\": null}", "the key \"a\": null is no value");
    refused("import-003-nested", "{\"a\": [[1]]}", "a list cannot be inside a list");
}

#[test]
fn an_export_comes_back_as_it_was() {
    let expected = rows(&pinned("export", "journal-v1"));
    let text = exported(&pinned("export", "journal-v1"));
    let folder = fresh("import-export");
    let done = take(&text, &folder).expect("it is an export");
    assert_eq!((done.format, done.entries, done.revision), (Format::Export, 7, 24));
    let undated =
        |rows: &[String]| rows.iter().map(|row| without_deadline(row)).collect::<Vec<_>>();
    assert_eq!(undated(&rows(&folder)), undated(&expected));
    // An export of an older version says no more than the deadline.
    let folder = fresh("import-export-old");
    take(&(expected.join("\n") + "\n"), &folder).expect("it is an export");
    assert_eq!(rows(&folder), expected);

    // Numbers keep their digits, texts their escapes, and lists in lists their place.
    let odd = r#"{"key":"n","kind":"json_slice","value":[1.10,[1e2],{"a":null}],"revision":9,"ttl":null,"created_at":"2025-06-20T14:54:21Z","updated_at":"2025-06-20T14:54:21Z"}"#;
    let folder = fresh("import-export-odd");
    take(odd, &folder).expect("it is an export");
    assert_eq!(rows(&folder), [odd]);

    refused("import-export-torn", &text[..text.len() - 10], "line 7");
    refused("import-export-twice", &format!("{odd}\n{odd}"), "line 2: there is another line");
    let strange = odd.replace("json_slice", "set");
    refused("import-export-kind", &strange, "\"set\" is no kind of value");
}

#[tokio::test]
async fn what_is_there_is_not_written_over() {
    let folder = filled("import-over", 3).await;
    let error = take(LOG, &folder).expect_err("there is a journal");
    assert!(error.contains("already, at revision 3: choose another folder"), "{error}");
    assert_eq!(rows(&folder).len(), 3);

    // One in which nothing ever happened gives way.
    let folder = filled("import-over-empty", 0).await;
    assert_eq!(take(LOG, &folder).map(|done| done.entries), Ok(1));
    assert_eq!(rows(&folder).len(), 1);
}

#[tokio::test]
async fn an_import_that_is_cut_short_can_be_run_again() {
    // Of nothing into a journal in which nothing happened: the log is as the manifest of before has it.
    let folder = filled("import-cut-empty", 0).await;
    let manifest = fs::read(folder.join("MANIFEST")).expect("it can be read");
    take("{}", &folder).expect("it is a snapshot");
    assert_eq!(rows(&folder).len(), 0);
    fs::write(folder.join("MANIFEST"), manifest).expect("it can be written");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!(report.verdict, Verdict::Open);
    assert_eq!(take(LOG, &folder).map(|done| done.entries), Ok(1));

    // Into a new folder, killed before there was a manifest.
    let folder = fresh("import-cut");
    take(LOG, &folder).expect("it is a log");
    fs::remove_file(folder.join("MANIFEST")).expect("it is there");
    let error = take(LOG, &folder).expect_err("there is something");
    assert!(error.contains("delete the folder and run the command again"), "{error}");
    fs::remove_dir_all(&folder).expect("it is there");
    assert_eq!(take(LOG, &folder).map(|done| done.entries), Ok(1));
}

#[test]
fn what_is_none_of_these_is_refused() {
    refused("import-text", "hello", "no export");
    let folder: PathBuf = fresh("import-bytes");
    let error = import(&b"{\"a\":\"\xff\xfe\"}"[..], &folder, &mut |_| {}).expect_err("no text");
    assert!(error.to_string().contains("byte 6 is not UTF-8"), "{error}");
    assert!(fs::metadata(folder).is_err());
}

#[tokio::test]
async fn empty_log_imports_as_empty_store() {
    for (n, text) in ["", "\n", " \r\n\t\n"].into_iter().enumerate() {
        let folder = fresh(&format!("import-empty-{n}"));
        let done = take(text, &folder).expect("it is an empty log");
        assert_eq!((done.format, done.entries, done.revision), (Format::Log002, 0, 0));
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert_eq!(report.verdict, Verdict::Open);
        let store = open(&folder);
        assert_eq!(store.set("k", "v").await, Ok(1), "it starts, empty");
        store.shutdown().await.expect("it closes");
    }
}

#[tokio::test]
async fn data_of_the_old_program_without_a_journal_refuses_to_start() {
    for (name, text) in [("test_db.log", LOG), ("test_db.log", ""), ("file.tmp", "{\"a\": \"1\"}")]
    {
        let folder = fresh(&format!("import old {}-{name}", text.len()));
        fs::create_dir_all(&folder).expect("it can be created");
        let file = folder.join(name);
        fs::write(&file, text).expect("it can be written");
        let refused = open(&folder)
            .ready()
            .await
            .expect_err("a start would serve an empty store")
            .to_string();
        let command =
            format!("`mainspring journal import '{}' '{}'`", folder.display(), file.display());
        assert!(refused.contains(name) && refused.contains(&command), "{refused}");
        assert!(!folder.join("MANIFEST").exists(), "nothing was begun");

        // What it says helps, in the same folder too, and the old file stays.
        let done = take(text, &folder).expect("it can be imported");
        let store = open(&folder);
        store.ready().await.expect("it starts");
        assert_eq!(store.stats().entries as u64, done.entries);
        store.shutdown().await.expect("it closes");
        assert_eq!(fs::read_to_string(&file).expect("it is there"), text);
    }
}

const ROW: &str = r#"{"key":"k","kind":"string","value":"v","revision":9,"ttl":"2001-01-01T00:00:00Z","created_at":"2000-06-20T14:54:21Z","updated_at":"2000-06-20T14:54:21Z""#;

#[tokio::test]
async fn imported_entry_lives_as_long_as_it_had_left_at_the_export() {
    let folder = fresh("import-left");
    let row = format!("{ROW},\"expires_in\":\"1h\"}}");
    let before = SystemTime::now();
    take(&row, &folder).expect("it is an export");
    let after = SystemTime::now();
    let store = open(&folder);
    let entry = store
        .get("k")
        .await
        .expect("it starts")
        .expect("its old deadline has passed, and does not count");
    let left = Duration::from_secs(3_600);
    let deadline = SystemTime::from(entry.expires_at.expect("it has a deadline"));
    assert!(before + left <= deadline && deadline <= after + left, "{deadline:?}");
    assert_eq!((entry.revision, store.revision()), (9, 9));
    store.shutdown().await.expect("it closes");
    // And that is how long the next export gives it.
    assert!(exported(&folder).contains(",\"expires_in\":\"59m"), "{}", exported(&folder));
}

#[tokio::test]
async fn imported_entry_without_time_left_expires_at_the_start() {
    for (name, row) in [
        ("zero", format!("{ROW},\"expires_in\":\"0s\"}}")),
        ("tiny", format!("{ROW},\"expires_in\":\"1ns\"}}")),
        ("old", format!("{ROW}}}")),
    ] {
        let folder = fresh(&format!("import-left-{name}"));
        assert_eq!(take(&row, &folder).expect("it is an export").entries, 1);
        assert_eq!(exported(&folder), "", "it is over");
        let store = open(&folder);
        assert_eq!(store.get("k").await, Ok(None));
        assert_eq!(store.set("k", "v").await, Ok(11), "after it has expired as revision 10");
        store.shutdown().await.expect("it closes");
    }
    refused(
        "import-left-wrong",
        &format!("{ROW},\"expires_in\":\"soon\"}}"),
        "line 1: its expires_in: ",
    );
}

#[tokio::test]
async fn imported_entry_from_a_clock_that_is_ahead_lives_as_long_as_it_had_left() {
    let folder = fresh("import-left-ahead");
    let row = ROW.replace("\"updated_at\":\"2000", "\"updated_at\":\"2100");
    take(&format!("{row},\"expires_in\":\"1m\"}}"), &folder).expect("it is an export");
    let store = open(&folder);
    assert!(store.get("k").await.expect("it starts").is_some());
    store.shutdown().await.expect("it closes");
}
