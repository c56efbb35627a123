//! Import of entries.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mainspring::journal::file::tools::{Format, ImportReport, TornLine, Verdict, check, import};

use crate::folder::{exported, filled, fresh, open, pinned, rows, without_deadline};

fn import_text(text: &str, folder: &Path) -> Result<ImportReport, String> {
    import(text.as_bytes(), folder, &mut |_| {}).map_err(|error| error.to_string())
}

fn assert_rejected(name: &str, text: &str, why: &str) {
    let folder = fresh(name);
    let error = import_text(text, &folder).expect_err(text);
    assert!(error.contains(why), "{error}");
    assert!(!folder.exists(), "the directory must not be created");
}

/// The documented sample of a log of the earlier Go server.
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
fn log_of_go_server_is_imported() {
    let folder = fresh("import-log");
    let done = import_text(LOG, &folder).expect("a log of commands");
    assert_eq!((done.format, done.entries, done.revision), (Format::CommandLog, 1, 3));
    assert_eq!(
        rows(&folder),
        [
            r#"{"key":"test","kind":"string_slice","value":["Test1","test2"],"revision":3,"ttl":"2095-06-20T14:54:42.216356Z","created_at":"2025-06-20T14:54:21.911792Z","updated_at":"2025-06-20T14:54:34.434883Z"}"#
        ]
    );

    let folder = fresh("import-log-pop");
    import_text(&format!("{LOG}{POP}{NO_TTL}"), &folder).expect("a log of commands");
    let rows = rows(&folder);
    assert!(rows[0].contains(r#""stays","kind":"string","value":"x","revision":5,"ttl":null"#));
    assert!(rows[1].contains(r#""value":["Test1"],"revision":4"#), "{rows:?}");

    let folder = fresh("import-log-remove");
    let done = import_text(&format!("{LOG}{REMOVE}"), &folder).expect("a log of commands");
    assert_eq!((done.entries, done.revision), (0, 4));
}

#[test]
fn observed_log_of_go_server_is_imported() {
    let log = include_str!("../../../../tests/data/observed-002.jsonl");
    let folder = fresh("import-log-observed");
    let done = import_text(log, &folder).expect("a log of commands");
    assert_eq!((done.format, done.revision), (Format::CommandLog, 19));
    assert_eq!((done.entries, done.torn), (8, None));
    assert_eq!(serde_json::json!(done.format), "log002", "programs read this name");
}

#[test]
fn incomplete_last_line_is_reported() {
    for cut in [10, 100, 150] {
        let folder = fresh("import-log-torn");
        let torn = &LOG.lines().nth(1).expect("a line")[..cut];
        let text = format!("{}\n{torn}", LOG.lines().next().expect("a line"));
        let done = import_text(&text, &folder).expect("a log of commands");
        let Some(TornLine { line, text, .. }) = done.torn else { panic!("{done:?}") };
        assert_eq!((line, &*text, done.revision), (2, torn, 1));
    }
    // An invalid line that is complete, or in the middle, is an error.
    let odd = r#"{"command":"jump","key":"k","time":"2025-06-20T16:54:21Z"}"#;
    assert_rejected("import-log-odd", &format!("{LOG}{odd}"), "line 4: unknown command \"jump\"");
    assert_rejected("import-log-middle", &format!("{}\n{LOG}", &LOG[..60]), "line 1: ");
    assert_rejected("import-log-absent", POP, "line 1: there is no list at \"test\" at this line");
}

#[tokio::test]
async fn snapshot_of_go_server_is_imported() {
    // As it was observed from the Go server.
    let text = "{\n\t\"bin\": \"\\ufffd\\ufffd\\u0000\",\n\t\"e\": \"\",\n\t\"h\": \"\\u003chtml\\u003ex\\u003c/html\\u003e\"\n}";
    let folder = fresh("import-snapshot");
    let done = import_text(text, &folder).expect("a snapshot");
    assert_eq!((done.format, done.entries, done.revision), (Format::SnapshotObject, 3, 3));
    let store = open(&folder);
    let get = async |key: &str| {
        store
            .get(key)
            .await
            .expect("the store starts")
            .expect("present")
            .into_item()
            .expect("a text")
    };
    assert_eq!(get("h").await, "<html>x</html>");
    assert_eq!(get("bin").await, "\u{fffd}\u{fffd}\0");
    store.shutdown().await.expect("the store closes");

    let done = import_text("{}", &fresh("import-snapshot-empty")).expect("a snapshot");
    assert_eq!((done.format, done.entries), (Format::SnapshotObject, 0));
    assert_eq!(serde_json::json!(done.format), "snapshot003", "programs read this name");
    assert_rejected("import-snapshot-torn", &text[..40], "the input: ");
    assert_rejected(
        "import-snapshot-null",
        "{\"a\": null}",
        "invalid value of the key \"a\": null is not a value",
    );
    assert_rejected("import-snapshot-nested", "{\"a\": [[1]]}", "a list cannot contain a list");
}

#[test]
fn export_round_trips_through_import() {
    let expected = rows(&pinned("export", "journal-v1"));
    let text = exported(&pinned("export", "journal-v1"));
    let folder = fresh("import-export");
    let done = import_text(&text, &folder).expect("an export");
    assert_eq!((done.format, done.entries, done.revision), (Format::Export, 7, 24));
    let undated =
        |rows: &[String]| rows.iter().map(|row| without_deadline(row)).collect::<Vec<_>>();
    assert_eq!(undated(&rows(&folder)), undated(&expected));
    // An export of an older version has only the deadline.
    let folder = fresh("import-export-old");
    import_text(&(expected.join("\n") + "\n"), &folder).expect("an export");
    assert_eq!(rows(&folder), expected);

    // Numbers keep their digits, strings their escapes, and nested lists their positions.
    let odd = r#"{"key":"n","kind":"json_slice","value":[1.10,[1e2],{"a":null}],"revision":9,"ttl":null,"created_at":"2025-06-20T14:54:21Z","updated_at":"2025-06-20T14:54:21Z"}"#;
    let folder = fresh("import-export-odd");
    import_text(odd, &folder).expect("an export");
    assert_eq!(rows(&folder), [odd]);

    assert_rejected("import-export-torn", &text[..text.len() - 10], "line 7");
    assert_rejected(
        "import-export-twice",
        &format!("{odd}\n{odd}"),
        "line 2: the key is already used",
    );
    let strange = odd.replace("json_slice", "set");
    assert_rejected("import-export-kind", &strange, "unknown kind of value \"set\"");
}

#[tokio::test]
async fn import_over_journal_is_rejected() {
    let folder = filled("import-over", 3).await;
    let error = import_text(LOG, &folder).expect_err("an existing journal");
    assert!(
        error.contains("already a journal in this directory, at revision 3; use another directory"),
        "{error}"
    );
    assert_eq!(rows(&folder).len(), 3);

    // A journal without changes is replaced.
    let folder = filled("import-over-empty", 0).await;
    assert_eq!(import_text(LOG, &folder).map(|done| done.entries), Ok(1));
    assert_eq!(rows(&folder).len(), 1);
}

#[tokio::test]
async fn interrupted_import_can_be_repeated() {
    // An empty import into a journal without changes: the log must still match the old manifest.
    let folder = filled("import-cut-empty", 0).await;
    let manifest = fs::read(folder.join("MANIFEST")).expect("a readable file");
    import_text("{}", &folder).expect("a snapshot");
    assert_eq!(rows(&folder).len(), 0);
    fs::write(folder.join("MANIFEST"), manifest).expect("a writable file");
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!(report.verdict, Verdict::Open);
    assert_eq!(import_text(LOG, &folder).map(|done| done.entries), Ok(1));

    // Into a new directory, killed before the manifest was written.
    let folder = fresh("import-cut");
    import_text(LOG, &folder).expect("a log of commands");
    fs::remove_file(folder.join("MANIFEST")).expect("present");
    let error = import_text(LOG, &folder).expect_err("existing files");
    assert!(error.contains("delete the directory and run the command again"), "{error}");
    fs::remove_dir_all(&folder).expect("present");
    assert_eq!(import_text(LOG, &folder).map(|done| done.entries), Ok(1));
}

#[test]
fn unknown_input_is_rejected() {
    assert_rejected("import-text", "hello", "unknown format");
    let folder: PathBuf = fresh("import-bytes");
    let error =
        import(&b"{\"a\":\"\xff\xfe\"}"[..], &folder, &mut |_| {}).expect_err("invalid UTF-8");
    assert!(error.to_string().contains("invalid UTF-8 at byte 6"), "{error}");
    assert!(fs::metadata(folder).is_err());
}

#[tokio::test]
async fn empty_log_is_imported_as_empty_store() {
    for (n, text) in ["", "\n", " \r\n\t\n"].into_iter().enumerate() {
        let folder = fresh(&format!("import-empty-{n}"));
        let done = import_text(text, &folder).expect("an empty log");
        assert_eq!((done.format, done.entries, done.revision), (Format::CommandLog, 0, 0));
        let report = check(&folder, &mut |_| {}).expect("a journal");
        assert_eq!(report.verdict, Verdict::Open);
        let store = open(&folder);
        assert_eq!(store.set("k", "v").await, Ok(1), "the store must start empty");
        store.shutdown().await.expect("the store closes");
    }
}

#[tokio::test]
async fn data_of_go_server_without_journal_prevents_start() {
    for (name, text) in [("test_db.log", LOG), ("test_db.log", ""), ("file.tmp", "{\"a\": \"1\"}")]
    {
        let folder = fresh(&format!("import old {}-{name}", text.len()));
        fs::create_dir_all(&folder).expect("a new directory");
        let file = folder.join(name);
        fs::write(&file, text).expect("a writable file");
        let error = open(&folder)
            .ready()
            .await
            .expect_err("a start would serve an empty store")
            .to_string();
        let command =
            format!("`mainspring journal import '{}' '{}'`", folder.display(), file.display());
        assert!(error.contains(name) && error.contains(&command), "{error}");
        assert!(!folder.join("MANIFEST").exists(), "no journal may be created");

        // The suggested command works, in the same directory too, and the old file remains.
        let done = import_text(text, &folder).expect("a valid import");
        let store = open(&folder);
        store.ready().await.expect("the store starts");
        assert_eq!(store.stats().entries as u64, done.entries);
        store.shutdown().await.expect("the store closes");
        assert_eq!(fs::read_to_string(&file).expect("present"), text);
    }
}

const ROW: &str = r#"{"key":"k","kind":"string","value":"v","revision":9,"ttl":"2001-01-01T00:00:00Z","created_at":"2000-06-20T14:54:21Z","updated_at":"2000-06-20T14:54:21Z""#;

#[tokio::test]
async fn imported_entry_keeps_remaining_time_to_live() {
    let folder = fresh("import-left");
    let row = format!("{ROW},\"expires_in\":\"1h\"}}");
    let before = SystemTime::now();
    import_text(&row, &folder).expect("an export");
    let after = SystemTime::now();
    let store = open(&folder);
    let entry = store
        .get("k")
        .await
        .expect("the store starts")
        .expect("its old deadline has passed, and does not count");
    let left = Duration::from_secs(3_600);
    let deadline = SystemTime::from(entry.expires_at.expect("a deadline"));
    assert!(before + left <= deadline && deadline <= after + left, "{deadline:?}");
    assert_eq!((entry.revision, store.revision()), (9, 9));
    store.shutdown().await.expect("the store closes");
    // The next export has the same time to live.
    assert!(exported(&folder).contains(",\"expires_in\":\"59m"), "{}", exported(&folder));
}

#[tokio::test]
async fn imported_entry_past_deadline_expires_at_start() {
    for (name, row) in [
        ("zero", format!("{ROW},\"expires_in\":\"0s\"}}")),
        ("tiny", format!("{ROW},\"expires_in\":\"1ns\"}}")),
        ("old", format!("{ROW}}}")),
    ] {
        let folder = fresh(&format!("import-left-{name}"));
        assert_eq!(import_text(&row, &folder).expect("an export").entries, 1);
        assert_eq!(exported(&folder), "", "the entry has expired");
        let store = open(&folder);
        assert_eq!(store.get("k").await, Ok(None));
        assert_eq!(store.set("k", "v").await, Ok(11), "the expiry is revision 10");
        store.shutdown().await.expect("the store closes");
    }
    assert_rejected(
        "import-left-wrong",
        &format!("{ROW},\"expires_in\":\"soon\"}}"),
        "line 1: invalid expires_in: ",
    );
}

#[tokio::test]
async fn imported_entry_from_fast_clock_keeps_remaining_time_to_live() {
    let folder = fresh("import-left-ahead");
    let row = ROW.replace("\"updated_at\":\"2000", "\"updated_at\":\"2100");
    import_text(&format!("{row},\"expires_in\":\"1m\"}}"), &folder).expect("an export");
    let store = open(&folder);
    assert!(store.get("k").await.expect("the store starts").is_some());
    store.shutdown().await.expect("the store closes");
}
