//! The health checks: of a healthy server, during recovery, and after a failure of the journal.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use super::process::{Server, fresh, mainspring, request, run, wait_until};

#[test]
fn healthy_server_is_alive_and_ready() {
    let server = Server::start("health-well", &[]);
    server.request("PUT", "/api/v1/k", "{\"value\":1}");
    for (path, status) in [("/healthz", "alive"), ("/readyz", "ready"), ("/started", "started")] {
        let response = server.check(path);
        assert_eq!((response.status, response.json()["status"].as_str()), (200, Some(status)));
        assert_eq!(request(&server.health, "HEAD", path, "", "").status, 200);
    }
    let details = server.check("/health");
    let json = details.json();
    assert_eq!((details.status, json["status"].as_str()), (200, Some("ready")));
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((json["revision"].as_u64(), json["entries"].as_u64()), (Some(1), Some(1)));
    assert!(json["uptime_seconds"].is_u64() && json["journal"]["bytes"].is_u64(), "{json}");

    assert_eq!(server.check("/api/v1/k").status, 404);
    assert_eq!(request(&server.health, "POST", "/readyz", "", "").status, 405);
    assert_eq!(request(&server.health, "GET", "/readyz", "", &"x".repeat(5_000)).status, 413);

    let url = format!("http://{}", server.health);
    assert_eq!(run(&["ready", "--url", &url]), (0, "ready\n".into()));
    let port = server.health.rsplit(':').next().expect("a free port");
    for port in [port, &format!("\"{port}\"")] {
        let result =
            mainspring(&["ready"]).env("HEALTH_PORT", port).output().expect("the program runs");
        assert_eq!(result.stdout, b"ready\n", "{result:?}");
    }
    let (code, output) = run(&["ready", "--url", &format!("http://{}", server.api)]);
    assert_eq!(code, 1);
    assert!(output.contains("not from a health port"), "{output}");
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    let (code, output) = run(&["ready", "--url", &url]);
    assert_eq!(code, 1);
    assert!(output.starts_with(&format!("not ready: no response from {url}: ")), "{output}");
}

#[test]
fn long_response_is_not_from_a_health_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        // Until the client closes the connection.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let (code, output) = run(&["ready", "--url", &url]);
    assert_eq!(code, 1);
    assert!(output.contains("is longer than 65536 bytes"), "{output}");
}

/// The manifest is a pipe, so that recovery waits until the test opens the other end.
#[test]
fn recovering_server_is_alive_and_not_ready() {
    let directory = fresh("health-recovery");
    fs::create_dir_all(&directory).expect("the directory is writable");
    let manifest = directory.join("MANIFEST");
    assert!(Command::new("mkfifo").arg(&manifest).status().expect("mkfifo runs").success());
    let server = Server::start_unready(
        "health-recovery",
        &[&format!("--journal=file:{}", directory.display())],
    );
    for _ in 0..2 {
        assert_eq!(server.readiness(), (503, "recovering".into()));
        assert_eq!(server.check("/readyz").json()["code"], "recovering");
        assert_eq!(server.check("/healthz").status, 200);
        assert_eq!(server.check("/started").status, 503);
        assert_eq!(server.check("/health").status, 503);
        assert!(server.check("/metrics").body.contains("\nmainspring_ready 0\n"));
    }
    let (code, output) = run(&["ready", "--url", &format!("http://{}", server.health)]);
    assert_eq!((code, output.starts_with("not ready: recovering: ")), (1, true), "{output}");
    assert!(!server.log().contains("failed"), "recovery is not a failure: {}", server.log());

    // An empty manifest is damaged.
    drop(fs::File::options().write(true).open(&manifest).expect("the server reads the pipe"));
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("error: cannot start from the journal file:"), "{log}");
}

/// The directory is moved away before the journal creates its next file.
#[test]
fn server_with_a_failed_journal_is_not_ready_and_exits_with_a_failure() {
    let (directory, away) = (fresh("health-failed"), fresh("health-failed-away"));
    let server =
        Server::start("health-failed", &[&format!("--journal=file:{}", directory.display())]);
    fs::rename(&directory, &away).expect("the file exists");
    let body = format!("{{\"value\":\"{}\"}}", "x".repeat(1_000_000));
    let mut failed = None;
    for _ in 0..20 {
        let response = server.request("PUT", "/api/v1/k", &body);
        if response.status != 200 {
            failed = Some(response);
            break;
        }
    }
    let failed = failed.expect("a segment has 16 MiB");
    // The write that detected the failure, or one after the periodic check had detected it.
    let (status, code) =
        if failed.status == 500 { (500, "outcome_unknown") } else { (503, "journal_failed") };
    assert_eq!((failed.status, failed.json()["code"].as_str()), (status, Some(code)));
    wait_until("not ready", || server.readiness() == (503, "journal_failed".into()));
    assert_eq!(server.check("/healthz").status, 200, "reads still work");
    assert!(server.check("/metrics").body.contains("\nmainspring_journal_failed 1\n"));
    assert_eq!(server.request("GET", "/api/v1/k", "").status, 200);
    let rejected = server.request("PUT", "/api/v1/k", "{\"value\":1}");
    assert_eq!((rejected.status, rejected.json()["code"].as_str()), (503, Some("journal_failed")));

    let id = failed.header("x-request-id").expect("an id").to_owned();
    let log = server.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap_or_else(|| panic!("{log}"));
    for part in ["ERROR", "request failed", "PUT", "/api/v1/{key}", &status.to_string(), code] {
        assert!(line.contains(part), "{part}: {line}");
    }
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
    assert!(
        log.contains("error: the journal has failed: the last changes may be in memory only"),
        "{log}"
    );
}
