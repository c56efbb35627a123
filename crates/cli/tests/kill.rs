//! A server that is killed (kill -9) during writes and a watch, and restarted over its journal.

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
/// Writes per request.
const BATCH: u64 = 100;

struct Server {
    process: Child,
    directory: PathBuf,
    port: u16,
}

impl Server {
    fn start(directory: &Path, port: u16) -> Self {
        Self { process: Self::spawn(directory, port), directory: directory.to_owned(), port }
    }

    fn spawn(directory: &Path, port: u16) -> Child {
        Command::new(env!("CARGO_BIN_EXE_mainspring"))
            .args(["serve", "--sync", "always", "--health-port", "0", "--log-level", "warn"])
            .args(["--port", &port.to_string()])
            .arg(format!("--journal=file:{}", directory.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = Self::spawn(&self.directory, self.port);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Write until the server has `CHANGES` changes, across restarts.
async fn write(store: Client<String>, writer: u64, written: Arc<AtomicU64>) {
    for round in 0.. {
        let pairs = (0..BATCH).map(|n| (format!("{writer}/{}", n % 37), format!("{round}/{n}")));
        match store.set_many(pairs).await {
            Ok(done) => {
                let last = done.into_iter().next_back().unwrap().unwrap();
                written.fetch_max(last, Ordering::Relaxed);
                if last >= CHANGES {
                    return;
                }
            }
            // Applied or not: the watch shows all changes that were.
            Err(Error::Unknown | Error::Unreachable(_) | Error::Closed | Error::Busy) => {
                store.ready().await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn watch_of_100_000_changes_survives_killed_servers() {
    let directory =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut server = Server::start(&directory, port);
    let store = Client::<String>::connect(&format!("http://127.0.0.1:{port}")).unwrap();
    let minutes = Duration::from_secs(180);
    timeout(minutes, store.ready()).await.unwrap().unwrap();

    let mut events = store.subscribe().await.unwrap();
    let id = events.resume_token().unwrap().store;
    let written = Arc::new(AtomicU64::new(0));
    let write = |n| tokio::spawn(write(store.clone(), n, Arc::clone(&written)));
    let writers: Vec<_> = (0..WRITERS).map(write).collect();
    // Kill during the writes, before all changes were delivered.
    let mut kills = [CHANGES / 3, CHANGES / 2, CHANGES * 3 / 4].into_iter().peekable();
    let mut copy: HashMap<Key, Entry<String>> = HashMap::new();
    let mut head = 0;
    // The writers stop when there are enough changes; all of them are delivered.
    let mut end = u64::MAX;
    while head < end {
        let Ok(event) = timeout(Duration::from_millis(100), events.recv()).await else {
            if writers.iter().all(tokio::task::JoinHandle::is_finished) {
                store.ready().await.unwrap();
                end = store.stats().await.unwrap().revision;
            }
            continue;
        };
        let event = event.unwrap();
        for change in event.changes() {
            assert_eq!(change.revision, head + 1, "no gap and no duplicate");
            head = change.revision;
        }
        event.apply_to(&mut copy);
        if kills.next_if(|at| written.load(Ordering::Relaxed) >= *at).is_some() {
            server.kill_and_restart();
        }
    }
    assert!(head >= CHANGES && kills.next().is_none());
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(events.resume_token().unwrap().store, id, "the store id does not change");
    let page = store.scan("").limit(10_000).await.unwrap();
    assert_eq!((page.revision, page.items.len()), (head, copy.len()));
    for (key, entry) in page.items {
        assert_eq!(copy[&key], entry);
    }
}
