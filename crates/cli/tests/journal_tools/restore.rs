//! Restore of earlier revisions.

use std::path::Path;
use std::time::{Duration, SystemTime};

use mainspring::Write;
use mainspring::journal::file::FileError;
use mainspring::journal::file::tools::{RestoreReport, RestoreTarget, compact, restore, stat};

use crate::folder::{content, files, filled, flip, fresh, open, rows};

fn restore_into(from: &Path, to: RestoreTarget, into: &Path) -> Result<RestoreReport, FileError> {
    let _ = std::fs::remove_dir_all(into);
    restore(from, to, into, &mut |_| {})
}

#[tokio::test]
async fn every_revision_in_the_log_can_be_restored() {
    let (folder, into) = (filled("restore", 20).await, fresh("restore-into"));
    compact(&folder, u64::MAX, &mut |_| {}).expect("a closed journal");
    let before = content(&folder);
    for revision in 0..=20 {
        let done = restore_into(&folder, RestoreTarget::Revision(revision), &into)
            .expect("a restorable state");
        assert_eq!((done.revision, done.entries), (revision, revision));
        assert_eq!(rows(&into).len() as u64, revision);
        let new = stat(&into).expect("a journal");
        assert_eq!((new.store == done.store, new.revision), (true, revision));
        assert_ne!(Some(done.store), stat(&folder).ok().map(|stat| stat.store));
    }
    let error = restore_into(&folder, RestoreTarget::Revision(21), &into)
        .expect_err("no journal")
        .to_string();
    assert!(error.contains("revision 21 does not exist yet; the newest is 20"), "{error}");
    assert_eq!(content(&folder), before);

    restore_into(&folder, RestoreTarget::Revision(20), &into).expect("a restorable state");
    let store = open(&into);
    assert_eq!(store.set("on", "x").await, Ok(21));
    store.shutdown().await.expect("the store closes");
}

#[tokio::test]
async fn time_is_restored_to_newest_change_before_it() {
    let (folder, into) = (filled("restore-time", 10).await, fresh("restore-time-into"));
    std::thread::sleep(Duration::from_millis(20));
    let between = SystemTime::now();
    std::thread::sleep(Duration::from_millis(20));
    let store = open(&folder);
    store.remove("key/0003").await.expect("present");
    store.shutdown().await.expect("the store closes");
    for compacted in [false, true] {
        if compacted {
            compact(&folder, u64::MAX, &mut |_| {}).expect("a closed journal");
        }
        let done = restore_into(&folder, RestoreTarget::Time(between.into()), &into)
            .expect("a restorable state");
        assert_eq!((done.revision, done.entries), (10, 10));
        let done = restore_into(&folder, RestoreTarget::Time(SystemTime::now().into()), &into);
        assert_eq!(done.map(|done| done.revision).ok(), Some(11));
    }
    let text = jiff::Timestamp::try_from(between).expect("in range").to_string();
    let to = text.parse().expect("a time");
    assert_eq!(restore_into(&folder, to, &into).map(|done| done.revision).ok(), Some(10));
}

#[tokio::test]
async fn restore_before_oldest_snapshot_is_rejected_with_oldest_revision() {
    let (folder, into) = (filled("restore-far", 10).await, fresh("restore-far-into"));
    let past = SystemTime::now() - Duration::from_secs(3_600);
    compact(&folder, 0, &mut |_| {}).expect("a closed journal");
    for to in [RestoreTarget::Revision(9), RestoreTarget::Time(past.into())] {
        let error = restore_into(&folder, to, &into).expect_err("compacted").to_string();
        assert!(error.contains("the oldest possible one is revision 10, of 20"), "{error}");
    }
    assert_eq!(
        restore_into(&folder, RestoreTarget::Revision(10), &into).map(|done| done.entries).ok(),
        Some(10)
    );
}

#[tokio::test]
async fn restore_inside_batch_or_over_journal_is_rejected() {
    let (folder, into) = (filled("restore-batch", 1).await, fresh("restore-batch-into"));
    let store = open(&folder);
    store
        .batch(vec![Write::set("a", "1"), Write::set("b", "2")])
        .await
        .expect("the write succeeds");
    store.shutdown().await.expect("the store closes");
    let error =
        restore_into(&folder, RestoreTarget::Revision(2), &into).expect_err("a batch").to_string();
    assert!(error.contains("revision 2 is inside a batch"), "{error}");
    assert_eq!(
        restore_into(&folder, RestoreTarget::Revision(3), &into).map(|done| done.entries).ok(),
        Some(3)
    );

    let error = restore(&folder, RestoreTarget::Revision(1), &into, &mut |_| {})
        .expect_err("an existing journal");
    assert!(error.to_string().contains("use another directory"), "{error}");
}

#[tokio::test]
async fn revision_before_damage_is_restored() {
    let (folder, into) = (filled("restore-damage", 40).await, fresh("restore-damage-into"));
    let segments = files(&folder, "log-");
    // The first change of the third segment; each segment has about five.
    let newest = |file: &Path| {
        let text = std::fs::read_to_string(file).expect("text");
        let last = text.lines().rfind(|line| line.contains("\"set\"")).expect("a change");
        let line: serde_json::Value = serde_json::from_str(last).expect("JSON");
        let time: jiff::Timestamp = line["time"].as_str().expect("a text").parse().expect("a time");
        (line["revision"].as_u64().expect("a number"), SystemTime::from(time))
    };
    let ends = [0, 1, 3].map(|n| newest(&segments[n]));
    flip(&segments[2], "value");
    assert_eq!(
        restore_into(&folder, RestoreTarget::Revision(5), &into).map(|done| done.entries).ok(),
        Some(5)
    );
    let error = restore_into(&folder, RestoreTarget::Revision(40), &into).expect_err("damaged");
    assert!(matches!(error, FileError::Damaged { .. }), "{error}");

    // A time before the damage is restored. For a later time the newest revision is unknown.
    let (revision, time) = ends[0];
    let to = RestoreTarget::Time(time.into());
    assert_eq!(restore_into(&folder, to, &into).map(|done| done.revision).ok(), Some(revision));
    let between = ends[1].1 + Duration::from_nanos(1);
    for time in [between, ends[2].1, SystemTime::now()] {
        let error =
            restore_into(&folder, RestoreTarget::Time(time.into()), &into).expect_err("damaged");
        assert!(matches!(error, FileError::Damaged { .. }), "{error}");
    }
}

#[tokio::test]
async fn progress_is_in_bytes_and_monotonic() {
    let (folder, into) = (filled("restore-progress", 60).await, fresh("restore-progress-into"));
    for to in [RestoreTarget::Revision(59), RestoreTarget::Time(SystemTime::now().into())] {
        let _ = std::fs::remove_dir_all(&into);
        let mut reports = Vec::new();
        restore(&folder, to, &into, &mut |now| reports.push((now.done, now.total)))
            .expect("a restorable state");
        assert!(reports.len() > 3 && reports.is_sorted_by_key(|(done, _)| *done), "{reports:?}");
        assert!(
            reports.iter().all(|(done, total)| done <= total && *total == reports[0].1),
            "{reports:?}"
        );
        assert!(reports[0].1 > 5_000, "{reports:?}");
    }
}

#[test]
fn restore_target_is_parsed_as_revision_or_time() {
    assert_eq!("12".parse(), Ok(RestoreTarget::Revision(12)));
    assert!(matches!("2026-01-31T12:00:00+01:00".parse(), Ok(RestoreTarget::Time(_))));
    let error = "yesterday".parse::<RestoreTarget>().expect_err("not a target").to_string();
    assert!(error.contains("expected a revision, or a time such as"), "{error}");
}

#[tokio::test]
async fn restore_keeps_absolute_deadlines() {
    let (folder, into) = (fresh("restore-deadline"), fresh("restore-deadline-into"));
    let store = open(&folder);
    store.set("k", "v").ttl(Duration::from_secs(3_600)).await.expect("the write succeeds");
    let deadline = store.get("k").await.expect("the journal is open").expect("present").expires_at;
    store.shutdown().await.expect("the store closes");
    restore_into(&folder, RestoreTarget::Revision(1), &into).expect("a restorable state");
    let restored = open(&into);
    let entry = restored.get("k").await.expect("the store starts").expect("present");
    assert_eq!(entry.expires_at, deadline);
    restored.shutdown().await.expect("the store closes");
}
