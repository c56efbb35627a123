//! The directory of a running server: no other process can use it, even after files were removed, and its files are
//! private.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mainspring_testing::remove_all;

use super::process::{Server, fresh, run, wait_until};

fn put(server: &Server) -> (u16, String) {
    let response = server.request("PUT", "/api/v1/k", "{\"value\":1}");
    let code =
        if response.status == 200 { String::new() } else { response.json()["code"].to_string() };
    (response.status, code)
}

/// Check that after a change of the directory writes are rejected with the cause, the server is not ready, and it exits
/// with code 1.
fn fails_after(name: &str, change: impl FnOnce(&Path), cause: &str) {
    let data = fresh(name);
    let server = Server::start(name, &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(put(&server).0, 200);
    change(&data);
    // The first write detects the failure, unless the periodic check has already.
    let first = put(&server);
    assert!([500, 503].contains(&first.0), "{first:?}");
    assert_eq!(put(&server), (503, "\"journal_failed\"".into()));
    let rejected = server.request("PUT", "/api/v1/k", "{\"value\":1}");
    assert!(rejected.body.contains(cause), "{rejected:?}");
    assert_eq!(server.readiness(), (503, "journal_failed".into()));
    assert_eq!(server.request("GET", "/api/v1/k", "").status, 200, "reads still work");
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains(cause), "{log}");
}

#[test]
fn removed_directory_fails_the_server() {
    fails_after(
        "ownership-directory",
        remove_all,
        "was removed or moved while the store was running; writes are rejected",
    );
}

#[test]
fn removed_segment_fails_the_server() {
    fails_after(
        "ownership-segment",
        |data| {
            fs::remove_file(data.join("log-00000000000000000000.jsonl")).expect("the file exists");
        },
        "log-00000000000000000000.jsonl was removed or replaced while the store was running; writes are rejected",
    );
}

#[test]
fn idle_server_without_its_directory_is_not_ready() {
    let data = fresh("ownership-unready");
    let server =
        Server::start("ownership-unready", &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(server.readiness(), (200, "ready".into()));
    remove_all(&data);
    wait_until("not ready", || server.readiness() == (503, "journal_failed".into()));
    assert_eq!(put(&server).0, 503);
}

#[test]
fn server_without_its_accounts_directory_is_not_ready_and_exits_with_a_failure() {
    let data = fresh("ownership-accounts");
    let server = Server::start(
        "ownership-accounts",
        &[
            &format!("--journal=file:{}", data.display()),
            "--auth-enabled=true",
            "--admin-user=ada",
            "--admin-password=wheels within wheels",
        ],
    );
    assert_eq!(server.readiness(), (200, "ready".into()));
    remove_all(&data.join("accounts"));
    wait_until("not ready", || server.readiness() == (503, "journal_failed".into()));
    assert!(server.check("/readyz").body.contains("the accounts: "));
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
}

#[test]
fn idle_server_without_its_directory_exits_with_a_failure() {
    let data = fresh("ownership-idle");
    let server = Server::start("ownership-idle", &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(put(&server).0, 200);
    remove_all(&data);
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("was removed or moved while the store was running"), "{log}");
}

#[test]
fn second_server_is_rejected_after_the_lock_file_was_removed() {
    let data = fresh("ownership-lock");
    let journal = format!("--journal=file:{}", data.display());
    let first = Server::start("ownership-lock", &[&journal]);
    assert_eq!(put(&first).0, 200);
    fs::remove_file(data.join("LOCK")).expect("the file exists");
    let path = data.to_str().expect("UTF-8");
    for command in [
        &["serve", "--port=0", "--health-port=0", &journal][..],
        &["journal", "compact", path],
        &["journal", "repair", "--write", path],
    ] {
        let (code, output) = run(command);
        assert_eq!(code, 3, "{command:?}: {output}");
        assert!(output.contains("another process has the journal open"), "{output}");
    }
    assert!(!data.join("LOCK").exists(), "it is not created again");
    first.signal("TERM");
    let (code, log) = first.end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("LOCK was removed or moved while the store was running"), "{log}");
    // Nothing was lost, and the server starts again.
    let again = Server::start("ownership-lock", &[&journal]);
    assert_eq!(again.request("GET", "/api/v1/k", "").status, 200);
    again.signal("TERM");
    assert_eq!(again.end().0, 0);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file exists").permissions().mode() & 0o777
}

#[test]
fn journals_and_exports_are_private() {
    let root = fresh("ownership-mode");
    let data = root.join("data");
    let server = Server::start("ownership-mode", &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(put(&server).0, 200);
    let (url, online) = (format!("--url=http://{}", server.api), root.join("online.jsonl"));
    // A leftover of an earlier export is not reused: other processes may have it open.
    let part = root.join("online.jsonl.part");
    fs::write(&part, "").expect("the file is writable");
    fs::set_permissions(&part, PermissionsExt::from_mode(0o644)).expect("the file exists");
    let (code, output) = run(&["export", &url, online.to_str().expect("UTF-8")]);
    assert_eq!(code, 0, "{output}");
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("other users can read"), "{log}");

    let (path, offline) = (data.to_str().expect("UTF-8"), root.join("offline.jsonl"));
    let (code, output) = run(&["journal", "export", path, offline.to_str().expect("UTF-8")]);
    assert_eq!(code, 0, "{output}");
    for directory in [&root, &data] {
        assert_eq!(mode(directory), 0o700, "{}", directory.display());
    }
    let files = fs::read_dir(&data).expect("a directory").map(|file| file.expect("a file").path());
    let files: Vec<_> = files.chain([online, offline]).collect();
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn readable_journal_causes_a_warning_at_startup() {
    let data = fresh("ownership-exposed");
    let journal = format!("--journal=file:{}", data.display());
    let server = Server::start("ownership-exposed", &[&journal]);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("the file exists");
    };
    open(&data.join("MANIFEST"), 0o644);
    let warning = |expected: bool| {
        let server = Server::start("ownership-exposed", &[&journal]);
        wait_until("the server is ready", || server.log().contains("ready"));
        server.signal("TERM");
        let (code, log) = server.end();
        assert_eq!(code, 0, "{log}");
        let warnings: Vec<_> =
            log.lines().filter(|line| line.contains("other users can")).collect();
        assert_eq!(warnings.len(), usize::from(expected), "{log}");
        warnings.join("")
    };
    warning(false); // no other user can reach it
    open(&data, 0o755);
    let warning = warning(true);
    let advice = format!("chmod -R go-rwx {}", data.display());
    for part in [" WARN ", "MANIFEST", advice.as_str()] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    assert!(!warning.contains("log-"), "{warning}");
}
