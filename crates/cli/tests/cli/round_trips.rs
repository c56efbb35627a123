//! `import` reads everything that `export` writes.

use std::fs;

use mainspring_testing::Random;

use crate::command::{mainspring, run, run_with};
use crate::server::{Server, fresh};

fn rows(export: &str) -> Vec<serde_json::Value> {
    export.lines().map(|line| serde_json::from_str(line).expect("valid JSON")).collect()
}

/// Key, kind and value of each row, which an import preserves. Revisions and times are new.
fn preserved(export: &str) -> Vec<serde_json::Value> {
    let part = |row: serde_json::Value| serde_json::json!([row["key"], row["kind"], row["value"]]);
    rows(export).into_iter().map(part).collect()
}

/// The keys in the order of their revisions.
fn order(export: &str) -> Vec<String> {
    let mut rows = rows(export);
    rows.sort_by_key(|row| row["revision"].as_u64());
    rows.iter().map(|row| row["key"].as_str().expect("a key").to_owned()).collect()
}

/// Distinct lines of a given length.
fn lines(count: usize, bytes: usize) -> String {
    (0..count).map(|n| format!("{n:0bytes$}\n")).collect()
}

/// A random text with characters that are difficult in JSON.
fn text(random: &mut Random) -> String {
    const PARTS: [&str; 12] = [
        "a",
        "é",
        "\u{1F600}",
        "\u{0}",
        "\n",
        "\"",
        "\\",
        "/",
        "\u{2028}",
        "日本",
        " ",
        ",\"expires_in\":\"1s\"}",
    ];
    (0..random.below(6)).map(|_| PARTS[random.below(PARTS.len())]).collect()
}

fn element(random: &mut Random) -> serde_json::Value {
    match random.below(5) {
        0 => serde_json::json!(random.below(1_000)),
        1 => serde_json::json!({ "n": [random.below(9), null], "t": text(random) }),
        2 => serde_json::json!(random.below(2) == 0),
        _ => serde_json::json!(text(random)),
    }
}

/// Commands of a batch, one per line: all kinds of keys, large lists, deadlines.
fn commands(random: &mut Random, count: usize) -> String {
    let mut commands = String::new();
    for n in 0..count {
        let key = format!("{}{n}", text(random));
        let value = match random.below(8) {
            0 => (0..random.below(1_500)).map(|_| element(random)).collect(),
            1..4 => (0..random.below(4)).map(|_| element(random)).collect(),
            _ => element(random),
        };
        let mut command = serde_json::json!({ "command": "set", "key": key, "value": value });
        if random.below(3) == 0 {
            command["ttl"] = format!("{}m", 30 + random.below(1_000)).into();
        }
        commands += &format!("{command}\n");
    }
    commands
}

#[test]
fn random_entries_round_trip_online_and_offline() {
    for seed in 1..=2 {
        let random = &mut Random::new(seed);
        let one = Server::start(&[]);
        // A request limit below the length of many lists, so that they need several requests.
        let other = Server::start(&["--max-body-bytes", "4000", "--default-ttl", "1m"]);
        let written = one.run_with(&["batch", "--independent"], &commands(random, 80));
        assert_eq!((written.code, written.err.as_str()), (0, ""), "seed {seed}");
        other.run_ok(&["set", "was here", "v", "--ttl", "none"]);
        let exported = one.run(&["export"]);
        assert_eq!(exported.code, 0);

        let imported = other.run_with(&["import"], &exported.out);
        assert_eq!(
            (imported.code, imported.out.as_str()),
            (0, "80 entries set\n"),
            "{}",
            imported.err
        );
        other.run_ok(&["remove", "was here"]);
        let again = other.run(&["export"]).out;
        assert_eq!(preserved(&again), preserved(&exported.out), "seed {seed}");
        assert_eq!(order(&again), order(&exported.out), "seed {seed}");
        let first =
            rows(&again).iter().map(|row| row["revision"].as_u64().expect("a number")).min();
        assert!(first > Some(1), "revisions continue those of the store");
        assert_same_time_left(&exported.out, &again);

        let (directory, file) =
            (fresh(&format!("round-trip-{seed}")), fresh(&format!("round-trip-{seed}.jsonl")));
        fs::write(&file, &again).expect("the file is writable");
        let (directory, file) = (directory.to_str().expect("UTF-8"), file.to_str().expect("UTF-8"));
        assert_eq!(run(&mut mainspring(&["journal", "import", directory, file])).code, 0);
        let offline = run(&mut mainspring(&["journal", "export", directory])).out;
        assert_eq!(preserved(&offline), preserved(&exported.out), "seed {seed}");
        let revisions = |export: &str| -> Vec<_> {
            rows(export).iter().map(|row| row["revision"].clone()).collect()
        };
        assert_eq!(revisions(&offline), revisions(&again));
        assert_same_time_left(&again, &offline);
    }
}

/// Check that each entry has the same time left, or slightly less.
fn assert_same_time_left(before: &str, after: &str) {
    for (before, after) in rows(before).iter().zip(rows(after)) {
        let left = |row: &serde_json::Value| {
            row["expires_in"]
                .as_str()
                .map(|left| mainspring::wire::parse_duration(left).expect("a duration"))
        };
        match (left(before), left(&after)) {
            (None, None) => {}
            (Some(before), Some(after)) => assert!(
                after <= before && before - after < crate::server::TIMEOUT,
                "{before:?} {after:?}"
            ),
            other => panic!("{other:?}: {after}"),
        }
    }
}

#[test]
fn list_grown_beyond_one_request_is_exported_and_imported() {
    let (one, other) = (Server::start(&[]), Server::start(&[]));
    one.run_ok(&["set", "z-first", "v"]);
    for (key, count) in [("list/1.6MB", 160), ("list/10MB", 1_000)] {
        let push = |element: &str| {
            format!("{{\"command\":\"push\",\"key\":\"{key}\",\"value\":\"{element}\"}}\n")
        };
        let pushes: String = lines(count, 10_000).lines().map(push).collect();
        assert_eq!(one.run_with(&["batch", "--independent"], &pushes).code, 0);
    }
    one.run_ok(&["expire", "list/1.6MB", "1h"]);
    one.run_ok(&["set", "a-last", "v"]);
    let exported = one.run(&["export"]);
    let imported = other.run_with(&["import"], &exported.out);
    assert_eq!((imported.code, imported.out.as_str()), (0, "4 entries set\n"), "{}", imported.err);
    let again = other.run(&["export"]).out;
    assert!(preserved(&again) == preserved(&exported.out), "the elements and their order");
    assert_eq!(order(&again), ["z-first", "list/10MB", "list/1.6MB", "a-last"]);
    assert_same_time_left(&exported.out, &again);
    // Other reads of the long list work too.
    assert_eq!(other.run_ok(&["scan", "--json"]).lines().count(), 4);
    assert_eq!(other.run_ok(&["get", "list/10MB"]).len(), 10_001_000);

    // Repeat the import over the existing entries.
    assert_eq!(other.run_with(&["import"], &exported.out).out, "4 entries set\n");
    assert!(preserved(&other.run(&["export"]).out) == preserved(&exported.out));
    let absent = other.run_with(&["import", "--if-absent"], &exported.out);
    assert_eq!(
        (absent.code, absent.out.as_str()),
        (0, "0 entries set, 4 existed already\n"),
        "{}",
        absent.err
    );
}

#[test]
fn import_keeps_the_order_with_a_small_request_limit() {
    let server = Server::start(&["--max-body-bytes", "1000"]);
    let row = |key: &str, revision: usize, value: &str| {
        format!(
            "{{\"key\":\"{key}\",\"kind\":\"json\",\"value\":{value},\"revision\":{revision}}}\n"
        )
    };
    let list: Vec<usize> = (0..500).collect();
    let list = format!("{list:?}");
    let input: String = (0..40)
        .map(|n| match n % 10 {
            7 => row(&format!("k{n}"), 100 - n, &list).replace("\"json\"", "\"json_slice\""),
            _ => row(&format!("k{n}"), 100 - n, "1"),
        })
        .collect();
    for flags in [&["import"][..], &["import", "--if-absent"]] {
        server.run_ok(&["clear", "--yes"]);
        let result = server.run_with(flags, &input);
        assert_eq!((result.code, result.out.as_str()), (0, "40 entries set\n"), "{}", result.err);
        let exported = server.run(&["export"]).out;
        assert_eq!(order(&exported), (0..40).rev().map(|n| format!("k{n}")).collect::<Vec<_>>());
        assert_eq!(preserved(&exported).len(), 40);
        let complete = rows(&exported)
            .iter()
            .filter(|row| row["value"].as_array().map(Vec::len) == Some(500))
            .count();
        assert_eq!(complete, 4);
    }
}

#[test]
fn imported_entry_has_the_time_left_of_the_export() {
    let server = Server::start(&[]);
    let lines = "{\"key\":\"a\",\"value\":1,\"ttl\":\"2001-01-01T00:00:00Z\",\"expires_in\":\"1h\"}\n\
                 {\"key\":\"b\",\"value\":1,\"ttl\":\"2101-01-01T00:00:00Z\",\"expires_in\":\"0s\"}\n\
                 {\"key\":\"c\",\"value\":1,\"ttl\":\"2101-01-01T00:00:00Z\",\"expires_in\":\"1ns\"}\n";
    let result = server.run_with(&["import"], lines);
    assert_eq!(result.out, "2 entries set, 1 expired\n", "{}", result.err);
    assert_eq!(server.run_ok(&["keys"]), "a\n", "an entry with 1ns left expires at once");
    let exported = server.run(&["export"]).out;
    assert!(exported.contains("\"expires_in\":\"59m"), "{exported}");
}

#[test]
fn too_large_entry_is_reported_and_removed() {
    let server = Server::start(&["--max-entry-bytes", "100000", "--max-body-bytes", "20000"]);
    let list = |count: usize, bytes: usize| {
        let elements: Vec<String> = lines(count, bytes).lines().map(str::to_owned).collect();
        serde_json::json!(elements)
    };
    let input = format!(
        "{{\"key\":\"heavy\",\"value\":{}}}\n{{\"key\":\"element\",\"value\":{}}}\n\
         {{\"key\":\"item\",\"value\":{}}}\n{{\"key\":\"fits\",\"value\":{}}}\n",
        list(110, 1_000),
        list(2, 30_000),
        serde_json::json!("x".repeat(30_000)),
        list(90, 1_000),
    );
    let result = server.run_with(&["import"], &input);
    assert_eq!(
        (result.code, result.out.as_str()),
        (4, "1 entries set, 3 rejected\n"),
        "{}",
        result.err
    );
    let err: Vec<_> = result.err.lines().collect();
    for (line, parts) in err.iter().zip([
        &["line 1, key \"heavy\"", "100000", "--max-entry-bytes", "was removed"][..],
        &["line 2, key \"element\"", "30002 bytes", "20000", "--max-body-bytes"],
        &["line 3, key \"item\"", "30025 bytes", "20000", "--max-body-bytes"],
    ]) {
        parts.iter().for_each(|part| assert!(line.contains(part), "{part}: {line}"));
    }
    assert_eq!(err.len(), 3);
    assert_eq!(server.run_ok(&["keys"]), "fits\n");
}

#[test]
fn entry_of_exactly_the_request_limit_is_imported() {
    let server = Server::start(&["--max-body-bytes", "10000"]);
    // In a batch, the key would exceed the limit.
    let text = "x".repeat(10_000 - r#"{"value":"","ttl":"none"}"#.len());
    let input = format!(
        "{{\"key\":\"k\",\"value\":\"{text}\"}}\n{{\"key\":\"list\",\"value\":[\"{text}\",\"{text}\"]}}\n"
    );
    let result = server.run_with(&["import"], &input);
    assert_eq!((result.code, result.out.as_str()), (0, "2 entries set\n"), "{}", result.err);
    assert_eq!(server.run_ok(&["get", "k"]).len(), text.len() + 1);
    assert_eq!(server.run_ok(&["range", "list"]).len(), 2 * (text.len() + 1));
}

#[test]
fn empty_input_imports_nothing() {
    let server = Server::start(&[]);
    let result = run_with(&mut server.command(&["import"]), "\n");
    assert_eq!((result.code, result.out.as_str()), (0, "0 entries set\n"));
}
