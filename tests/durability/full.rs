//! A small real file system that becomes full and has space again.
//!
//! Mounting a file system needs privileges. Without them, the test starts itself again in a user namespace, which has
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use mainspring::journal::FileJournal;
use mainspring::{Error, Store};

use crate::figures;

const INSIDE: &str = "MAINSPRING_TEST_MOUNT";

/// Runs one of the tests below with its own tmpfs of 2 MiB.
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
    // For root a mount namespace is enough; other users need a user namespace too.
    let mut outputs = Vec::new();
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
                outputs.push(text);
            }
            Err(error) => outputs.push(error.to_string()),
        }
    }
    panic!(
        "this test mounts a small tmpfs: it needs util-linux, and root or `unshare -rm` to be allowed \
         (sysctl kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0): \
         {outputs:#?}"
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

/// Verifies that the error has the file and the error of the system.
fn assert_out_of_space(error: &Error) {
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
    assert_out_of_space(&error);
    assert_eq!(store.get("key/1").await.unwrap().unwrap().item().unwrap().len(), 3_000);
    let big = store.set("k", "y".repeat(20_000)).await;
    assert_out_of_space(&big.unwrap_err());
    std::fs::remove_file(&ballast).unwrap();
    let after = store.set("k", "x").await.expect("there is space again");
    assert_eq!(after, acknowledged + 1);
    // Fills the disk again, and restarts the store on the full disk.
    let (acknowledged, error) = fill(&store, 900).await;
    assert_out_of_space(&error);
    assert_eq!(store.shutdown().await, Ok(()));
    let store = Store::builder().journal(journal(&disk)).spawn();
    store.ready().await.expect("a store can start on a full disk");
    assert_eq!(store.revision(), acknowledged);
    figures(format_args!(
        "filled, freed, and filled again with {acknowledged} writes: no write lost"
    ));
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
    // The snapshot needs 750 kB, and 400 kB are free.
    std::fs::write(&ballast, vec![1; (2 << 20) - (850 << 10) - (400 << 10)]).unwrap();
    let failed = store.compact().await.unwrap_err();
    let Error::CompactionFailed(cause) = &failed else { panic!("{failed:?}") };
    let file_and_action = "/snapshot.tmp: cannot write: ";
    assert!(cause.contains(file_and_action) && cause.contains("(os error 28)"), "{cause}");
    assert_eq!(store.stats().journal.failed_compactions, 1);
    let journal_folder = disk.join("journal");
    let has = |name: &str| {
        let mut files = std::fs::read_dir(&journal_folder).unwrap();
        files.any(|file| file.unwrap().file_name().to_string_lossy().starts_with(name))
    };
    assert!(!has("snapshot"), "the incomplete snapshot must be removed");
    // The space of the snapshot is free again, so appends succeed.
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
fn store_continues_when_full_disk_has_space_again() {
    with_small_disk("full::inside_fill_and_free");
}

#[test]
fn compaction_that_fills_disk_frees_its_space() {
    with_small_disk("full::inside_compaction");
}
