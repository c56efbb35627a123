//! `export` and `import`: out of one server, into another.

use std::fs;

use crate::command::{mainspring, run_with};
use crate::server::{Server, fresh, liar};

/// A row without what an import cannot keep: its revision and its times.
fn kept(export: &str) -> Vec<(serde_json::Value, serde_json::Value, serde_json::Value)> {
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        (row["key"].clone(), row["kind"].clone(), row["value"].clone())
    };
    export.lines().map(row).collect()
}

#[test]
fn an_export_goes_into_another_server() {
    let (one, other) = (Server::start(&[]), Server::start(&["--default-ttl", "10m"]));
    let sets: String = (0..2_500)
        .map(|n| format!("{{\"command\":\"set\",\"key\":\"k{n:05}\",\"value\":{{\"n\":{n}}}}}\n"))
        .collect();
    assert_eq!(one.run_with(&["batch"], &sets).code, 0);
    one.said(&["set", "text", "line\none \x1b[31m", "--ttl", "1h"]);
    one.said(&["set", "list", "a", "b"]);
    one.said(&["set", "empty", "--list"]);
    one.said(&["set", "big", &"x".repeat(100_000)]);

    let exported = one.run(&["export"]);
    assert_eq!((exported.code, exported.err.as_str()), (0, "2504 entries at revision 2504\n"));
    let keys = one.said(&["keys"]);
    let sorted: Vec<_> = kept(&exported.out).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(sorted, keys.lines().collect::<Vec<_>>());

    let imported = other.run_with(&["import"], &exported.out);
    assert_eq!(
        (imported.code, imported.out.as_str(), imported.err.as_str()),
        (0, "2504 entries set\n", "")
    );
    let again = other.run(&["export"]);
    assert_eq!(kept(&again.out), kept(&exported.out));

    // Those that had no deadline have none, whatever the default of the other server is.
    let deadline = |server: &Server, key: &str| -> serde_json::Value {
        let row: serde_json::Value =
            serde_json::from_str(&server.said(&["get", key, "--json"])).expect("JSON");
        row["ttl"].clone()
    };
    assert_eq!(deadline(&other, "list"), serde_json::Value::Null);
    let (from, to) = (deadline(&one, "text"), deadline(&other, "text"));
    let time = |time: &serde_json::Value| -> jiff::Timestamp {
        time.as_str().expect("a time").parse().expect("a time")
    };
    let off = time(&to).duration_since(time(&from)).unsigned_abs();
    assert!(off < std::time::Duration::from_secs(10), "{from} and {to}");
}

#[test]
fn a_part_of_it_to_a_file() {
    let server = Server::start(&[]);
    for key in ["a/1", "a/2", "b/1"] {
        server.said(&["set", key, "v"]);
    }
    let file = fresh("export.jsonl");
    let path = file.to_str().expect("text");
    let ended = server.run(&["export", path, "--prefix", "a/"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""));
    assert_eq!(kept(&fs::read_to_string(&file).expect("it is there")).len(), 2);
    server.said(&["clear", "--yes"]);
    assert_eq!(server.said(&["import", path]), "2 entries set\n");
    assert_eq!(server.said(&["keys"]), "a/1\na/2\n");
}

#[test]
fn what_is_there_can_stay() {
    let server = Server::start(&[]);
    server.said(&["set", "a", "old"]);
    let lines = "{\"key\":\"a\",\"value\":\"new\"}\n{\"key\":\"b\",\"value\":\"new\"}\n";
    let ended = server.run_with(&["import", "--if-absent"], lines);
    assert_eq!((ended.code, ended.out.as_str()), (0, "1 entries set, 1 were there already\n"));
    assert_eq!(server.said(&["get", "a"]), "old\n");
    let ended = server.run_with(&["import", "--json"], lines);
    let counts: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(
        counts,
        serde_json::json!({
            "set": 2, "superseded": 0, "present": 0, "expired": 0, "refused": 0, "not_taken": 0, "unknown": 0,
        })
    );
    assert_eq!(server.said(&["get", "a"]), "new\n");
}

#[test]
fn the_last_line_of_a_key_counts() {
    let server = Server::start(&[]);
    let lines: String =
        (0..5_000).map(|n| format!("{{\"key\":\"k{}\",\"value\":\"{n}\"}}\n", n % 700)).collect();
    assert_eq!(
        server.run_with(&["import"], &lines).out,
        "700 entries set, 4300 superseded by a later line of the same key\n"
    );
    for key in 0..700 {
        let last = (0..5_000).rev().find(|n| n % 700 == key).expect("there is one");
        if key % 50 == 0 {
            assert_eq!(server.said(&["get", &format!("k{key}")]), format!("{last}\n"));
        }
    }
}

#[test]
fn what_has_expired_since_is_left_out() {
    let server = Server::start(&[]);
    let lines = "{\"key\":\"a\",\"value\":\"v\",\"ttl\":\"2001-01-01T00:00:00Z\"}\n\
                 {\"key\":\"b\",\"value\":\"v\",\"ttl\":\"2101-01-01T00:00:00Z\"}\n";
    let ended = server.run_with(&["import"], lines);
    assert_eq!(ended.out, "1 entries set, 1 have expired since\n", "{}", ended.err);
    assert_eq!(server.said(&["keys"]), "b\n");
}

#[test]
fn wrong_line_is_named_and_nothing_is_set() {
    let server = Server::start(&[]);
    for (line, says) in [
        ("{\"key\":\"c\"}", "missing field `value`"),
        ("{\"key\":\"c\",\"value\":null}", "its value: null"),
        ("{\"key\":\"c\",\"value\":1,\"ttl\":\"soon\"}", "its ttl is no time"),
        (
            "{\"key\":\"c\",\"value\":1,\"expires_in\":\"soon\"}",
            "its expires_in: \"soon\" is not a duration",
        ),
        (
            "{\"key\":\"c\",\"kind\":\"json\",\"value\":[1]}",
            "its value is none of the kind \"json\"",
        ),
        ("{\"key\":\"\",\"value\":1}", "a key is 1 to 1024 bytes"),
        ("{\"key\":\"c\",\"value\":\"torn", "EOF"),
    ] {
        let lines = format!(
            "{{\"key\":\"a\",\"value\":1}}\n\n{{\"key\":\"b\",\"value\":1}}\n{line}\n{{\"key\":\"d\",\"value\":1}}\n"
        );
        let ended = server.run_with(&["import"], &lines);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{}", ended.err);
        assert!(ended.err.starts_with("error: line 4 is no entry: "), "{}", ended.err);
        assert!(ended.err.contains(says), "{}", ended.err);
        assert!(ended.err.contains("nothing was set"), "{}", ended.err);
        assert_eq!(server.said(&["keys"]), "");
    }
}

#[test]
fn what_is_refused_is_counted() {
    let server = Server::start(&["--max-entries", "1"]);
    let lines = "{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":1}\n";
    let ended = server.run_with(&["import"], lines);
    assert_eq!((ended.code, ended.out.as_str()), (4, "1 entries set, 1 refused\n"));
    assert!(ended.err.starts_with("line 2, key \"b\": the store is full"), "{}", ended.err);
}

#[test]
fn a_line_that_is_too_long_for_the_server_is_named_and_the_others_are_set() {
    let server = Server::start(&[]);
    let line = |key: &str, length: usize| {
        format!("{{\"key\":\"{key}\",\"value\":\"{}\"}}\n", "v".repeat(length))
    };
    let lines: String = [
        line("a", 200_000),
        line("b", 1_040_000),
        line("c", 1_100_000),
        line("d", 1),
        line("e", 900_000),
    ]
    .concat();
    let ended = server.run_with(&["import"], &lines);
    assert_eq!((ended.code, ended.out.as_str()), (4, "4 entries set, 1 refused\n"));
    for part in
        ["line 3, key \"c\": ", "1100022 bytes", "at most 1048576 bytes", "--max-body-bytes"]
    {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    assert_eq!(server.said(&["keys"]), "a\nb\nd\ne\n");
}

#[test]
fn what_is_not_known_is_told_as_such() {
    let lines =
        "{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":1}\n{\"key\":\"c\",\"value\":1}\n";
    let problem = |code: &str| format!("{{\"code\":\"{code}\",\"message\":\"m\"}}");
    let body = ["outcome_unknown", "shutting_down", "storage_full"].map(problem).join(",");
    let url = liar("200 OK", &format!("[{body}]"));
    let ended = run_with(&mut mainspring(&["import", "--url", &url]), lines);
    assert_eq!(ended.code, 9, "{}", ended.err);
    let told = "0 entries set, 1 refused, 1 not taken by the server, 1 perhaps set: their answer is lost\n";
    assert_eq!(ended.out, told);
}
