//! `batch`: all or nothing, or each for itself.

use std::fs;

use crate::server::{Server, fresh};

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
    assert!(ended.err.starts_with("error: line 5: \"jump\" is no command"), "{}", ended.err);
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
