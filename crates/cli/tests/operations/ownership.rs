//! The directory of a running server: no other process can use it, whatever was done to it, and its files are
//! private.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mainspring_testing::remove_all;

use super::process::{Server, eventually, fresh, run};

fn put(server: &Server) -> (u16, String) {
    let answer = server.ask("PUT", "/api/v1/k", "{\"value\":1}");
    let code = if answer.status == 200 { String::new() } else { answer.json()["code"].to_string() };
    (answer.status, code)
}

/// Writes are refused with the cause, the server is not ready, and it ends with exit code 1.
fn fails_after(name: &str, happens: impl FnOnce(&Path), cause: &str) {
    let data = fresh(name);
    let server = Server::start(name, &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(put(&server).0, 200);
    happens(&data);
    // Of the write that notices it; the check of each second may have done so before.
    let noticed = put(&server);
    assert!([500, 503].contains(&noticed.0), "{noticed:?}");
    assert_eq!(put(&server), (503, "\"journal_failed\"".into()));
    let refused = server.ask("PUT", "/api/v1/k", "{\"value\":1}");
    assert!(refused.body.contains(cause), "{refused:?}");
    assert_eq!(server.readiness(), (503, "journal_failed".into()));
    assert_eq!(server.ask("GET", "/api/v1/k", "").status, 200, "reads go on");
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
        |data| fs::remove_file(data.join("log-00000000000000000000.jsonl")).expect("it is ours"),
        "log-00000000000000000000.jsonl was removed or replaced while the store was running; writes are rejected",
    );
}

#[test]
fn idle_server_whose_directory_was_removed_is_not_ready() {
    let data = fresh("ownership-unready");
    let server =
        Server::start("ownership-unready", &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(server.readiness(), (200, "ready".into()));
    remove_all(&data);
    eventually("not ready", || server.readiness() == (503, "journal_failed".into()));
    assert_eq!(put(&server).0, 503);
}

#[test]
fn server_whose_accounts_were_removed_is_not_ready_and_ends_with_a_failure() {
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
    eventually("not ready", || server.readiness() == (503, "journal_failed".into()));
    assert!(server.check("/readyz").body.contains("the accounts: "));
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 1, "{log}");
}

#[test]
fn idle_server_whose_directory_was_removed_ends_with_a_failure() {
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
fn second_server_is_refused_although_the_lock_file_was_removed() {
    let data = fresh("ownership-lock");
    let journal = format!("--journal=file:{}", data.display());
    let first = Server::start("ownership-lock", &[&journal]);
    assert_eq!(put(&first).0, 200);
    fs::remove_file(data.join("LOCK")).expect("it is ours");
    let path = data.to_str().expect("text");
    for command in [
        &["serve", "--port=0", "--health-port=0", &journal][..],
        &["journal", "compact", path],
        &["journal", "repair", "--write", path],
    ] {
        let (code, said) = run(command);
        assert_eq!(code, 3, "{command:?}: {said}");
        assert!(said.contains("another process has the journal open"), "{said}");
    }
    assert!(!data.join("LOCK").exists(), "it is not created anew");
    first.signal("TERM");
    let (code, log) = first.end();
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("LOCK was removed or moved while the store was running"), "{log}");
    // Nothing was lost, and nothing is in the way of the next start.
    let again = Server::start("ownership-lock", &[&journal]);
    assert_eq!(again.ask("GET", "/api/v1/k", "").status, 200);
    again.signal("TERM");
    assert_eq!(again.end().0, 0);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn journals_and_exports_are_private() {
    let root = fresh("ownership-mode");
    let data = root.join("data");
    let server = Server::start("ownership-mode", &[&format!("--journal=file:{}", data.display())]);
    assert_eq!(put(&server).0, 200);
    let (url, online) = (format!("--url=http://{}", server.api), root.join("online.jsonl"));
    // What an earlier export has left there is not written to: others may have it open.
    let part = root.join("online.jsonl.part");
    fs::write(&part, "").expect("it can be written");
    fs::set_permissions(&part, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let (code, said) = run(&["export", &url, online.to_str().expect("text")]);
    assert_eq!(code, 0, "{said}");
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 0, "{log}");
    assert!(!log.contains("other users can read"), "{log}");

    let (path, offline) = (data.to_str().expect("text"), root.join("offline.jsonl"));
    let (code, said) = run(&["journal", "export", path, offline.to_str().expect("text")]);
    assert_eq!(code, 0, "{said}");
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
fn journal_that_others_can_read_is_warned_of_at_the_start() {
    let data = fresh("ownership-exposed");
    let journal = format!("--journal=file:{}", data.display());
    let server = Server::start("ownership-exposed", &[&journal]);
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
    let open = |path: &Path, mode| {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("it is ours");
    };
    open(&data.join("MANIFEST"), 0o644);
    let warning = |expected: bool| {
        let server = Server::start("ownership-exposed", &[&journal]);
        eventually("the end of the start is logged", || server.log().contains("ready"));
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
