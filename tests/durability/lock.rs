//! One process at a time.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mainspring::journal::FileJournal;

use crate::ledger::look;

const FOLDER: &str = "MAINSPRING_TEST_FOLDER";

/// What the other process does: it has the folder open until it is killed.
#[tokio::test]
#[ignore = "started by the test that kills it"]
async fn holder() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = mainspring::Store::<String>::builder().journal(FileJournal::open(folder)).spawn();
    store.ready().await.unwrap();
    std::fs::write(PathBuf::from(std::env::var_os(FOLDER).unwrap()).join("ready"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_second_process_is_told_of_the_first_and_a_killed_one_has_no_lock() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("lock-{}", std::process::id()));
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::holder", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !folder.join("ready").exists() {
        assert!(Instant::now() < deadline, "the other process does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    let refused = look(FileJournal::open(&folder)).await.unwrap_err();
    assert!(refused.contains(&format!("process {} has it open", holder.id())), "{refused}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    look(FileJournal::open(&folder)).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
