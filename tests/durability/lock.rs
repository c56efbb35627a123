//! The lock of a directory, which only one process can have.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mainspring::journal::FileJournal;

use crate::ledger::read_content;
use crate::until;

const FOLDER: &str = "MAINSPRING_TEST_FOLDER";

/// The other process: it has the journal open until it is killed.
#[tokio::test]
#[ignore = "started by the test that kills it"]
async fn holder() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = mainspring::Store::<String>::builder().journal(FileJournal::open(folder)).spawn();
    store.ready().await.unwrap();
    std::fs::write(PathBuf::from(std::env::var_os(FOLDER).unwrap()).join("ready"), "").unwrap();
    std::future::pending::<()>().await;
}

/// Kills the process when the test ends, also by a panic.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn second_process_is_rejected_until_first_is_killed() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("lock-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder); // left by an earlier process with this id
    let holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::holder", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let holder = KillOnDrop(holder);
    until("the other process has started", || folder.join("ready").exists()).await;
    let error = read_content(FileJournal::open(&folder)).await.unwrap_err();
    assert!(error.contains(&format!("process {} has the journal open", holder.0.id())), "{error}");
    drop(holder);
    read_content(FileJournal::open(&folder)).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
