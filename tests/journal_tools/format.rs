//! Journals of every version of the format can be opened for ever.

use std::time::SystemTime;

use mainspring::journal::file::tools::{Target, Verdict, check, restore};

use crate::folder::{fresh, open, pinned, rows};

/// What the pinned journal of format 1 holds.
const V1: [&str; 7] = [
    r##"{"key":"a key with\na newline and \"quotes\"","kind":"string","value":"","revision":23,"ttl":null,"created_at":"2026-11-21T22:29:20.103209734Z","updated_at":"2026-11-21T22:29:20.103209734Z"}"##,
    r##"{"key":"batch/1","kind":"string","value":"one","revision":19,"ttl":"2123-10-29T22:29:20.101971889Z","created_at":"2026-11-21T22:29:20.101625565Z","updated_at":"2026-11-21T22:29:20.101971889Z"}"##,
    r##"{"key":"batch/2","kind":"string_slice","value":["two","zwei"],"revision":17,"ttl":null,"created_at":"2026-11-21T22:29:20.101625565Z","updated_at":"2026-11-21T22:29:20.101625565Z"}"##,
    r##"{"key":"empty list","kind":"string_slice","value":[],"revision":24,"ttl":null,"created_at":"2026-11-21T22:29:20.103470671Z","updated_at":"2026-11-21T22:29:20.103470671Z"}"##,
    r##"{"key":"list","kind":"string_slice","value":["b","c","d"],"revision":15,"ttl":"2124-10-28T22:29:19.993861008Z","created_at":"2026-11-21T22:29:19.690388449Z","updated_at":"2026-11-21T22:29:20.101297939Z"}"##,
    r##"{"key":"ключ/ü","kind":"string","value":"значение – “quoted” \"\\ \n\t end","revision":4,"ttl":null,"created_at":"2026-11-21T22:29:19.689508805Z","updated_at":"2026-11-21T22:29:19.689508805Z"}"##,
    r##"{"key":"日本/🚗","kind":"string","value":"速い","revision":20,"ttl":null,"created_at":"2026-11-21T22:29:19.689925162Z","updated_at":"2026-11-21T22:29:20.102244713Z"}"##,
];

#[test]
fn format_1_is_read() {
    let folder = pinned("v1-read");
    assert_eq!(rows(&folder), V1);
    let report = check(&folder, &mut |_| {}).expect("a journal");
    assert_eq!((report.verdict, report.revision), (Verdict::Open, Some(24)));
}

/// From the log alone, through every command.
#[test]
fn format_1_is_read_without_its_snapshot() {
    let folder = pinned("v1-log");
    let into = fresh("v1-log-restored");
    let mut counts = Vec::new();
    for revision in [1, 2, 7, 11, 12, 13, 18, 24] {
        let _ = std::fs::remove_dir_all(&into);
        restore(&folder, Target::Revision(revision), &into, &mut |_| {}).expect("it is there");
        counts.push((revision, rows(&into).len()));
    }
    // The twelfth has a deadline, which has passed long since.
    assert_eq!(counts, [(1, 1), (2, 0), (7, 4), (11, 4), (12, 4), (13, 4), (18, 5), (24, 7)],);
    assert_eq!(rows(&into), V1);
}

#[tokio::test]
async fn format_1_is_served() {
    let folder = pinned("v1-served");
    let store = open(&folder);
    let page = store.scan("").limit(100).await.expect("it starts");
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
    assert_eq!(store.set("new", "x").await.expect("it is written"), 25);
    store.shutdown().await.expect("it closes");
}
