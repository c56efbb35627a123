//! `watch`: its output, its end, and its behavior when the server is killed.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::piped;
use crate::server::{Server, TIMEOUT, fresh, lines};

/// A running `watch`.
struct Watch {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Watch {
    fn start(server: &Server, args: &[&str]) -> Self {
        let mut command = server.command(&[&["watch"], args].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let out = lines(child.stdout.take().expect("stdio is piped"));
        let err = lines(child.stderr.take().expect("stdio is piped"));
        Self { child, out, err }
    }

    fn line(&self) -> String {
        self.out.recv_timeout(TIMEOUT).expect("a line")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).expect("valid JSON")
    }

    /// Send a signal, and return the exit code and the remaining output and errors.
    fn end(mut self, signal: &str) -> (i32, Vec<String>, Vec<String>) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
        assert!(sent.expect("sh runs").success());
        let code =
            self.child.wait().expect("the process ends").code().expect("not ended by a signal");
        (code, self.out.iter().collect(), self.err.iter().collect())
    }
}

#[test]
fn change_is_printed_as_a_line() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    let watch = Watch::start(&server, &["--from", "snapshot"]);
    assert_eq!(watch.line(), "1\tentry\tk\tv");
    assert_eq!(watch.line(), "1\tsnapshot_end\t\t");
    server.run_ok(&["update", "k", "w"]);
    server.run_ok(&["push", "l", "x"]);
    server.run_ok(&["push", "l", "y", "z"]);
    server.run_ok(&["pop", "l"]);
    server.run_ok(&["expire", "k", "1h"]);
    server.run_ok(&["remove", "k"]);
    server.run_ok(&["clear", "--yes"]);
    for line in [
        "2\tupdated\tk\tw",
        "3\tset\tl\t[\"x\"]",
        "4\tpushed\tl\ty",
        "5\tpushed\tl\tz",
        "6\tpopped\tl\t",
        "7\ttouched\tk\t",
        "8\tremoved\tk\t",
        "9\tcleared\t\t1",
    ] {
        assert_eq!(watch.line(), line);
    }
    let (code, rest, _) = watch.end("TERM");
    assert_eq!((code, rest), (143, vec![]));
}

#[test]
fn watch_filters_by_key_or_prefix() {
    let server = Server::start(&[]);
    for key in ["a/1", "b/1", "a/2", "a/1"] {
        server.run_ok(&["set", key, "v"]);
    }
    let revisions = |args: &[&str]| -> Vec<String> {
        let args = [&["watch", "--from", "0", "--until-revision", "4"], args].concat();
        let result = server.run(&args);
        assert_eq!(result.code, 0, "{}", result.err);
        result.out.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
    };
    assert_eq!(revisions(&[]), ["1", "2", "3", "4"]);
    assert_eq!(revisions(&["a/1"]), ["1", "4"]);
    assert_eq!(revisions(&["--prefix", "a/"]), ["1", "3", "4"]);
}

#[test]
fn watch_resumes_from_a_token() {
    let server = Server::start(&[]);
    for value in ["1", "2", "3"] {
        server.run_ok(&["set", "k", value]);
    }
    let first = server.run(&["watch", "--from", "0", "-n", "2"]);
    assert_eq!((first.code, first.out.lines().count()), (0, 2));
    let token = first.err.trim().rsplit(' ').next().expect("a token").to_owned();
    assert!(first.err.starts_with("to resume: --from "), "{}", first.err);
    let second = server.run(&["watch", "--from", &token, "--until-revision", "3", "--json"]);
    assert_eq!(second.out.lines().count(), 1);
    let event: Value = serde_json::from_str(&second.out).expect("valid JSON");
    assert_eq!((&event["event"], &event["value"]), (&"change".into(), &"3".into()));
    let token = event["resume"].as_str().expect("a token");
    // The revision was already reached.
    let third = server.run(&["watch", "--from", token, "--until-revision", "3"]);
    assert_eq!((third.code, third.out.as_str()), (0, ""));
}

#[test]
fn expiry_is_printed() {
    let server = Server::start(&[]);
    let watch = Watch::start(&server, &["--from", "0"]);
    server.run_ok(&["set", "k", "v", "--ttl", "50ms"]);
    assert_eq!(watch.line(), "1\tset\tk\tv");
    assert_eq!(watch.line(), "2\texpired\tk\t");
    assert_eq!(watch.end("INT").0, 130);
}

/// The server is killed twice during continuous writes.
#[test]
fn watch_of_a_killed_server_has_no_gap_and_no_duplicate() {
    let directory = format!("file:{}", fresh("watch-killed").display());
    let mut server = Server::start(&["--journal", &directory]);
    let watch = Watch::start(&server, &["--json", "--from", "snapshot"]);
    assert_eq!(watch.json()["event"], "snapshot_end");

    let stop = AtomicBool::new(false);
    let url = server.url.clone();
    let (acknowledged, last, _server) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let args = ["set", "k", "v", "--timeout", "2s", "--url", &url];
                let result = crate::command::run(&mut crate::command::mainspring(&args));
                match result.code {
                    0 => acknowledged.push(result.out.trim().parse::<u64>().expect("a revision")),
                    8 | 9 => {}
                    code => panic!("{code}: {}", result.err),
                }
            }
            acknowledged
        });
        let mut seen = 0;
        let mut expect = |count: u64| {
            for _ in 0..count {
                let event = watch.json();
                assert_eq!(event["event"], "change", "{event}");
                seen += 1;
                assert_eq!(event["revision"], seen, "no gap and no duplicate");
            }
        };
        for _ in 0..2 {
            expect(10);
            let port = server.port();
            server.kill();
            server = Server::start_at(port, &["--journal", &directory]);
        }
        expect(10);
        stop.store(true, Ordering::Relaxed);
        let acknowledged = writer.join().expect("the writer does not panic");
        let last = *acknowledged.last().expect("at least one write was acknowledged");
        expect(last - 30);
        (acknowledged, last, server)
    });
    assert!(acknowledged.len() > 10, "{acknowledged:?}");

    let (code, rest, err) = watch.end("INT");
    // A write without an acknowledgement may follow.
    assert!(rest.len() <= 1, "{rest:?}");
    assert_eq!(code, 130);
    let lost = err.iter().filter(|line| line.starts_with("lost the connection to ")).count();
    let restored = err.iter().filter(|line| line.starts_with("reconnected to ")).count();
    assert!((2..).contains(&lost) && lost == restored, "{err:?}");
    let end = err.last().expect("a line");
    assert!(end.starts_with("to resume: --from "), "{err:?}");
    let revision: u64 = end.rsplit('-').next().and_then(|text| text.parse().ok()).expect("a token");
    // The signal may arrive between printing a line and updating the token.
    assert!(revision + 1 >= last, "{end}");
}

/// The reader of the pipe is blocked.
#[test]
fn watch_with_a_blocked_reader_ends_on_a_signal() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    let mut child = piped(&mut server.command(&["watch", "--from", "0"]));
    let mut out = child.stdout.take().expect("stdio is piped");
    let mut line = [0; 8];
    out.read_exact(&mut line).expect("a line");
    assert_eq!(&line, b"1\tset\tk\t");
    // More than the capacity of a pipe.
    server.run_ok(&["set", "k", &"v".repeat(100_000)]);
    let mut rest = [0; 4];
    out.read_exact(&mut rest).expect("the file is writable");
    assert_eq!(&rest, b"v\n2\t");
    let sent = Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status();
    assert!(sent.expect("sh runs").success());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the file exists") {
            break status;
        }
        if begin.elapsed() > TIMEOUT {
            child.kill().expect("the file exists");
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(143));
    let mut err = String::new();
    child.stderr.take().expect("stdio is piped").read_to_string(&mut err).expect("UTF-8");
    assert!(err.trim_end().ends_with("-1"), "the token before the partly printed change: {err}");
}

/// Without a journal, the restarted server has another store.
#[test]
fn watch_ends_when_the_server_has_another_store() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    let mut watch = Watch::start(&server, &["--from", "0"]);
    watch.line();
    let port = server.port();
    server.kill();
    let _server = Server::start_at(port, &[]);
    assert_eq!(watch.child.wait().expect("the process ends").code(), Some(7));
    let err: Vec<String> = watch.err.iter().collect();
    assert!(err.iter().any(|line| line.contains("start again with --from snapshot")), "{err:?}");
}
