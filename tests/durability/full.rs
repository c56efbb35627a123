//! A small file system that really is full, and has room again.
//!
//! Mounting one takes rights. A test that does not have them starts itself again in a user namespace of its
//! own, where it may.

use std::path::{Path, PathBuf};
use std::process::Command;

use mainspring::journal::FileJournal;
use mainspring::{Error, Store};

use crate::figures;

const INSIDE: &str = "MAINSPRING_TEST_MOUNT";

/// Run one of the tests below with a tmpfs of 2 MiB of its own.
fn with_small_disk(test: &str) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("{}-{}", test.replace("::", "-"), std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let script = r#"mount -t tmpfs -o size=2m tmpfs "$1" && shift && exec "$@""#;
    let run = |unshare: &[&str]| {
        Command::new("unshare")
            .args(unshare)
            .args(["sh", "-c", script, "sh"])
            .arg(&folder)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(INSIDE, &folder)
            .output()
    };
    // As root a mount namespace is enough; everybody else needs a user namespace as well.
    let mut seen = Vec::new();
    for unshare in [&["-m"][..], &["-rm"]] {
        match run(unshare) {
            Ok(output) => {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text).into_owned();
                if text.contains("running 1 test") {
                    assert!(output.status.success(), "{text}");
                    print!("{text}");
                    std::fs::remove_dir_all(&folder).unwrap();
                    return;
                }
                seen.push(text);
            }
            Err(error) => seen.push(error.to_string()),
        }
    }
    panic!(
        "this test mounts a small tmpfs: it needs util-linux, and root or `unshare -rm` to be allowed \
         (sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0): \
         {seen:#?}"
    );
}

fn disk() -> Option<PathBuf> {
    std::env::var_os(INSIDE).map(PathBuf::from)
}

async fn fill(store: &Store<String>, bytes: usize) -> (u64, Error) {
    let mut acknowledged = 0;
    for n in 0.. {
        match store.set(format!("key/{}", n % 50), "x".repeat(bytes)).await {
            Ok(revision) => acknowledged = revision,
            Err(error) => return (acknowledged, error),
        }
    }
    unreachable!()
}

/// The error says which file, and what the system said.
fn is_out_of_space(error: &Error) {
    let Error::JournalFull(cause) = error else { panic!("{error:?}") };
    assert!(cause.contains("/log-") && cause.contains("(os error 28)"), "{cause}");
}

fn journal(folder: &Path) -> FileJournal<String> {
    FileJournal::open(folder.join("journal")).segment_bytes(200 << 10).compact_above(u64::MAX, 1.0)
}

#[tokio::test]
#[ignore = "started with a small disk"]
async fn inside_fill_and_free() {
    let Some(disk) = disk() else { return };
    let ballast = disk.join("ballast");
    std::fs::write(&ballast, vec![1; 600 << 10]).unwrap();
    let store = Store::builder().journal(journal(&disk)).spawn();
    let (acknowledged, error) = fill(&store, 3_000).await;
    is_out_of_space(&error);
    assert_eq!(store.get("key/1").await.unwrap().unwrap().item().unwrap().len(), 3_000);
    let big = store.set("k", "y".repeat(20_000)).await;
    is_out_of_space(&big.unwrap_err());
    std::fs::remove_file(&ballast).unwrap();
    let after = store.set("k", "x").await.expect("there is room again");
    assert_eq!(after, acknowledged + 1);
    // Full once more, and stopped and started in that state.
    let (acknowledged, error) = fill(&store, 900).await;
    is_out_of_space(&error);
    assert_eq!(store.shutdown().await, Ok(()));
    let store = Store::builder().journal(journal(&disk)).spawn();
    store.ready().await.expect("a full disk can be read");
    assert_eq!(store.revision(), acknowledged);
    figures(format_args!("filled, freed, and filled again with {acknowledged} writes: all there"));
}

#[tokio::test]
#[ignore = "started with a small disk"]
async fn inside_compaction() {
    let Some(disk) = disk() else { return };
    let ballast = disk.join("ballast");
    let store = Store::builder().journal(journal(&disk)).spawn();
    for n in 0..250 {
        store.set(format!("key/{n}"), "x".repeat(3_000)).await.unwrap();
    }
    // The snapshot needs 750 kB, and there are 400.
    std::fs::write(&ballast, vec![1; (2 << 20) - (850 << 10) - (400 << 10)]).unwrap();
    let failed = store.compact().await.unwrap_err();
    let Error::CompactionFailed(cause) = &failed else { panic!("{failed:?}") };
    let where_and_why = "/snapshot.tmp: cannot write: ";
    assert!(cause.contains(where_and_why) && cause.contains("(os error 28)"), "{cause}");
    assert_eq!(store.stats().journal.failed_compactions, 1);
    let journal_folder = disk.join("journal");
    let has = |name: &str| {
        let mut files = std::fs::read_dir(&journal_folder).unwrap();
        files.any(|file| file.unwrap().file_name().to_string_lossy().starts_with(name))
    };
    assert!(!has("snapshot"), "what it has written is removed");
    // What it took it has given back, so that the log goes on.
    let before = store.revision();
    assert_eq!(store.set("k", "x").await, Ok(before + 1));
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(store.compact().await.unwrap().revision, before + 1);
    assert!(has("snapshot-"));
    store.shutdown().await.unwrap();
    let store = Store::<String>::builder().journal(journal(&disk)).spawn();
    store.ready().await.unwrap();
    assert_eq!((store.revision(), store.stats().entries), (before + 1, 251));
}

#[test]
fn a_full_disk_that_has_room_again_is_gone_on_with() {
    with_small_disk("full::inside_fill_and_free");
}

#[test]
fn a_compaction_that_fills_the_disk_gives_back_what_it_took() {
    with_small_disk("full::inside_compaction");
}
