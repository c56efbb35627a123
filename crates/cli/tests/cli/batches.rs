//! `batch`: all or nothing, or each for itself.

use std::fs;

use crate::command::{mainspring, run_with};
use crate::server::{Server, fresh, liar};

const SETS: &str = r#"{"command":"set","key":"a","value":"1"}
{"command":"push","key":"l","value":"x"}

{"command":"pop","key":"l"}
"#;

#[test]
fn lines_and_lists() {
    let server = Server::start(&[]);
    let ended = server.run_with(&["batch"], SETS);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "1\n2\n3\tx\n", ""));

    let file = fresh("batch.json");
    fs::write(&file, r#"[{"command":"set","key":"b","value":2,"ttl":"1h"}]"#)
        .expect("it is written");
    let said = server.said(&["batch", file.to_str().expect("text"), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(json["revision"], 4);

    assert_eq!(server.run_with(&["batch"], "").code, 0, "nothing to do is done");
}

#[test]
fn all_or_nothing() {
    let server = Server::start(&[]);
    let wrong = format!("{SETS}{{\"command\":\"remove\",\"key\":\"none\"}}\n");
    let ended = server.run_with(&["batch"], &wrong);
    assert_eq!((ended.code, ended.out.as_str()), (5, ""));
    assert_eq!(ended.err, "error: line 5: there is no key \"none\"; nothing was done\n");
    let ended =
        server.run_with(&["batch"], &format!("{SETS}{{\"command\":\"jump\",\"key\":\"k\"}}"));
    assert_eq!(ended.code, 2);
    assert!(ended.err.starts_with("error: line 5: unknown command \"jump\""), "{}", ended.err);
    let ended = server.run_with(&["batch"], "[1");
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert_eq!(server.said(&["keys"]), "");
}

#[test]
fn each_for_itself() {
    let server = Server::start(&[]);
    let wrong = format!("{{\"command\":\"remove\",\"key\":\"none\"}}\n{SETS}");
    let ended = server.run_with(&["batch", "--independent"], &wrong);
    assert_eq!((ended.code, ended.out.as_str()), (4, "-\n1\n2\n3\tx\n"));
    assert!(ended.err.starts_with("line 1: no such key"), "{}", ended.err);
    assert_eq!(server.run_with(&["batch", "--independent"], SETS).code, 0);
}

#[test]
fn what_is_not_known_is_told_as_such() {
    let problem = |code: &str| format!("{{\"code\":\"{code}\",\"message\":\"m\"}}");
    let body = ["outcome_unknown", "shutting_down", "storage_full"].map(problem).join(",");
    let url = liar("200 OK", &format!("[{body}]"));
    let batch = ["batch", "--independent", "--url", &url];
    let ended = run_with(&mut mainspring(&batch), SETS);
    assert_eq!((ended.code, ended.out.as_str()), (9, "-\n-\n-\n"));
    assert!(ended.err.starts_with("line 1: outcome unknown"), "{}", ended.err);

    for (code, exit, says) in [
        ("failed", 1, "error: the store has failed: m"),
        ("outcome_unknown", 9, "error: the answer is lost"),
        ("shutting_down", 8, "is shutting down"),
        ("journal_failed", 1, "error: the journal has failed: m"),
        ("unauthorized", 10, "wants to know who asks"),
    ] {
        let url = liar("500 Internal Server Error", &problem(code));
        let ended = run_with(&mut mainspring(&["batch", "--url", &url]), SETS);
        assert_eq!(ended.code, exit, "{}", ended.err);
        assert!(
            ended.err.contains(says) && !ended.err.contains("nothing was done"),
            "{}",
            ended.err
        );
    }
}
