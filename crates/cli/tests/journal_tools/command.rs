//! The command, as a script would call it.

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
async fn each_exit_code() {
    let folder = filled("exit", 30).await;
    let (code, said, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 0);
    assert!(said.ends_with("All is well: a start goes on from revision 30\n"), "{said}");

    let (code, _, error) = run(&["check"], &[&fresh("exit-nowhere")]);
    assert_eq!(code, 1);
    assert!(error.contains("there is no journal in this folder"), "{error}");

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
        assert_eq!(run(&[command], &[&folder]).0, 0, "{command} beside a store");
    }
    store.shutdown().await.expect("the store closes");

    let last = files(&folder, "log-").pop().expect("a segment");
    let whole = fs::read(&last).expect("a readable file");
    fs::write(&last, [&whole[..], b"{\"revision\""].concat()).expect("a writable file");
    let (code, said, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 4);
    assert!(said.contains("A start would cut log-"), "{said}");
    fs::write(&last, whole).expect("a writable file");

    flip(&files(&folder, "log-")[0], "value 3");
    let (code, said, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 1);
    assert!(said.contains("A start would refuse: "), "{said}");
    let (code, said, _) = run(&["repair"], &[&folder]);
    assert_eq!(code, 1);
    assert!(said.contains("Would keep: 3 entries at revision 3."), "{said}");
    assert!(said.contains("Would lose: 27 acknowledged changes, revisions 4 to 30."), "{said}");
    assert!(said.ends_with("Nothing was changed: add --write to repair it.\n"), "{said}");
    let (code, said, _) = run(&["repair", "--salvage"], &[&folder]);
    assert_eq!(code, 1);
    assert!(said.contains("Would keep: 29 entries at revision 30."), "{said}");
    assert!(said.contains("Would lose: 1 revisions that are missing"), "{said}");
    let (code, said, _) = run(&["repair", "--write"], &[&folder]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("copied the directory to "), "{said}");
    assert_eq!(run(&["check"], &[&folder]).0, 0);
    let (code, said, _) = run(&["repair"], &[&folder]);
    assert_eq!((code, &*said), (0, "There is nothing to repair.\n"));
}

#[test]
fn help_tells_the_exit_codes() {
    for command in ["check", "stat", "dump", "repair", "compact", "export", "import", "restore"] {
        let (code, said, _) = run(&[command, "--help"], &[]);
        assert_eq!(code, 0);
        assert!(said.contains("Exit codes:\n  0    done"), "{said}");
    }
}

#[test]
fn numbers_are_shown_and_can_be_read_by_a_program() {
    let folder = pinned("stat", "journal-v1");
    let (_, said, _) = run(&["stat"], &[&folder]);
    assert!(said.contains("store      daa7b2f5b16def49\n"), "{said}");
    assert!(said.contains("revision 8, 4 entries, 1080 bytes\n"), "{said}");
    for (command, field, value) in [
        ("stat", "revision", serde_json::json!(24)),
        ("check", "verdict", serde_json::json!("open")),
        ("repair", "steps", serde_json::json!([])),
        ("compact", "entries", serde_json::json!(7)),
    ] {
        let (code, said, error) = run(&[command, "--json"], &[&folder]);
        assert_eq!(code, 0, "{error}");
        let json: serde_json::Value = serde_json::from_str(&said).expect(&said);
        assert_eq!(json[field], value, "{said}");
    }
}

#[test]
fn what_is_exported_can_be_imported() {
    let (folder, new) = (pinned("pipe", "journal-v1"), fresh("pipe-new"));
    let mut export = mainspring(&["export"], &[&folder]);
    let mut export =
        export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let pipe = export.stdout.take().expect("a pipe");
    let mut import = mainspring(&["import", "--json"], &[&new, Path::new("-")]);
    let (code, said, error) = ended(import.stdin(pipe).output().expect("the command runs"));
    assert!(export.wait().expect("the end of the process").success());
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("\"format\": \"export\""), "{said}");
    let undated =
        |rows: Vec<String>| rows.iter().map(|row| without_deadline(row)).collect::<Vec<_>>();
    assert_eq!(undated(rows(&new)), undated(rows(&folder)));

    let file = fresh("pipe-file").with_extension("jsonl");
    let (code, said, error) = run(&["export"], &[&folder, &file]);
    assert_eq!((code, &*said, &*error), (0, "", "7 entries at revision 24\n"));
    let (code, _, error) = run(&["import"], &[&new, &file]);
    assert_eq!(code, 1);
    assert!(error.contains("there is a journal in this folder already"), "{error}");
}

#[test]
fn a_torn_log_is_imported_and_told_of() {
    let file = fresh("torn-log").with_extension("log");
    let log = "{\"command\":\"set\",\"key\":\"k\",\"time\":\"2025-06-20T16:54:21Z\",\"value\":\"v\",\"kind\":0}\n";
    fs::write(&file, [log, "{\"command\":\"se"].concat()).expect("a writable file");
    let (code, said, error) = run(&["import"], &[&fresh("torn-log-new"), &file]);
    assert_eq!((code, &*said), (4, "1 entries from a log of commands, at revision 1\n"));
    assert_eq!(error, "line 2 is not complete, and was left out: {\"command\":\"se\n");
}

#[test]
fn a_store_can_be_restored() {
    let (folder, new) = (pinned("restore-command", "journal-v1"), fresh("restore-command-new"));
    let into = new.to_str().expect("text");
    let (code, said, error) = run(&["restore", "--to", "4", "--into", into], &[&folder]);
    assert_eq!(code, 0, "{error}");
    assert!(said.starts_with("2 entries at revision 4, as the new store "), "{said}");
    assert_eq!(rows(&new).len(), 2);
    let (code, _, error) = run(&["restore", "--to", "99", "--into", into], &[&folder]);
    assert_eq!(code, 1);
    assert!(error.contains("still to come"), "{error}");
}

#[tokio::test]
async fn a_dump_follows() {
    let folder = fresh("follow-command");
    let store = open(&folder);
    store.set("k", "0").await.expect("the write succeeds");
    let mut dump = mainspring(&["dump", "--follow", "--to", "30"], &[&folder]);
    let mut dump = dump.stdout(Stdio::piped()).spawn().expect("the command runs");
    let mut lines = BufReader::new(dump.stdout.take().expect("a pipe")).lines();
    // If it says nothing, or the test has failed.
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
    assert!(lines.next().is_none(), "it ends");
    ended.send(()).expect("the killer thread is running");
    assert!(killer.join().expect("no panic").expect("the end of the process").success());
    store.shutdown().await.expect("the store closes");

    let (code, said, _) = run(&["dump", "--from", "29"], &[&folder]);
    assert_eq!((code, said.lines().count()), (0, 2));
}

/// What was found out is the same whether anybody listens to it.
#[tokio::test]
async fn damage_is_damage_when_the_reader_leaves() {
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
async fn an_export_that_fails_leaves_nothing() {
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
async fn a_hint_can_be_pasted() {
    let folder = filled("hint's folder", 30).await;
    flip(&files(&folder, "log-")[1], "value");
    let (code, said, _) = run(&["check"], &[&folder]);
    assert_eq!(code, 1);
    assert!(said.contains("/journal-tools-hint's folder\"`"), "{said}");
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_failure() {
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
