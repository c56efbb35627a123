//! `export` and `import` between servers.

use std::fs;

use crate::command::{mainspring, run_with};
use crate::server::{Server, fake_server, fresh};

/// Key, kind and value of each row, which an import preserves. Revisions and times are new.
fn preserved(export: &str) -> Vec<(serde_json::Value, serde_json::Value, serde_json::Value)> {
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("valid JSON");
        (row["key"].clone(), row["kind"].clone(), row["value"].clone())
    };
    export.lines().map(row).collect()
}

#[test]
fn export_imports_into_another_server() {
    let (one, other) = (Server::start(&[]), Server::start(&["--default-ttl", "10m"]));
    let sets: String = (0..2_500)
        .map(|n| format!("{{\"command\":\"set\",\"key\":\"k{n:05}\",\"value\":{{\"n\":{n}}}}}\n"))
        .collect();
    assert_eq!(one.run_with(&["batch"], &sets).code, 0);
    one.run_ok(&["set", "text", "line\none \x1b[31m", "--ttl", "1h"]);
    one.run_ok(&["set", "list", "a", "b"]);
    one.run_ok(&["set", "empty", "--list"]);
    one.run_ok(&["set", "big", &"x".repeat(100_000)]);

    let exported = one.run(&["export"]);
    assert_eq!((exported.code, exported.err.as_str()), (0, "2504 entries at revision 2504\n"));
    let keys = one.run_ok(&["keys"]);
    let sorted: Vec<_> = preserved(&exported.out).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(sorted, keys.lines().collect::<Vec<_>>());

    let imported = other.run_with(&["import"], &exported.out);
    assert_eq!(
        (imported.code, imported.out.as_str(), imported.err.as_str()),
        (0, "2504 entries set\n", "")
    );
    let again = other.run(&["export"]);
    assert_eq!(preserved(&again.out), preserved(&exported.out));

    // Entries without a deadline have none, even if the other server has a default time to live.
    let deadline = |server: &Server, key: &str| -> serde_json::Value {
        let row: serde_json::Value =
            serde_json::from_str(&server.run_ok(&["get", key, "--json"])).expect("valid JSON");
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
fn export_of_a_prefix_to_a_file_imports() {
    let server = Server::start(&[]);
    for key in ["a/1", "a/2", "b/1"] {
        server.run_ok(&["set", key, "v"]);
    }
    let file = fresh("export.jsonl");
    let path = file.to_str().expect("UTF-8");
    let result = server.run(&["export", path, "--prefix", "a/"]);
    assert_eq!((result.code, result.out.as_str()), (0, ""));
    assert_eq!(preserved(&fs::read_to_string(&file).expect("the file exists")).len(), 2);
    server.run_ok(&["clear", "--yes"]);
    assert_eq!(server.run_ok(&["import", path]), "2 entries set\n");
    assert_eq!(server.run_ok(&["keys"]), "a/1\na/2\n");
}

#[test]
fn import_if_absent_keeps_existing_keys() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "a", "old"]);
    let lines = "{\"key\":\"a\",\"value\":\"new\"}\n{\"key\":\"b\",\"value\":\"new\"}\n";
    let result = server.run_with(&["import", "--if-absent"], lines);
    assert_eq!((result.code, result.out.as_str()), (0, "1 entries set, 1 existed already\n"));
    assert_eq!(server.run_ok(&["get", "a"]), "old\n");
    let result = server.run_with(&["import", "--json"], lines);
    let counts: serde_json::Value = serde_json::from_str(&result.out).expect("valid JSON");
    assert_eq!(
        counts,
        serde_json::json!({
            "set": 2, "superseded": 0, "present": 0, "expired": 0, "refused": 0, "not_taken": 0, "unknown": 0,
        })
    );
    assert_eq!(server.run_ok(&["get", "a"]), "new\n");
}

#[test]
fn last_line_of_a_key_is_imported() {
    let server = Server::start(&[]);
    let lines: String =
        (0..5_000).map(|n| format!("{{\"key\":\"k{}\",\"value\":\"{n}\"}}\n", n % 700)).collect();
    assert_eq!(
        server.run_with(&["import"], &lines).out,
        "700 entries set, 4300 superseded by a later line of the same key\n"
    );
    for key in 0..700 {
        let last = (0..5_000).rev().find(|n| n % 700 == key).expect("at least one");
        if key % 50 == 0 {
            assert_eq!(server.run_ok(&["get", &format!("k{key}")]), format!("{last}\n"));
        }
    }
}

#[test]
fn expired_entry_is_not_imported() {
    let server = Server::start(&[]);
    let lines = "{\"key\":\"a\",\"value\":\"v\",\"ttl\":\"2001-01-01T00:00:00Z\"}\n\
                 {\"key\":\"b\",\"value\":\"v\",\"ttl\":\"2101-01-01T00:00:00Z\"}\n";
    let result = server.run_with(&["import"], lines);
    assert_eq!(result.out, "1 entries set, 1 expired\n", "{}", result.err);
    assert_eq!(server.run_ok(&["keys"]), "b\n");
}

#[test]
fn invalid_line_is_reported_and_nothing_is_set() {
    let server = Server::start(&[]);
    for (line, message) in [
        ("{\"key\":\"c\"}", "missing field `value`"),
        ("{\"key\":\"c\",\"value\":null}", "invalid value: null"),
        ("{\"key\":\"c\",\"value\":1,\"ttl\":\"soon\"}", "invalid ttl"),
        (
            "{\"key\":\"c\",\"value\":1,\"expires_in\":\"soon\"}",
            "invalid expires_in: \"soon\" is not a duration",
        ),
        (
            "{\"key\":\"c\",\"kind\":\"json\",\"value\":[1]}",
            "the value does not have the kind \"json\"",
        ),
        ("{\"key\":\"\",\"value\":1}", "a key is 1 to 1024 bytes"),
        ("{\"key\":\"c\",\"value\":\"torn", "EOF"),
    ] {
        let lines = format!(
            "{{\"key\":\"a\",\"value\":1}}\n\n{{\"key\":\"b\",\"value\":1}}\n{line}\n{{\"key\":\"d\",\"value\":1}}\n"
        );
        let result = server.run_with(&["import"], &lines);
        assert_eq!((result.code, result.out.as_str()), (2, ""), "{}", result.err);
        assert!(result.err.starts_with("error: line 4 is not a valid entry: "), "{}", result.err);
        assert!(result.err.contains(message), "{}", result.err);
        assert!(result.err.contains("nothing was set"), "{}", result.err);
        assert_eq!(server.run_ok(&["keys"]), "");
    }
}

#[test]
fn rejected_entry_is_counted() {
    let server = Server::start(&["--max-entries", "1"]);
    let lines = "{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":1}\n";
    let result = server.run_with(&["import"], lines);
    assert_eq!((result.code, result.out.as_str()), (4, "1 entries set, 1 rejected\n"));
    assert!(result.err.starts_with("line 2, key \"b\": the store is full"), "{}", result.err);
}

#[test]
fn too_long_line_is_reported_and_the_others_are_set() {
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
    let result = server.run_with(&["import"], &lines);
    assert_eq!((result.code, result.out.as_str()), (4, "4 entries set, 1 rejected\n"));
    for part in ["line 3, key \"c\": ", "1100022 bytes", "(1048576 bytes)", "--max-body-bytes"] {
        assert!(result.err.contains(part), "{part}: {}", result.err);
    }
    assert_eq!(server.run_ok(&["keys"]), "a\nb\nd\ne\n");
}

#[test]
fn unknown_outcome_is_counted_separately() {
    let lines =
        "{\"key\":\"a\",\"value\":1}\n{\"key\":\"b\",\"value\":1}\n{\"key\":\"c\",\"value\":1}\n";
    let problem = |code: &str| format!("{{\"code\":\"{code}\",\"message\":\"m\"}}");
    let body = ["outcome_unknown", "shutting_down", "storage_full"].map(problem).join(",");
    let url = fake_server("200 OK", &format!("[{body}]"));
    let result = run_with(&mut mainspring(&["import", "--url", &url]), lines);
    assert_eq!(result.code, 9, "{}", result.err);
    let counts = "0 entries set, 1 rejected, 1 not accepted by the server, 1 possibly set (the answer was lost)\n";
    assert_eq!(result.out, counts);
}
