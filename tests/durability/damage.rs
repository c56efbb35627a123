//! Truncated files and flipped bits.

use std::time::Duration;

use mainspring::journal::file::SyncPolicy;

use crate::figures;
use crate::ledger::{Content, Ledger, read_content};
use crate::sim::{Defects, SimDisk};
use crate::work::{Setting, StoreRun, runtime};

/// Creates a closed or killed store with a small log. Returns its disk and its ledger.
pub(crate) async fn small(setting: Setting, compacts: bool, closes: bool) -> (SimDisk, Ledger) {
    let disk = SimDisk::new();
    let mut ledger = Ledger::default();
    let run = StoreRun::start(&disk, setting.journal(&disk), &mut ledger).await.unwrap();
    let store = &run.store;
    store.set("a", "1").await.unwrap();
    store.set_many([("b", "2"), ("a", "{\"revision\":1")]).await.unwrap();
    store.push("list", "x").await.unwrap();
    if compacts {
        run.compact(true).await.unwrap();
    }
    store
        .batch([mainspring::Write::push("list", "y\n"), mainspring::Write::remove("b")])
        .await
        .unwrap();
    store.set("b", "ü".repeat(20)).await.unwrap();
    store.pop_front("list").await.unwrap();
    if closes {
        store.shutdown().await.unwrap();
    }
    run.end(&mut ledger);
    let copy = disk.copy();
    (copy, ledger)
}

fn one_segment() -> Setting {
    Setting { segment_bytes: 1 << 16, ..Setting::default() }
}

/// Reads the mark of the manifest: the revision, and the offset in the last segment at which its append ends.
pub(crate) fn mark_of(disk: &SimDisk) -> (u64, usize) {
    let manifest: serde_json::Value =
        serde_json::from_slice(&disk.content("MANIFEST")).expect("a manifest");
    let number = |name: &str| manifest["mark"][name].as_u64().expect("a number");
    (number("revision"), number("offset") as usize)
}

/// Returns the bytes of a file up to the newline after the last line.
pub(crate) fn text_of(content: &[u8]) -> &[u8] {
    let end = content.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 2);
    &content[..end.min(content.len())]
}

/// Two segments and a snapshot.
const SEGMENTS: Setting = Setting {
    sync: SyncPolicy::Always,
    segment_bytes: 500,
    history_bytes: 1 << 20,
    compact: (u64::MAX, 1.0),
    check_every: Duration::MAX,
};

/// Truncates every file at every byte. Returns how often a start failed, and how often a start succeeded.
async fn truncations(setting: Setting, compacts: bool, closes: bool) -> [u64; 2] {
    let (disk, ledger) = small(setting, compacts, closes).await;
    let (marked, offset) = mark_of(&disk);
    let names = disk.file_names();
    let last_log = names.iter().rfind(|name| name.starts_with("log-")).expect("a segment");
    if setting.segment_bytes == SEGMENTS.segment_bytes {
        let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix)).count();
        assert!(count("log-") >= 2 && count("snapshot-") == usize::from(compacts), "{names:?}");
    }
    let mut counts = [0; 2];
    for name in names.iter().filter(|name| *name != "LOCK") {
        let content = disk.content(name);
        for length in 0..text_of(&content).len() {
            let disk = disk.copy();
            disk.set_content(name, &content[..length]);
            match read_content(setting.journal(&disk)).await {
                Err(_) => counts[0] += 1,
                Ok(found) => {
                    assert!(name != last_log || length >= offset, "{name} truncated at {length}");
                    let prefix = Ledger { acknowledged: marked, ..ledger.clone() };
                    prefix.check(&found).unwrap_or_else(|error| panic!("{name} {length}: {error}"));
                    counts[1] += 1;
                    let again = read_content(setting.journal(&disk))
                        .await
                        .expect("the journal opens again");
                    assert_eq!(again, found, "{name} cut at {length}");
                }
            }
        }
    }
    counts
}

#[test]
fn truncated_file_is_rejected_or_opens_to_prefix_up_to_mark() {
    runtime().block_on(async {
        let mut total = [0; 2];
        for (setting, compacts) in [(one_segment(), false), (SEGMENTS, true), (SEGMENTS, false)] {
            for closes in [true, false] {
                let [rejected, opened] = truncations(setting, compacts, closes).await;
                assert!(rejected > 0, "{setting:?}");
                total = [total[0] + rejected, total[1] + opened];
            }
        }
        let [rejected, opened] = total;
        figures(format_args!(
            "truncations: {rejected} were rejected, {opened} opened with a prefix"
        ));
    });
}

/// Flips every bit of every file. Returns how often a start failed, cut off the last append, and was not affected.
pub(crate) async fn flips(defects: Defects) -> Result<[u64; 3], String> {
    let mut counts = [0; 3];
    let settings = [
        (one_segment(), false, true),
        (one_segment(), false, false),
        (Setting { segment_bytes: 300, history_bytes: 0, ..Setting::default() }, true, false),
        (Setting { segment_bytes: 300, history_bytes: 1 << 20, ..Setting::default() }, true, true),
    ];
    for (n, (setting, compacts, closes)) in settings.into_iter().enumerate() {
        let (disk, ledger) = small(setting, compacts, closes).await;
        let whole = read_content(setting.journal(&disk.copy())).await?;
        ledger.check(&whole)?;
        let names = disk.file_names();
        let last_log = names.iter().rfind(|name| name.starts_with("log-")).unwrap();
        for name in &names {
            let content = disk.content(name);
            let text = content.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
            // Includes some preallocated newlines.
            let content = &content[..content.len().min(text + 4)];
            // The last append, which is the close mark if the store was closed.
            let lines = || content.split_inclusive(|byte| *byte == b'\n');
            let is_first_line = |line: &&[u8]| line.windows(9).any(|part| part == b",\"lines\":");
            let appends = lines().take_while(|line| line.len() > 1);
            let last = appends.clone().collect::<Vec<_>>();
            let last = last.iter().rposition(is_first_line).unwrap_or(0);
            let last: usize = appends.take(last).map(<[u8]>::len).sum();
            for bit in 0..content.len() * 8 {
                let mut flipped = content.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let disk = disk.copy().with_defects(defects);
                disk.set_content(name, &flipped);
                let context = format!("setting {n}, closed {closes}, {name}, bit {bit}");
                match read_content(setting.journal(&disk)).await {
                    Err(_) => counts[0] += 1,
                    Ok(found) if found == whole => counts[2] += 1,
                    Ok(found) if name == last_log && bit / 8 >= last => {
                        check_cut(&ledger, &found)
                            .map_err(|error| format!("{context}: {error}"))?;
                        counts[1] += 1;
                    }
                    Ok(found) => {
                        return Err(format!(
                            "{context}: a wrong state at {}: {:?}",
                            found.revision, disk
                        ));
                    }
                }
            }
        }
    }
    Ok(counts)
}

/// Verifies that only the last append was cut off.
fn check_cut(ledger: &Ledger, found: &Content) -> Result<(), String> {
    let before = ledger.ends.iter().rev().nth(1).copied().unwrap_or(0);
    Ledger { acknowledged: before, ..ledger.clone() }.check(found)
}

#[test]
fn flipped_bit_never_gives_wrong_state() {
    let [rejected, cut, harmless] = runtime().block_on(flips(Defects::default())).unwrap();
    assert!(rejected > 0 && cut > 0 && harmless > 0);
    figures(format_args!(
        "flipped bits: {rejected} rejected, {cut} cut off the last append, {harmless} without effect"
    ));
}
