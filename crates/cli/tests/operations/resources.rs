//! Limits of the disk and of the process: what they cost, and what they do not.

use std::fs;
use std::path::Path;

use super::process::{Client, Server, eventually, fresh, run};

fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).expect("it is there");
    let length = |file: std::io::Result<fs::DirEntry>| {
        let metadata = file.and_then(|file| file.metadata()).expect("it can be read");
        if metadata.is_file() { metadata.len() } else { 0 }
    };
    files.map(length).sum()
}

fn put(server: &Server, key: usize, bytes: usize) -> (u16, String) {
    let body = format!("{{\"value\":\"{}\"}}", "x".repeat(bytes));
    let answer = server.ask("PUT", &format!("/api/v1/key{key}"), &body);
    (answer.status, answer.body)
}

#[test]
fn compaction_after_a_flush_frees_the_disk() {
    let folder = fresh("resources-flush");
    let journal = format!("--journal=file:{}", folder.display());
    let server = Server::start("resources-flush", &[&journal, "--journal-history-bytes=0"]);
    for key in 0..50 {
        assert_eq!(put(&server, key, 100_000).0, 200);
    }
    assert_eq!(server.ask("DELETE", "/flush", "").status, 200);
    assert!(bytes_in(&folder) > 5_000_000, "{}", bytes_in(&folder));
    let answer = server.ask("POST", "/compact", "");
    assert_eq!(answer.status, 200, "{answer:?}");
    let compacted = answer.json();
    assert_eq!(compacted["revision"], 51);
    assert!(compacted["bytes_before"].as_u64() > Some(5_000_000), "{compacted}");
    assert!(compacted["bytes_after"].as_u64() < Some(10_000), "{compacted}");
    assert!(bytes_in(&folder) < 10_000, "{}", bytes_in(&folder));
    // The command says the same.
    let url = format!("--url=http://{}", server.api);
    let (code, said) = run(&["compact", "--json", &url]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("{\"bytes_after\":") && said.contains("\"revision\":51"), "{said}");
    let (code, said) = run(&["compact", &url]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("snapshot at revision 51: ") && said.ends_with(" after\n"), "{said}");
}

#[test]
fn compaction_keeps_the_history_that_is_asked_for() {
    let folder = fresh("resources-history");
    let journal = format!("--journal=file:{}", folder.display());
    let server = Server::start("resources-history", &[&journal]);
    for key in 0..5 {
        assert_eq!(put(&server, key, 100_000).0, 200);
    }
    let compacted = server.ask("POST", "/compact", "").json();
    assert!(compacted["bytes_after"].as_u64() > Some(900_000), "log and snapshot: {compacted}");
}

/// Nothing has to be mounted for it: where the name of the snapshot belongs is a folder.
#[test]
fn failed_compaction_says_why_and_is_counted() {
    let folder = fresh("resources-failed");
    let journal = format!("--journal=file:{}", folder.display());
    let server = Server::start("resources-failed", &[&journal]);
    assert_eq!(put(&server, 1, 10).0, 200);
    fs::create_dir(folder.join("snapshot.tmp")).expect("it can be created");
    let answer = server.ask("POST", "/compact", "");
    assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("compaction_failed")));
    let reason = answer.json()["reason"].as_str().expect("a text").to_owned();
    assert!(reason.contains("snapshot.tmp: cannot create: "), "{reason}");
    let (code, said) = run(&["compact", &format!("--url=http://{}", server.api)]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&reason), "{said}");
    let stats = server.ask("GET", "/stats", "").json();
    assert_eq!(stats["journal"]["failed_compactions"], 2);
    let metrics = server.check("/metrics").body;
    assert!(metrics.contains("mainspring_journal_compactions_failed_total 2\n"), "{metrics}");
    assert!(server.log().contains(&reason), "{}", server.log());
    // Nothing else is wrong, and the next one succeeds.
    assert_eq!(server.readiness().0, 200);
    assert_eq!(put(&server, 2, 10).0, 200);
    fs::remove_dir(folder.join("snapshot.tmp")).expect("it is empty");
    assert_eq!(server.ask("POST", "/compact", "").status, 200);
}

#[test]
fn file_size_limit_makes_the_journal_full_and_ends_nothing() {
    let folder = fresh("resources-fsize");
    let journal = format!("--journal=file:{}", folder.display());
    // In blocks of 512 bytes, or of 1024 where the shell is another.
    let args = [&*journal, "--journal-history-bytes=0"];
    let server = Server::start_with_limit("resources-fsize", "-f 4000", &args);
    let refused = (0..100).map(|_| put(&server, 1, 100_000)).find(|answer| answer.0 != 200);
    let (status, body) = refused.expect("a limit");
    assert_eq!(status, 507, "{body}");
    for part in ["\"code\":\"storage_full\"", "/log-", "File too large (os error 27)"] {
        assert!(body.contains(part), "{part} in {body}");
    }
    // Reads go on, and writes that find room.
    assert_eq!(server.ask("GET", "/api/v1/key1", "").status, 200);
    assert_eq!(server.readiness(), (200, "ready".into()));
    assert_eq!(put(&server, 1, 100_000).0, 507);
    assert_eq!(server.ask("POST", "/compact", "").status, 200, "which begins another file");
    assert_eq!(put(&server, 1, 100_000).0, 200);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    let again = Server::start("resources-fsize-again", &[&journal]);
    assert_eq!(again.ask("GET", "/api/v1/key1", "").status, 200);
}

#[test]
fn idle_connections_leave_the_descriptors_that_the_journal_needs() {
    let wanted = 1_400;
    let files = rlimit::increase_nofile_limit(wanted).expect("it can be read");
    assert!(files >= wanted, "this test needs {wanted} open files and may have {files}: ulimit -n");
    let folder = fresh("resources-idle");
    let args = [&*format!("--journal=file:{}", folder.display()), "--journal-history-bytes=0"];
    let server = Server::start_with_limit("resources-idle", "-n 1024", &args);
    let log = server.log();
    for part in ["max_connections is lowered", "configured=16384", "open_files=1024", "ulimit -n"] {
        assert!(log.contains(part), "{part} in {log}");
    }
    // It has its connection before the others come.
    let mut client = Client::connect(&server.api);
    client.send("GET /stats HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.expect("}}");
    let idle: Vec<_> = (0..1_100).map(|_| Client::connect(&server.api)).collect();
    let metric = |name: &str| {
        let metrics = server.check("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or_default()
    };
    eventually("all that fit are there", || metric("mainspring_http_connections ") > 700.0);
    for round in 0..3 {
        let body = format!("{{\"value\":{round}}}");
        client.send(&format!(
            "PUT /api/v1/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.expect("HTTP/1.1 200 OK\r\n");
        client.expect("}");
        // Another segment, a snapshot and a manifest are opened.
        client.send("POST /compact HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        client.expect("HTTP/1.1 200 OK\r\n");
        client.expect("}");
    }
    assert_eq!(metric("mainspring_journal_compactions_total "), 3.0);
    drop(idle);
}

#[test]
fn very_few_descriptors_still_serve() {
    let server = Server::start_with_limit("resources-few", "-n 256", &[]);
    assert_eq!(put(&server, 1, 10).0, 200);
    assert!(server.log().contains("max_connections is lowered"), "{}", server.log());
    // What was asked for fits: nothing to warn of.
    let args = ["--max-connections=16"];
    let server = Server::start_with_limit("resources-few-asked", "-n 256", &args);
    assert!(!server.log().contains("max_connections is lowered"), "{}", server.log());
}
