//! Limits of the disk and of the process.

use std::fs;
use std::path::Path;

use super::process::{Client, Server, fresh, run, wait_until};

fn bytes_in(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).expect("the file exists");
    let length = |file: std::io::Result<fs::DirEntry>| {
        let metadata = file.and_then(|file| file.metadata()).expect("readable");
        if metadata.is_file() { metadata.len() } else { 0 }
    };
    files.map(length).sum()
}

fn put(server: &Server, key: usize, bytes: usize) -> (u16, String) {
    let body = format!("{{\"value\":\"{}\"}}", "x".repeat(bytes));
    let response = server.request("PUT", &format!("/api/v1/key{key}"), &body);
    (response.status, response.body)
}

#[test]
fn compaction_after_a_flush_frees_the_disk() {
    let directory = fresh("resources-flush");
    let journal = format!("--journal=file:{}", directory.display());
    let server = Server::start("resources-flush", &[&journal, "--journal-history-bytes=0"]);
    for key in 0..50 {
        assert_eq!(put(&server, key, 100_000).0, 200);
    }
    assert_eq!(server.request("DELETE", "/flush", "").status, 200);
    assert!(bytes_in(&directory) > 5_000_000, "{}", bytes_in(&directory));
    let response = server.request("POST", "/compact", "");
    assert_eq!(response.status, 200, "{response:?}");
    let compacted = response.json();
    assert_eq!(compacted["revision"], 51);
    assert!(compacted["bytes_before"].as_u64() > Some(5_000_000), "{compacted}");
    assert!(compacted["bytes_after"].as_u64() < Some(10_000), "{compacted}");
    assert!(bytes_in(&directory) < 10_000, "{}", bytes_in(&directory));
    // The command prints the same.
    let url = format!("--url=http://{}", server.api);
    let (code, output) = run(&["compact", "--json", &url]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.starts_with("{\"bytes_after\":") && output.contains("\"revision\":51"),
        "{output}"
    );
    let (code, output) = run(&["compact", &url]);
    assert_eq!(code, 0, "{output}");
    assert!(
        output.starts_with("snapshot at revision 51: ") && output.ends_with(" after\n"),
        "{output}"
    );
}

#[test]
fn compaction_keeps_the_configured_history() {
    let directory = fresh("resources-history");
    let journal = format!("--journal=file:{}", directory.display());
    let server = Server::start("resources-history", &[&journal]);
    for key in 0..5 {
        assert_eq!(put(&server, key, 100_000).0, 200);
    }
    let compacted = server.request("POST", "/compact", "").json();
    assert!(compacted["bytes_after"].as_u64() > Some(900_000), "log and snapshot: {compacted}");
}

/// A directory with the name of the snapshot makes the compaction fail.
#[test]
fn failed_compaction_is_reported_and_counted() {
    let directory = fresh("resources-failed");
    let journal = format!("--journal=file:{}", directory.display());
    let server = Server::start("resources-failed", &[&journal]);
    assert_eq!(put(&server, 1, 10).0, 200);
    fs::create_dir(directory.join("snapshot.tmp")).expect("the directory is writable");
    let response = server.request("POST", "/compact", "");
    assert_eq!(
        (response.status, response.json()["code"].as_str()),
        (500, Some("compaction_failed"))
    );
    let reason = response.json()["reason"].as_str().expect("a text").to_owned();
    assert!(reason.contains("snapshot.tmp: cannot create: "), "{reason}");
    let (code, output) = run(&["compact", &format!("--url=http://{}", server.api)]);
    assert_eq!(code, 1, "{output}");
    assert!(output.contains(&reason), "{output}");
    let stats = server.request("GET", "/stats", "").json();
    assert_eq!(stats["journal"]["failed_compactions"], 2);
    let metrics = server.check("/metrics").body;
    assert!(metrics.contains("mainspring_journal_compactions_failed_total 2\n"), "{metrics}");
    assert!(server.log().contains(&reason), "{}", server.log());
    // The server is healthy, and the next compaction succeeds.
    assert_eq!(server.readiness().0, 200);
    assert_eq!(put(&server, 2, 10).0, 200);
    fs::remove_dir(directory.join("snapshot.tmp")).expect("the directory is empty");
    assert_eq!(server.request("POST", "/compact", "").status, 200);
}

#[test]
fn file_size_limit_makes_the_journal_full() {
    let directory = fresh("resources-fsize");
    let journal = format!("--journal=file:{}", directory.display());
    // In blocks of 512 or 1,024 bytes, depending on the shell.
    let args = [&*journal, "--journal-history-bytes=0"];
    let server = Server::start_with_limit("resources-fsize", "-f 4000", &args);
    let rejected = (0..100).map(|_| put(&server, 1, 100_000)).find(|response| response.0 != 200);
    let (status, body) = rejected.expect("the limit is reached");
    assert_eq!(status, 507, "{body}");
    for part in ["\"code\":\"storage_full\"", "/log-", "File too large (os error 27)"] {
        assert!(body.contains(part), "{part} in {body}");
    }
    // Reads still work, and so do writes after a compaction.
    assert_eq!(server.request("GET", "/api/v1/key1", "").status, 200);
    assert_eq!(server.readiness(), (200, "ready".into()));
    assert_eq!(put(&server, 1, 100_000).0, 507);
    assert_eq!(server.request("POST", "/compact", "").status, 200, "it creates a new segment");
    assert_eq!(put(&server, 1, 100_000).0, 200);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    let again = Server::start("resources-fsize-again", &[&journal]);
    assert_eq!(again.request("GET", "/api/v1/key1", "").status, 200);
}

#[test]
fn idle_connections_leave_the_descriptors_that_the_journal_needs() {
    let needed = 1_400;
    let files = rlimit::increase_nofile_limit(needed).expect("readable");
    assert!(
        files >= needed,
        "this test needs {needed} open files, the limit is {files}: ulimit -n"
    );
    let directory = fresh("resources-idle");
    let args = [&*format!("--journal=file:{}", directory.display()), "--journal-history-bytes=0"];
    let server = Server::start_with_limit("resources-idle", "-n 1024", &args);
    let log = server.log();
    for part in ["max_connections is lowered", "configured=16384", "open_files=1024", "ulimit -n"] {
        assert!(log.contains(part), "{part} in {log}");
    }
    // Connect before the idle connections.
    let mut client = Client::connect(&server.api);
    client.send("GET /stats HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.read_to("}}");
    let idle: Vec<_> = (0..1_100).map(|_| Client::connect(&server.api)).collect();
    let metric = |name: &str| {
        let metrics = server.check("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or_default()
    };
    wait_until("the limit of connections is reached", || {
        metric("mainspring_http_connections ") > 700.0
    });
    for round in 0..3 {
        let body = format!("{{\"value\":{round}}}");
        client.send(&format!(
            "PUT /api/v1/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
        client.read_to("HTTP/1.1 200 OK\r\n");
        client.read_to("}");
        // A compaction opens another segment, a snapshot and a manifest.
        client.send("POST /compact HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        client.read_to("HTTP/1.1 200 OK\r\n");
        client.read_to("}");
    }
    assert_eq!(metric("mainspring_journal_compactions_total "), 3.0);
    drop(idle);
}

#[test]
fn server_with_few_descriptors_works() {
    let server = Server::start_with_limit("resources-few", "-n 256", &[]);
    assert_eq!(put(&server, 1, 10).0, 200);
    assert!(server.log().contains("max_connections is lowered"), "{}", server.log());
    // No warning if the configured limit fits.
    let args = ["--max-connections=16"];
    let server = Server::start_with_limit("resources-few-asked", "-n 256", &args);
    assert!(!server.log().contains("max_connections is lowered"), "{}", server.log());
}
