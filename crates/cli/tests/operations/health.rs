//! The health checks: what they say when all is well, in a recovery, and when the journal has failed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;

use super::process::{Server, ask, eventually, fresh, mainspring, run};

#[test]
fn a_server_that_is_well_says_so() {
    let server = Server::start("health-well", &[]);
    server.ask("PUT", "/api/v1/k", "{\"value\":1}");
    for (path, status) in [("/healthz", "alive"), ("/readyz", "ready"), ("/started", "started")] {
        let answer = server.check(path);
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some(status)));
        assert_eq!(ask(&server.health, "HEAD", path, "", "").status, 200);
    }
    let details = server.check("/health");
    let json = details.json();
    assert_eq!((details.status, json["status"].as_str()), (200, Some("ready")));
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((json["revision"].as_u64(), json["entries"].as_u64()), (Some(1), Some(1)));
    assert!(json["uptime_seconds"].is_u64() && json["journal"]["bytes"].is_u64(), "{json}");

    assert_eq!(server.check("/api/v1/k").status, 404);
    assert_eq!(ask(&server.health, "POST", "/readyz", "", "").status, 405);
    assert_eq!(ask(&server.health, "GET", "/readyz", "", &"x".repeat(5_000)).status, 413);

    let url = format!("http://{}", server.health);
    assert_eq!(run(&["ready", "--url", &url]), (0, "ready\n".into()));
    let port = server.health.rsplit(':').next().expect("a port");
    for port in [port, &format!("\"{port}\"")] {
        let asked = mainspring(&["ready"]).env("HEALTH_PORT", port).output().expect("it runs");
        assert_eq!(asked.stdout, b"ready\n", "{asked:?}");
    }
    let (code, said) = run(&["ready", "--url", &format!("http://{}", server.api)]);
    assert_eq!(code, 1);
    assert!(said.contains("not that of a health port"), "{said}");
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    let (code, said) = run(&["ready", "--url", &url]);
    assert_eq!(code, 1);
    assert!(said.starts_with(&format!("not ready: no answer from {url}: ")), "{said}");
}

#[test]
fn who_says_too_much_is_no_health_port() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 4096]);
        // Until the other end has had enough.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let (code, said) = run(&["ready", "--url", &url]);
    assert_eq!(code, 1);
    assert!(said.contains("has more than 65536 bytes"), "{said}");
}

/// The manifest is a pipe, so that a recovery lasts until the test opens the other end.
#[test]
fn a_recovery_is_not_ready_and_answers() {
    let folder = fresh("health-recovery");
    fs::create_dir_all(&folder).expect("it can be created");
    let manifest = folder.join("MANIFEST");
    assert!(Command::new("mkfifo").arg(&manifest).status().expect("mkfifo runs").success());
    let server =
        Server::begin("health-recovery", &[&format!("--journal=file:{}", folder.display())]);
    for _ in 0..2 {
        assert_eq!(server.readiness(), (503, "recovering".into()));
        assert_eq!(server.check("/readyz").json()["code"], "recovering");
        assert_eq!(server.check("/healthz").status, 200);
        assert_eq!(server.check("/started").status, 503);
        assert_eq!(server.check("/health").status, 503);
        assert!(server.check("/metrics").body.contains("\nmainspring_ready 0\n"));
    }
    let (code, said) = run(&["ready", "--url", &format!("http://{}", server.health)]);
    assert_eq!((code, said.starts_with("not ready: recovering: ")), (1, true), "{said}");
    assert!(!server.log().contains("failed"), "that is no failure: {}", server.log());

    // An empty manifest is damaged.
    drop(fs::File::options().write(true).open(&manifest).expect("somebody reads"));
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("error: cannot start from the journal file:"), "{log}");
}

/// The folder is gone when the journal begins its next file.
#[test]
fn a_failed_journal_is_not_ready_and_ends_with_a_failure() {
    let (folder, away) = (fresh("health-failed"), fresh("health-failed-away"));
    let server = Server::start("health-failed", &[&format!("--journal=file:{}", folder.display())]);
    fs::rename(&folder, &away).expect("it is ours");
    let body = format!("{{\"value\":\"{}\"}}", "x".repeat(1_000_000));
    let mut failed = None;
    for _ in 0..20 {
        let answer = server.ask("PUT", "/api/v1/k", &body);
        if answer.status != 200 {
            failed = Some(answer);
            break;
        }
    }
    let failed = failed.expect("16 MiB are in a file");
    // A write that was under way when it was noticed, or one after the check of each second had noticed it.
    let (status, code) =
        if failed.status == 500 { (500, "outcome_unknown") } else { (503, "journal_failed") };
    assert_eq!((failed.status, failed.json()["code"].as_str()), (status, Some(code)));
    eventually("not ready", || server.readiness() == (503, "journal_failed".into()));
    assert_eq!(server.check("/healthz").status, 200, "it goes on reading");
    assert!(server.check("/metrics").body.contains("\nmainspring_journal_failed 1\n"));
    assert_eq!(server.ask("GET", "/api/v1/k", "").status, 200);
    let refused = server.ask("PUT", "/api/v1/k", "{\"value\":1}");
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("journal_failed")));

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
        log.contains("error: what is in memory may be more than what is in the journal"),
        "{log}"
    );
}
