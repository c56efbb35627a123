//! The command `mainspring journal`, called like from a script.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::folder::{files, filled, flip, fresh, open, pinned, rows, without_deadline};

fn mainspring(args: &[&str], folders: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.arg("journal").args(args).args(folders).stdin(Stdio::null());
    command
}

fn run(args: &[&str], folders: &[&Path]) -> (i32, String, String) {
    ended(mainspring(args, folders).output().expect("the command runs"))
}

fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn commands_return_documented_exit_codes() {
    let folder = filled("exit", 30).await;
    let (code, stdout, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 0);
    assert!(
        stdout.ends_with("The journal is intact: a store continues at revision 30\n"),
        "{stdout}"
    );

    let (code, _, error) = run(&["check"], &[&fresh("exit-nowhere")]);
    assert_eq!(code, 1);
    assert!(error.contains("there is no journal in this directory"), "{error}");

    assert_eq!(run(&["check", "--no-such-flag"], &[&folder]).0, 2);
    assert_eq!(run(&["restore", "--to", "yesterday", "--into", "x"], &[&folder]).0, 2);
    assert_eq!(run(&[], &[]).0, 2);

    let store = open(&folder);
    store.ready().await.expect("the store starts");
    for command in [&["compact"][..], &["repair", "--write"]] {
        let (code, _, error) = run(command, &[&folder]);
        assert_eq!(code, 3, "{error}");
        let pid = format!("process {} has the journal open", std::process::id());
        assert!(error.contains(&pid), "{error}");
    }
    for command in ["check", "stat", "dump", "export"] {
        assert_eq!(run(&[command], &[&folder]).0, 0, "{command} while a store is running");
    }
    store.shutdown().await.expect("the store closes");

    let last = files(&folder, "log-").pop().expect("a segment");
    let whole = fs::read(&last).expect("a readable file");
    fs::write(&last, [&whole[..], b"{\"revision\""].concat()).expect("a writable file");
    let (code, stdout, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 4);
    assert!(stdout.contains("The next start will cut log-"), "{stdout}");
    fs::write(&last, whole).expect("a writable file");

    flip(&files(&folder, "log-")[0], "value 3");
    let (code, stdout, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 1);
    assert!(stdout.contains("A store cannot start from this journal: "), "{stdout}");
    let (code, stdout, _) = run(&["repair"], &[&folder]);
    assert_eq!(code, 1);
    assert!(stdout.contains("Would keep: 3 entries at revision 3."), "{stdout}");
    assert!(stdout.contains("Would lose: 27 acknowledged changes, revisions 4 to 30."), "{stdout}");
    assert!(
        stdout.ends_with("Nothing was changed: add --write to repair the journal.\n"),
        "{stdout}"
    );
    let (code, stdout, _) = run(&["repair", "--salvage"], &[&folder]);
    assert_eq!(code, 1);
    assert!(stdout.contains("Would keep: 29 entries at revision 30."), "{stdout}");
    assert!(stdout.contains("Would lose: 1 revisions that are missing"), "{stdout}");
    let (code, stdout, _) = run(&["repair", "--write"], &[&folder]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("copied the directory to "), "{stdout}");
    assert_eq!(run(&["check"], &[&folder]).0, 0);
    let (code, stdout, _) = run(&["repair"], &[&folder]);
    assert_eq!((code, &*stdout), (0, "There is nothing to repair.\n"));
}

#[test]
fn help_lists_exit_codes() {
    for command in ["check", "stat", "dump", "repair", "compact", "export", "import", "restore"] {
        let (code, stdout, _) = run(&[command, "--help"], &[]);
        assert_eq!(code, 0);
        assert!(stdout.contains("Exit codes:\n  0    success"), "{stdout}");
    }
}

#[test]
fn reports_are_printed_as_text_and_json() {
    let folder = pinned("stat", "journal-v1");
    let (_, stdout, _) = run(&["stat"], &[&folder]);
    assert!(stdout.contains("store      daa7b2f5b16def49\n"), "{stdout}");
    assert!(stdout.contains("revision 8, 4 entries, 1080 bytes\n"), "{stdout}");
    for (command, field, value) in [
        ("stat", "revision", serde_json::json!(24)),
        ("check", "verdict", serde_json::json!("open")),
        ("repair", "steps", serde_json::json!([])),
        ("compact", "entries", serde_json::json!(7)),
    ] {
        let (code, stdout, error) = run(&[command, "--json"], &[&folder]);
        assert_eq!(code, 0, "{error}");
        let json: serde_json::Value = serde_json::from_str(&stdout).expect(&stdout);
        assert_eq!(json[field], value, "{stdout}");
    }
}

#[test]
fn problem_in_json_has_its_documented_members() {
    let folder = pinned("json-problem", "journal-v2");
    flip(&files(&folder, "log-")[1], "value");
    let (code, stdout, error) = run(&["check", "--json"], &[&folder]);
    assert_eq!(code, 1, "{error}");
    let json: serde_json::Value = serde_json::from_str(&stdout).expect(&stdout);
    let problem = &json["files"][2]["problem"];
    assert_eq!(problem["harm"], "damaged", "{stdout}");
    assert!(problem["offset"].is_u64() && problem["what"].is_string(), "{stdout}");
}

#[test]
fn export_can_be_imported() {
    let (folder, new) = (pinned("pipe", "journal-v1"), fresh("pipe-new"));
    let mut export = mainspring(&["export"], &[&folder]);
    let mut export =
        export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let pipe = export.stdout.take().expect("a pipe");
    let mut import = mainspring(&["import", "--json"], &[&new, Path::new("-")]);
    let (code, stdout, error) = ended(import.stdin(pipe).output().expect("the command runs"));
    assert!(export.wait().expect("the end of the process").success());
    assert_eq!(code, 0, "{error}");
    assert!(stdout.contains("\"format\": \"export\""), "{stdout}");
    let undated =
        |rows: Vec<String>| rows.iter().map(|row| without_deadline(row)).collect::<Vec<_>>();
    assert_eq!(undated(rows(&new)), undated(rows(&folder)));

    let file = fresh("pipe-file").with_extension("jsonl");
    let (code, stdout, error) = run(&["export"], &[&folder, &file]);
    assert_eq!((code, &*stdout, &*error), (0, "", "7 entries at revision 24\n"));
    let (code, _, error) = run(&["import"], &[&new, &file]);
    assert_eq!(code, 1);
    assert!(error.contains("there is already a journal in this directory"), "{error}");
}

#[test]
fn incomplete_log_is_imported_and_reported() {
    let file = fresh("torn-log").with_extension("log");
    let log = "{\"command\":\"set\",\"key\":\"k\",\"time\":\"2025-06-20T16:54:21Z\",\"value\":\"v\",\"kind\":0}\n";
    fs::write(&file, [log, "{\"command\":\"se"].concat()).expect("a writable file");
    let (code, stdout, error) = run(&["import"], &[&fresh("torn-log-new"), &file]);
    assert_eq!((code, &*stdout), (4, "1 entries from a log of commands, at revision 1\n"));
    assert_eq!(error, "line 2 is incomplete and was skipped: {\"command\":\"se\n");
}

#[test]
fn store_is_restored_to_revision() {
    let (folder, new) = (pinned("restore-command", "journal-v1"), fresh("restore-command-new"));
    let into = new.to_str().expect("text");
    let (code, stdout, error) = run(&["restore", "--to", "4", "--into", into], &[&folder]);
    assert_eq!(code, 0, "{error}");
    assert!(stdout.starts_with("2 entries at revision 4, as the new store "), "{stdout}");
    assert_eq!(rows(&new).len(), 2);
    let (code, _, error) = run(&["restore", "--to", "99", "--into", into], &[&folder]);
    assert_eq!(code, 1);
    assert!(error.contains("does not exist yet"), "{error}");
}

#[tokio::test]
async fn dump_follows_new_changes() {
    let folder = fresh("follow-command");
    let store = open(&folder);
    store.set("k", "0").await.expect("the write succeeds");
    let mut dump = mainspring(&["dump", "--follow", "--to", "30"], &[&folder]);
    let mut dump = dump.stdout(Stdio::piped()).spawn().expect("the command runs");
    let mut lines = BufReader::new(dump.stdout.take().expect("a pipe")).lines();
    // Stops the command if it prints nothing or the test fails.
    let (ended, has_ended) = mpsc::channel();
    let killer = thread::spawn(move || {
        if has_ended.recv_timeout(Duration::from_secs(30)).is_err() {
            dump.kill().expect("the process is killed");
        }
        dump.wait()
    });
    for n in 1..=30 {
        let line = lines.next().expect("a line").expect("text");
        assert!(line.starts_with(&format!("{{\"revision\":{n},")), "{line}");
        if n < 30 {
            store.set("k", "x".repeat(100)).await.expect("the write succeeds");
        }
    }
    assert!(lines.next().is_none(), "the dump must end");
    ended.send(()).expect("the killer thread is running");
    assert!(killer.join().expect("no panic").expect("the end of the process").success());
    store.shutdown().await.expect("the store closes");

    let (code, stdout, _) = run(&["dump", "--from", "29"], &[&folder]);
    assert_eq!((code, stdout.lines().count()), (0, 2));
}

/// The exit code must not depend on whether the output can be written.
#[tokio::test]
async fn closed_output_does_not_change_exit_code() {
    let folder = filled("leaves-damage", 30).await;
    flip(&files(&folder, "log-")[1], "value");
    let torn = fresh("leaves-torn-log").with_extension("log");
    let log = "{\"command\":\"set\",\"key\":\"k\",\"time\":\"2025-06-20T16:54:21Z\",\"value\":\"v\",\"kind\":0}\n";
    fs::write(&torn, [log, "{\"command\":\"se"].concat()).expect("a writable file");
    let new = fresh("leaves-import");
    for (args, folders, expected) in [
        (&["check"][..], &[&*folder][..], 1),
        (&["check", "--json"], &[&folder], 1),
        (&["repair"], &[&folder], 1),
        (&["repair", "--json"], &[&folder], 1),
        (&["export"], &[&folder], 1),
        (&["import"], &[&new, &torn], 4),
        (&["stat"], &[&folder], 0),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        // With `2>&1`.
        let mut command = mainspring(args, folders);
        command.stdout(writer.try_clone().expect("a pipe")).stderr(writer);
        let status = command.status().expect("the command runs");
        assert_eq!(status.code(), Some(expected), "{args:?}");
    }
}

#[tokio::test]
async fn failed_export_leaves_no_file() {
    let folder = filled("export-fails", 3).await;
    let out = fresh("export-fails-out");
    fs::create_dir_all(&out).expect("a folder where the file should be");
    let (code, _, error) = run(&["export"], &[&folder, &out]);
    assert_eq!(code, 1);
    assert!(error.starts_with("error: cannot write "), "{error}");
    let part = out.with_file_name("journal-tools-export-fails-out.part");
    assert!(!part.exists(), "{error}");
}

#[tokio::test]
async fn suggested_command_is_quoted_for_shell() {
    let folder = filled("hint's folder", 30).await;
    flip(&files(&folder, "log-")[1], "value");
    let (code, stdout, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 1);
    assert!(stdout.contains("/journal-tools-hint's folder\"`"), "{stdout}");
}

#[tokio::test]
async fn closed_output_is_not_an_error() {
    let folder = filled("leaves", 1_000).await;
    for command in ["dump", "export"] {
        let mut child = mainspring(&[command], &[&folder]);
        let mut child =
            child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
        drop(child.stdout.take());
        let (code, _, error) = ended(child.wait_with_output().expect("the end of the process"));
        assert_eq!((code, &*error), (0, ""), "{command}");
    }
}
