//! `bench`: measures, prints the results, and removes its keys.

use crate::server::Server;

#[test]
fn run_with_a_duration_reports_rate_and_latencies() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "mine", "v"]);
    let args = ["bench", "--duration", "1s", "--clients", "4", "--keys", "700"];
    let json: serde_json::Value =
        serde_json::from_str(&server.run_ok(&[&args[..], &["--json"]].concat()))
            .expect("valid JSON");
    assert_eq!(json["errors"], serde_json::json!({}));
    assert!(json["requests"].as_u64() > Some(10), "{json}");
    let seconds = json["seconds"].as_f64().expect("a number");
    assert!((1.0..10.0).contains(&seconds), "{json}");
    let rate = json["requests"].as_f64().expect("a number") / seconds;
    let reported = json["requests_per_second"].as_f64().expect("a number");
    assert!((rate - reported).abs() < 1.0, "{json}");
    let time = |name: &str| json["latency_us"][name].as_f64().expect("a number");
    let percentiles = ["min", "p50", "p75", "p90", "p99", "p99.9", "p99.99", "max"].map(time);
    assert!(percentiles.is_sorted() && percentiles[0] > 0.0, "{percentiles:?}");
    assert_eq!(server.run_ok(&["keys"]), "mine\n", "its keys are removed");
}

#[test]
fn run_with_a_number_of_requests_sends_that_many() {
    let server = Server::start(&[]);
    for mix in ["get", "set", "mixed"] {
        let args =
            ["bench", "-n", "200", "-c", "3", "--keys", "20", "--value-size", "1000", "--mix", mix];
        let text = server.run_ok(&args);
        assert!(
            text.starts_with(&format!(
                "3 clients, {mix}, 20 keys, values of 1000 bytes\n200 requests in "
            )),
            "{text}"
        );
        assert!(text.contains("p99.99") && text.contains('█'), "{text}");
    }
    server.run_ok(&["bench", "-n", "10", "--keys", "20", "--keep"]);
    assert_eq!(server.run_ok(&["keys", "bench/"]).lines().count(), 20);
    let again = server.run(&["bench", "-n", "10"]);
    assert_eq!(again.code, 2, "existing keys are not overwritten: {}", again.err);
}

#[test]
fn errors_are_counted_by_kind() {
    let server = Server::start(&["--max-entries", "5"]);
    let result = server.run(&["bench", "-n", "200", "--keys", "100", "--mix", "set", "--json"]);
    assert_eq!(result.code, 4, "{}", result.err);
    let json: serde_json::Value = serde_json::from_str(&result.out).expect("valid JSON");
    let errors = json["errors"].as_object().expect("an object");
    assert_eq!(errors.len(), 1, "{json}");
    let (kind, count) = errors.iter().next().expect("one");
    assert!(kind.starts_with("the store is full (entries limit 5)"), "{json}");
    assert_eq!(
        count.as_u64().expect("a number") + json["requests"].as_u64().expect("a number"),
        200
    );
}
