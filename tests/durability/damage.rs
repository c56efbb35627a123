//! Files that are cut short, or in which a bit has flipped.

use std::time::Duration;

use mainspring::journal::file::SyncPolicy;

use crate::figures;
use crate::ledger::{Found, Ledger, look};
use crate::sim::{Lies, SimDisk};
use crate::work::{Life, Setting, runtime};

/// A closed or killed store with a small log, and the ledger of it.
pub(crate) async fn small(setting: Setting, compacts: bool, closes: bool) -> (SimDisk, Ledger) {
    let disk = SimDisk::new();
    let mut ledger = Ledger::default();
    let life = Life::start(&disk, setting.journal(&disk), &mut ledger).await.unwrap();
    let store = &life.store;
    store.set("a", "1").await.unwrap();
    store.set_many([("b", "2"), ("a", "{\"revision\":1")]).await.unwrap();
    store.push("list", "x").await.unwrap();
    if compacts {
        life.compact(true).await.unwrap();
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
    life.end(&mut ledger);
    let left = disk.copy();
    (left, ledger)
}

fn one_segment() -> Setting {
    Setting { segment_bytes: 1 << 16, ..Setting::default() }
}

/// What the mark of a manifest says: a revision, and the offset in the last segment where its append ends.
pub(crate) fn mark_of(disk: &SimDisk) -> (u64, usize) {
    let manifest: serde_json::Value =
        serde_json::from_slice(&disk.content("MANIFEST")).expect("a manifest");
    let number = |name: &str| manifest["mark"][name].as_u64().expect("a number");
    (number("revision"), number("offset") as usize)
}

/// The bytes of a file up to the newline behind its last line.
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

/// Cut every file at every byte. Returns how often a start refused, and how often it opened.
async fn truncations(setting: Setting, compacts: bool, closes: bool) -> [u64; 2] {
    let (disk, ledger) = small(setting, compacts, closes).await;
    let (marked, offset) = mark_of(&disk);
    let names = disk.file_names();
    let last_log = names.iter().rfind(|name| name.starts_with("log-")).expect("a segment");
    if setting.segment_bytes == SEGMENTS.segment_bytes {
        let begins = |with: &str| names.iter().filter(|name| name.starts_with(with)).count();
        assert!(begins("log-") >= 2 && begins("snapshot-") == usize::from(compacts), "{names:?}");
    }
    let mut counts = [0; 2];
    for name in names.iter().filter(|name| *name != "LOCK") {
        let content = disk.content(name);
        for length in 0..text_of(&content).len() {
            let disk = disk.copy();
            disk.set_content(name, &content[..length]);
            match look(setting.journal(&disk)).await {
                Err(_) => counts[0] += 1,
                Ok(found) => {
                    assert!(name != last_log || length >= offset, "{name} cut at {length}");
                    let prefix = Ledger { acknowledged: marked, ..ledger.clone() };
                    prefix.check(&found).unwrap_or_else(|error| panic!("{name} {length}: {error}"));
                    counts[1] += 1;
                    let again =
                        look(setting.journal(&disk)).await.expect("the journal opens again");
                    assert_eq!(again, found, "{name} cut at {length}");
                }
            }
        }
    }
    counts
}

#[test]
fn truncated_file_is_refused_or_a_prefix_that_reaches_the_mark() {
    runtime().block_on(async {
        let mut total = [0; 2];
        for (setting, compacts) in [(one_segment(), false), (SEGMENTS, true), (SEGMENTS, false)] {
            for closes in [true, false] {
                let [refused, opened] = truncations(setting, compacts, closes).await;
                assert!(refused > 0, "{setting:?}");
                total = [total[0] + refused, total[1] + opened];
            }
        }
        let [refused, opened] = total;
        figures(format_args!("truncations: {refused} refused, {opened} opened to a prefix"));
    });
}

/// Flip every bit of every file. Answers how often it was refused, cut, and of no effect.
pub(crate) async fn flips(lies: Lies) -> Result<[u64; 3], String> {
    let mut counts = [0; 3];
    let settings = [
        (one_segment(), false, true),
        (one_segment(), false, false),
        (Setting { segment_bytes: 300, history_bytes: 0, ..Setting::default() }, true, false),
        (Setting { segment_bytes: 300, history_bytes: 1 << 20, ..Setting::default() }, true, true),
    ];
    for (n, (setting, compacts, closes)) in settings.into_iter().enumerate() {
        let (disk, ledger) = small(setting, compacts, closes).await;
        let whole = look(setting.journal(&disk.copy())).await?;
        ledger.check(&whole)?;
        let names = disk.file_names();
        let last_log = names.iter().rfind(|name| name.starts_with("log-")).unwrap();
        for name in &names {
            let content = disk.content(name);
            let text = content.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
            // Some of what was allocated ahead too.
            let content = &content[..content.len().min(text + 4)];
            // The last append, which is the mark where it was closed.
            let lines = || content.split_inclusive(|byte| *byte == b'\n');
            let first = |line: &&[u8]| line.windows(9).any(|part| part == b",\"lines\":");
            let appends = lines().take_while(|line| line.len() > 1);
            let last = appends.clone().collect::<Vec<_>>();
            let last = last.iter().rposition(first).unwrap_or(0);
            let last: usize = appends.take(last).map(<[u8]>::len).sum();
            for bit in 0..content.len() * 8 {
                let mut flipped = content.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let disk = disk.copy().lie(lies);
                disk.set_content(name, &flipped);
                let place = format!("setting {n}, closed {closes}, {name}, bit {bit}");
                match look(setting.journal(&disk)).await {
                    Err(_) => counts[0] += 1,
                    Ok(found) if found == whole => counts[2] += 1,
                    Ok(found) if name == last_log && bit / 8 >= last => {
                        check_cut(&ledger, &found).map_err(|error| format!("{place}: {error}"))?;
                        counts[1] += 1;
                    }
                    Ok(found) => {
                        return Err(format!(
                            "{place}: a wrong state at {}: {:?}",
                            found.revision, disk
                        ));
                    }
                }
            }
        }
    }
    Ok(counts)
}

/// Everything but the last append.
fn check_cut(ledger: &Ledger, found: &Found) -> Result<(), String> {
    let before = ledger.ends.iter().rev().nth(1).copied().unwrap_or(0);
    Ledger { acknowledged: before, ..ledger.clone() }.check(found)
}

#[test]
fn a_flipped_bit_is_never_a_wrong_state() {
    let [refused, cut, harmless] = runtime().block_on(flips(Lies::default())).unwrap();
    assert!(refused > 0 && cut > 0 && harmless > 0);
    figures(format_args!(
        "bits flipped: {refused} refused, {cut} cut the last append, {harmless} of no effect"
    ));
}
