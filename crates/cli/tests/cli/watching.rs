//! `watch`: what it prints, how it ends, and what becomes of it when the server is killed.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::piped;
use crate::server::{PATIENCE, Server, fresh, lines};

/// A watch that goes on until it is told to end.
struct Watch {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Watch {
    fn start(server: &Server, args: &[&str]) -> Self {
        let mut command = server.command(&[&["watch"], args].concat());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let out = lines(child.stdout.take().expect("a pipe"));
        let err = lines(child.stderr.take().expect("a pipe"));
        Self { child, out, err }
    }

    fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("a line")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }

    /// Send it a signal, and say how it ended, and the rest of what it had to say.
    fn end(mut self, signal: &str) -> (i32, Vec<String>, Vec<String>) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status();
        assert!(sent.expect("a shell").success());
        let code = self.child.wait().expect("it ends").code().expect("by itself");
        (code, self.out.iter().collect(), self.err.iter().collect())
    }
}

#[test]
fn a_change_is_a_line() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    let watch = Watch::start(&server, &["--from", "snapshot"]);
    assert_eq!(watch.line(), "1\tentry\tk\tv");
    assert_eq!(watch.line(), "1\tsnapshot_end\t\t");
    server.said(&["update", "k", "w"]);
    server.said(&["push", "l", "x"]);
    server.said(&["push", "l", "y", "z"]);
    server.said(&["pop", "l"]);
    server.said(&["expire", "k", "1h"]);
    server.said(&["remove", "k"]);
    server.said(&["clear", "--yes"]);
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
fn a_key_or_a_prefix() {
    let server = Server::start(&[]);
    for key in ["a/1", "b/1", "a/2", "a/1"] {
        server.said(&["set", key, "v"]);
    }
    let revisions = |args: &[&str]| -> Vec<String> {
        let args = [&["watch", "--from", "0", "--until-revision", "4"], args].concat();
        let ended = server.run(&args);
        assert_eq!(ended.code, 0, "{}", ended.err);
        ended.out.lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect()
    };
    assert_eq!(revisions(&[]), ["1", "2", "3", "4"]);
    assert_eq!(revisions(&["a/1"]), ["1", "4"]);
    assert_eq!(revisions(&["--prefix", "a/"]), ["1", "3", "4"]);
}

#[test]
fn a_watch_goes_on_where_another_has_ended() {
    let server = Server::start(&[]);
    for value in ["1", "2", "3"] {
        server.said(&["set", "k", value]);
    }
    let first = server.run(&["watch", "--from", "0", "-n", "2"]);
    assert_eq!((first.code, first.out.lines().count()), (0, 2));
    let token = first.err.trim().rsplit(' ').next().expect("a token").to_owned();
    assert!(first.err.starts_with("to go on from here: --from "), "{}", first.err);
    let second = server.run(&["watch", "--from", &token, "--until-revision", "3", "--json"]);
    assert_eq!(second.out.lines().count(), 1);
    let event: Value = serde_json::from_str(&second.out).expect("JSON");
    assert_eq!((&event["event"], &event["value"]), (&"change".into(), &"3".into()));
    let there = event["resume"].as_str().expect("a token");
    // It is there already.
    let third = server.run(&["watch", "--from", there, "--until-revision", "3"]);
    assert_eq!((third.code, third.out.as_str()), (0, ""));
}

#[test]
fn an_expiry_is_seen() {
    let server = Server::start(&[]);
    let watch = Watch::start(&server, &["--from", "0"]);
    server.said(&["set", "k", "v", "--ttl", "50ms"]);
    assert_eq!(watch.line(), "1\tset\tk\tv");
    assert_eq!(watch.line(), "2\texpired\tk\t");
    assert_eq!(watch.end("INT").0, 130);
}

/// Somebody writes all the time, and the server is killed in the middle, twice.
#[test]
fn a_server_that_is_killed_costs_no_change_and_repeats_none() {
    let folder = format!("file:{}", fresh("watch-killed").display());
    let mut server = Server::start(&["--journal", &folder]);
    let watch = Watch::start(&server, &["--json", "--from", "snapshot"]);
    assert_eq!(watch.json()["event"], "snapshot_end");

    let stop = AtomicBool::new(false);
    let url = server.url.clone();
    let (acknowledged, last, _server) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let args = ["set", "k", "v", "--timeout", "2s", "--url", &url];
                let ended = crate::command::run(&mut crate::command::mainspring(&args));
                match ended.code {
                    0 => acknowledged.push(ended.out.trim().parse::<u64>().expect("a revision")),
                    8 | 9 => {}
                    code => panic!("{code}: {}", ended.err),
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
                assert_eq!(event["revision"], seen, "no gap, and nothing twice");
            }
        };
        for _ in 0..2 {
            expect(10);
            let port = server.port();
            server.kill();
            server = Server::start_at(port, &["--journal", &folder]);
        }
        expect(10);
        stop.store(true, Ordering::Relaxed);
        let acknowledged = writer.join().expect("it writes");
        let last = *acknowledged.last().expect("some were");
        expect(last - 30);
        (acknowledged, last, server)
    });
    assert!(acknowledged.len() > 10, "{acknowledged:?}");

    let (code, rest, err) = watch.end("INT");
    // What was written without an answer may follow.
    assert!(rest.len() <= 1, "{rest:?}");
    assert_eq!(code, 130);
    let lost = err.iter().filter(|line| line.starts_with("lost the server at ")).count();
    let found = err.iter().filter(|line| line.starts_with("found the server at ")).count();
    assert!((2..).contains(&lost) && lost == found, "{err:?}");
    let end = err.last().expect("a line");
    assert!(end.starts_with("to go on from here: --from "), "{err:?}");
    let revision: u64 = end.rsplit('-').next().and_then(|text| text.parse().ok()).expect("a token");
    // The signal may come between the last line and the note of it.
    assert!(revision + 1 >= last, "{end}");
}

/// Its reader takes nothing, as one that was stopped.
#[test]
fn a_watch_ends_also_when_nobody_reads_it() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    let mut child = piped(&mut server.command(&["watch", "--from", "0"]));
    let mut out = child.stdout.take().expect("a pipe");
    let mut line = [0; 8];
    out.read_exact(&mut line).expect("a line");
    assert_eq!(&line, b"1\tset\tk\t");
    // More than there is room for in a pipe.
    server.said(&["set", "k", &"v".repeat(100_000)]);
    let mut rest = [0; 4];
    out.read_exact(&mut rest).expect("it is written");
    assert_eq!(&rest, b"v\n2\t");
    let sent = Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status();
    assert!(sent.expect("a shell").success());
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is there") {
            break status;
        }
        if begin.elapsed() > PATIENCE {
            child.kill().expect("it is there");
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(143));
    let mut err = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
    assert!(err.trim_end().ends_with("-1"), "from where not all was printed: {err}");
}

/// Without a journal it is another store, and nobody can say what came in between.
#[test]
fn a_server_that_has_forgotten_ends_the_watch() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    let mut watch = Watch::start(&server, &["--from", "0"]);
    watch.line();
    let port = server.port();
    server.kill();
    let _server = Server::start_at(port, &[]);
    assert_eq!(watch.child.wait().expect("it ends").code(), Some(7));
    let err: Vec<String> = watch.err.iter().collect();
    assert!(err.iter().any(|line| line.contains("Start over with --from snapshot")), "{err:?}");
}
