//! One process at a time.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use mainspring::journal::FileJournal;

use crate::ledger::look;
use crate::until;

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

/// Whichever way the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_second_process_is_told_of_the_first_and_a_killed_one_has_no_lock() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("lock-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder); // of another process that had this number
    let holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::holder", "--ignored", "--nocapture"])
        .env(FOLDER, &folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let holder = Killed(holder);
    until("the other process has started", || folder.join("ready").exists()).await;
    let refused = look(FileJournal::open(&folder)).await.unwrap_err();
    assert!(
        refused.contains(&format!("process {} has the journal open", holder.0.id())),
        "{refused}"
    );
    drop(holder);
    look(FileJournal::open(&folder)).await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
}
