//! Random commands: the log alone gives the same store as a snapshot and the log after it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use mainspring::journal::FileJournal;
use mainspring::{Store, Value, Write};
use mainspring_testing::Random;

use crate::{figures, number, until};

fn journal(folder: &Path) -> FileJournal<String> {
    // Power cuts are not tested here, so no sync is needed.
    let sync = mainspring::journal::file::SyncPolicy::Os;
    FileJournal::open(folder).sync(sync).history_bytes(u64::MAX).compact_above(u64::MAX, 1.0)
}

fn write(random: &mut Random) -> Write<String> {
    let key = format!("key/{}", random.below(5_000));
    let text = "x".repeat(random.below(60));
    match random.below(12) {
        0..=3 => Write::set(key, text),
        4 => Write::set(key, vec![text]),
        5 => Write::update(key, text),
        6 => Write::push(key, text),
        7 => Write::push_front(key, text),
        8 => Write::pop(key),
        9 => Write::pop_front(key),
        10 => Write::remove(key),
        _ => Write::expire(key, std::time::Duration::from_secs(86_400)),
    }
}

/// Hashes every entry with its revision and times. Returns the revision and the hash.
async fn hash(store: &Store<String>) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    let page = store.scan("").limit(usize::MAX).await.unwrap();
    for (key, entry) in &page.items {
        let times = [Some(entry.created_at), Some(entry.updated_at), entry.expires_at];
        (key.as_str(), entry.revision, times.map(|time| time.map(mainspring::Timestamp::as_nanos)))
            .hash(&mut hasher);
        match &entry.value {
            Value::Item(item) => item.hash(&mut hasher),
            Value::List(list) => list.hash(&mut hasher),
        }
    }
    (page.revision, hasher.finish())
}

async fn reopened_hash(folder: &Path) -> (u64, u64) {
    let store = Store::builder().journal(journal(folder)).spawn();
    store.ready().await.unwrap();
    let hash = hash(&store).await;
    store.shutdown().await.unwrap();
    hash
}

/// Waits for the snapshot and returns its path.
async fn snapshot(folder: &Path) -> PathBuf {
    let find = || {
        let mut files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("snapshot-"))
    };
    until("the snapshot exists", || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
async fn replay_has_hash_of_live_store() {
    let commands = number("COMMANDS", 30_000) as usize;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("replay-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder); // left by an earlier process with this id
    let mut random = Random::new(7);
    let start = Instant::now();
    let store = Store::builder().journal(journal(&folder)).spawn();
    for done in (0..commands).step_by(250) {
        let sent = (0..250).map(|_| mainspring_testing::send(&store, write(&mut random)));
        // Rejected commands count too.
        futures_util::future::join_all(sent).await;
        if done == commands / 500 * 250 {
            store.compact().await.unwrap();
        }
    }
    let live = hash(&store).await;
    let snapshot = snapshot(&folder).await;
    store.shutdown().await.unwrap();
    let wrote = start.elapsed();

    let start = Instant::now();
    assert_eq!(reopened_hash(&folder).await, live, "hash from the snapshot and the log after it");
    let both = start.elapsed();
    // The whole log is kept, so without an intact snapshot it is read from the beginning.
    std::fs::write(snapshot, "").unwrap();
    let start = Instant::now();
    assert_eq!(reopened_hash(&folder).await, live, "hash from the log alone");
    let log = start.elapsed();
    std::fs::remove_dir_all(&folder).unwrap();
    figures(format_args!(
        "{commands} commands made {} changes in {wrote:.1?}; same hash from the snapshot and the \
                 log in {both:.1?}, from the log alone in {log:.1?}",
        live.0
    ));
}
