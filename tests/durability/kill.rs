//! kill -9 under load on the real file system: a child process writes with many tasks and reports acknowledged writes
//! to its parent through a pipe.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mainspring::journal::FileJournal;
use mainspring::journal::file::SyncPolicy;
use mainspring::{Store, Value, Write};
use mainspring_testing::Random;

use crate::{figures, number};

const TASKS: u64 = 48;
const FOLDER: &str = "MAINSPRING_TEST_FOLDER";
const RUN: &str = "MAINSPRING_TEST_RUN";

fn journal(folder: &Path, run: u64) -> FileJournal<String> {
    // Acknowledged changes survive the end of the process under every policy.
    let sync = [
        SyncPolicy::Always,
        SyncPolicy::Always,
        SyncPolicy::Every(Duration::from_millis(5)),
        SyncPolicy::Os,
    ];
    FileJournal::open(folder)
        .sync(sync[run as usize % 4])
        .segment_bytes(64 << 10)
        .history_bytes(32 << 10)
        .compact_above(96 << 10, 0.0)
}

/// Returns the keys and values of a task after this many of its writes.
fn expected(run: u64, task: u64, writes: u64) -> BTreeMap<String, Value<String>> {
    let (a, b, list) = keys(run, task);
    let mut state = BTreeMap::new();
    let mut elements = std::collections::VecDeque::new();
    for write in 0..writes {
        let n = (write / 3).to_string();
        match write % 3 {
            0 => {
                state.insert(a.clone(), Value::Item(n.clone()));
                state.insert(b.clone(), Value::Item(n));
            }
            1 => elements.push_back(n),
            _ if write % 2 == 0 => drop(elements.pop_front()),
            _ => elements.push_back("more".into()),
        }
        if write > 0 {
            state.insert(list.clone(), Value::List(elements.iter().cloned().collect()));
        }
    }
    state
}

fn keys(run: u64, task: u64) -> (String, String, String) {
    let name = |part| format!("run/{run:05}/{task:02}/{part}");
    (name("a"), name("b"), name("list"))
}

/// The child process, until it is killed.
#[test]
#[ignore = "started by the test that kills it"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let run = number(RUN, 0);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::builder().journal(journal(Path::new(&folder), run)).spawn();
        store.ready().await.unwrap();
        let tasks = (0..TASKS).map(|task| tokio::spawn(writes(store.clone(), run, task)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

async fn writes(store: Store<String>, run: u64, task: u64) {
    let (a, b, list) = keys(run, task);
    for write in 0.. {
        let n = (write / 3).to_string();
        match write % 3 {
            0 => drop(store.batch([Write::set(&a, n.clone()), Write::set(&b, n)]).await.unwrap()),
            1 => drop(store.push(&list, n).await.unwrap()),
            _ if write % 2 == 0 => drop(store.pop_front(&list).await.unwrap()),
            _ => drop(store.push(&list, "more").await.unwrap()),
        }
        // A single system call, so that the pipe never has a part of a line. Unread lines remain after the kill.
        let line = format!("\nacknowledged {task} {}\n", write + 1);
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// Kills the process when it is dropped.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets a child process write for some time, then kills it. Returns the number of acknowledged writes per task.
fn run_and_kill(folder: &Path, run: u64, random: &mut Random) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(RUN, run.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut child = KillOnDrop(child);
    let mut acknowledged = vec![0; TASKS as usize];
    let (started, has_started) = std::sync::mpsc::channel();
    let read = std::thread::spawn(move || {
        let mut other = Vec::new();
        for line in lines.map_while(Result::ok) {
            let words: Vec<_> = line.split(' ').collect();
            if let ["acknowledged", task, writes] = words[..] {
                acknowledged[task.parse::<usize>().unwrap()] = writes.parse().unwrap();
                let _ = started.send(());
            } else if !line.is_empty() {
                other.push(line);
            }
        }
        (acknowledged, other)
    });
    // One run in ten is killed during the start.
    if random.below(10) > 0 {
        let _ = has_started.recv_timeout(Duration::from_secs(20));
    }
    std::thread::sleep(Duration::from_micros(random.below(60_000) as u64));
    let ended = child.0.try_wait().unwrap();
    drop(child);
    let (acknowledged, other) = read.join().unwrap();
    assert!(ended.is_none(), "the child ended before it was killed: {other:#?}");
    acknowledged
}

#[test]
fn kill_9_loses_nothing_and_invents_nothing() {
    let kills = number("KILLS", 30);
    let first = number("FIRST_KILL", 0);
    let mut random = Random::new(first + 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kill-9");
    let (mut total, mut unanswered) = (0, 0);
    let mut before = BTreeMap::new();
    let mut folder = base.clone();
    for run in first..first + kills {
        if (run - first).is_multiple_of(20) {
            let _ = std::fs::remove_dir_all(&folder);
            folder = base.join(format!("{}-{run}", std::process::id()));
            std::fs::create_dir_all(&base).unwrap();
            before = BTreeMap::new();
        }
        let acknowledged = run_and_kill(&folder, run, &mut random);
        total += acknowledged.iter().sum::<u64>();
        let found = runtime.block_on(async {
            if random.below(2) == 0 {
                let found = crate::ledger::read_content(journal(&folder, run)).await;
                return found.unwrap_or_else(|error| panic!("run {run}: {error}")).state.entries;
            }
            let store = Store::builder().journal(journal(&folder, run)).spawn();
            store.ready().await.unwrap_or_else(|error| panic!("run {run}: {error}"));
            let page = store.scan("").limit(usize::MAX).await.unwrap();
            store.shutdown().await.unwrap();
            page.items.into_iter().collect()
        });
        let found = found.into_iter().map(|(key, entry)| (key.to_string(), entry.value));
        let found: BTreeMap<_, _> = found.collect();
        let mut expected_state = before;
        for task in 0..TASKS {
            let writes = acknowledged[task as usize];
            let (from, to) =
                (format!("run/{run:05}/{task:02}/"), format!("run/{run:05}/{task:02}/~"));
            let actual: BTreeMap<_, _> =
                found.range(from..to).map(|(key, value)| (key.clone(), value.clone())).collect();
            // The write that was in progress may have been applied.
            if actual != expected(run, task, writes) {
                unanswered += 1;
                assert_eq!(
                    actual,
                    expected(run, task, writes + 1),
                    "run {run}, task {task}: {writes} writes were acknowledged; see {folder:?}"
                );
            }
            expected_state.extend(actual);
        }
        assert!(
            found == expected_state,
            "run {run}: entries of earlier runs have changed; see {folder:?}"
        );
        before = expected_state;
    }
    let _ = std::fs::remove_dir_all(&folder);
    figures(format_args!(
        "{kills} kills: {total} acknowledged writes, 0 lost, 0 invented; {unanswered} unacknowledged writes were applied"
    ));
}
