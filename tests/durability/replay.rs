//! Many random commands, and the same store from the log alone as from a snapshot and the rest of the log.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

use mainspring::journal::FileJournal;
use mainspring::{Store, Value, Write};
use mainspring_testing::Random;

use crate::{figures, number, until};

fn journal(folder: &Path) -> FileJournal<String> {
    // What is hashed is what is read back, not what survives a power cut.
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

/// Of every entry, with its revision and its times.
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

async fn opened(folder: &Path) -> (u64, u64) {
    let store = Store::builder().journal(journal(folder)).spawn();
    store.ready().await.unwrap();
    let hash = hash(&store).await;
    store.shutdown().await.unwrap();
    hash
}

/// The snapshot, once it is there.
async fn snapshot(folder: &Path) -> PathBuf {
    let find = || {
        let mut files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("snapshot-"))
    };
    until("there is a snapshot", || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
async fn a_replay_has_the_hash_of_the_live_store() {
    let commands = number("COMMANDS", 30_000) as usize;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("replay-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder); // of another process that had this number
    let mut random = Random::new(7);
    let start = Instant::now();
    let store = Store::builder().journal(journal(&folder)).spawn();
    for done in (0..commands).step_by(250) {
        let sent = (0..250).map(|_| mainspring_testing::send(&store, write(&mut random)));
        // Refusals are commands too.
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
    assert_eq!(opened(&folder).await, live, "from the snapshot and the log after it");
    let both = start.elapsed();
    // All of the log is kept: without a good snapshot it is read from its start.
    std::fs::write(snapshot, "").unwrap();
    let start = Instant::now();
    assert_eq!(opened(&folder).await, live, "from the log alone");
    let log = start.elapsed();
    std::fs::remove_dir_all(&folder).unwrap();
    figures(format_args!(
        "{commands} commands were {} changes, in {wrote:.1?}; the same hash from the snapshot and the \
         log in {both:.1?}, from the log alone in {log:.1?}",
        live.0
    ));
}
