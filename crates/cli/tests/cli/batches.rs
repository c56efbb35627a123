//! `batch`: atomic or independent writes.

use std::fs;

use crate::command::{mainspring, run_with};
use crate::server::{Server, fake_server, fresh};

const SETS: &str = r#"{"command":"set","key":"a","value":"1"}
{"command":"push","key":"l","value":"x"}

{"command":"pop","key":"l"}
"#;

#[test]
fn batch_reads_lines_and_arrays() {
    let server = Server::start(&[]);
    let result = server.run_with(&["batch"], SETS);
    assert_eq!((result.code, result.out.as_str(), result.err.as_str()), (0, "1\n2\n3\tx\n", ""));

    let file = fresh("batch.json");
    fs::write(&file, r#"[{"command":"set","key":"b","value":2,"ttl":"1h"}]"#)
        .expect("the file is writable");
    let output = server.run_ok(&["batch", file.to_str().expect("UTF-8"), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&output).expect("valid JSON");
    assert_eq!(json["revision"], 4);

    assert_eq!(server.run_with(&["batch"], "").code, 0, "an empty batch succeeds");
}

#[test]
fn rejected_batch_changes_nothing() {
    let server = Server::start(&[]);
    let input = format!("{SETS}{{\"command\":\"remove\",\"key\":\"none\"}}\n");
    let result = server.run_with(&["batch"], &input);
    assert_eq!((result.code, result.out.as_str()), (5, ""));
    assert_eq!(result.err, "error: line 5: key \"none\" not found; nothing was done\n");
    let result =
        server.run_with(&["batch"], &format!("{SETS}{{\"command\":\"jump\",\"key\":\"k\"}}"));
    assert_eq!(result.code, 2);
    assert!(result.err.starts_with("error: line 5: unknown command \"jump\""), "{}", result.err);
    let result = server.run_with(&["batch"], "[1");
    assert_eq!(result.code, 2, "{}", result.err);
    assert_eq!(server.run_ok(&["keys"]), "");
}

#[test]
fn independent_writes_are_applied_separately() {
    let server = Server::start(&[]);
    let input = format!("{{\"command\":\"remove\",\"key\":\"none\"}}\n{SETS}");
    let result = server.run_with(&["batch", "--independent"], &input);
    assert_eq!((result.code, result.out.as_str()), (4, "-\n1\n2\n3\tx\n"));
    assert!(result.err.starts_with("line 1: no such key"), "{}", result.err);
    assert_eq!(server.run_with(&["batch", "--independent"], SETS).code, 0);
}

#[test]
fn unknown_outcome_has_its_own_exit_code() {
    let problem = |code: &str| format!("{{\"code\":\"{code}\",\"message\":\"m\"}}");
    let body = ["outcome_unknown", "shutting_down", "storage_full"].map(problem).join(",");
    let url = fake_server("200 OK", &format!("[{body}]"));
    let batch = ["batch", "--independent", "--url", &url];
    let result = run_with(&mut mainspring(&batch), SETS);
    assert_eq!((result.code, result.out.as_str()), (9, "-\n-\n-\n"));
    assert!(result.err.starts_with("line 1: outcome unknown"), "{}", result.err);

    for (code, exit, message) in [
        ("failed", 1, "error: the store has failed: m"),
        ("outcome_unknown", 9, "error: the answer was lost"),
        ("shutting_down", 8, "is shutting down"),
        ("journal_failed", 1, "error: the journal has failed: m"),
        ("unauthorized", 10, "requires authentication"),
    ] {
        let url = fake_server("500 Internal Server Error", &problem(code));
        let result = run_with(&mut mainspring(&["batch", "--url", &url]), SETS);
        assert_eq!(result.code, exit, "{}", result.err);
        assert!(
            result.err.contains(message) && !result.err.contains("nothing was done"),
            "{}",
            result.err
        );
    }
}
