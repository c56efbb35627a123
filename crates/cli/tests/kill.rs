//! A server that is killed (kill -9) while it is written to and watched, and started again over its journal.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mainspring::{Entry, Error, Key};
use mainspring_http::Client;
use tokio::time::timeout;

const CHANGES: u64 = 100_000;
const WRITERS: u64 = 4;
/// Writes in one request.
const TOGETHER: u64 = 100;

struct Server {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    fn start(folder: &Path, port: u16) -> Self {
        Self { process: Self::spawn(folder, port), folder: folder.to_owned(), port }
    }

    fn spawn(folder: &Path, port: u16) -> Child {
        Command::new(env!("CARGO_BIN_EXE_mainspring"))
            .args(["serve", "--sync", "always", "--health-port", "0", "--log-level", "warn"])
            .args(["--port", &port.to_string()])
            .arg(format!("--journal=file:{}", folder.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn kill_and_start_again(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::spawn(&self.folder, self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Write until the server has as many changes as are wanted, whatever becomes of it meanwhile.
async fn write(store: Client<String>, writer: u64, written: Arc<AtomicU64>) {
    for round in 0.. {
        let pairs = (0..TOGETHER).map(|n| (format!("{writer}/{}", n % 37), format!("{round}/{n}")));
        match store.set_many(pairs).await {
            Ok(done) => {
                let last = done.into_iter().next_back().unwrap().unwrap();
                written.fetch_max(last, Ordering::Relaxed);
                if last >= CHANGES {
                    return;
                }
            }
            // It may have happened or not: either way it is told, or it is not.
            Err(Error::Unknown | Error::Unreachable(_) | Error::Closed | Error::Busy) => {
                store.ready().await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_watch_of_100_000_changes_survives_servers_that_are_killed() {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut server = Server::start(&folder, port);
    let store = Client::<String>::connect(&format!("http://127.0.0.1:{port}")).unwrap();
    let minutes = Duration::from_secs(180);
    timeout(minutes, store.ready()).await.unwrap().unwrap();

    let mut told = store.subscribe().await.unwrap();
    let id = told.resume_token().unwrap().store;
    let written = Arc::new(AtomicU64::new(0));
    let write = |n| tokio::spawn(write(store.clone(), n, Arc::clone(&written)));
    let writers: Vec<_> = (0..WRITERS).map(write).collect();
    // While they write, and before everything is told that was written.
    let mut kills = [CHANGES / 3, CHANGES / 2, CHANGES * 3 / 4].into_iter().peekable();
    let mut copy: HashMap<Key, Entry<String>> = HashMap::new();
    let mut head = 0;
    // The writers stop when they see that there are enough; what they did until then is told too.
    let mut end = u64::MAX;
    while head < end {
        let Ok(event) = timeout(Duration::from_millis(100), told.recv()).await else {
            if writers.iter().all(tokio::task::JoinHandle::is_finished) {
                store.ready().await.unwrap();
                end = store.stats().await.unwrap().revision;
            }
            continue;
        };
        let event = event.unwrap();
        for change in event.changes() {
            assert_eq!(change.revision, head + 1, "no gap, and no duplicate");
            head = change.revision;
        }
        event.apply_to(&mut copy);
        if kills.next_if(|at| written.load(Ordering::Relaxed) >= *at).is_some() {
            server.kill_and_start_again();
        }
    }
    assert!(head >= CHANGES && kills.next().is_none());
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(told.resume_token().unwrap().store, id, "the same store all the time");
    let page = store.scan("").limit(10_000).await.unwrap();
    assert_eq!((page.revision, page.items.len()), (head, copy.len()));
    for (key, entry) in page.items {
        assert_eq!(copy[&key], entry);
    }
}
