//! `/metrics`: its format and its values.

use std::collections::BTreeMap;

use super::process::{Client, Server, fresh, wait_until};

/// All series with their values.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    fn fetch(server: &Server) -> Self {
        let response = server.check("/metrics");
        assert_eq!(response.status, 200);
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(response.header("content-type"), Some(content_type));
        Self(read(&response.body))
    }

    #[track_caller]
    fn at(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series}"))
    }
}

/// Parse OpenMetrics text strictly.
fn read(text: &str) -> BTreeMap<String, f64> {
    let text = text.strip_suffix("# EOF\n").expect("an end");
    let mut series = BTreeMap::new();
    let mut family = ("", "");
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# ") {
            let parts: Vec<&str> = about.splitn(3, ' ').collect();
            let [what, name, rest] = parts[..] else { panic!("{line}") };
            match what {
                "HELP" => assert!(!rest.is_empty() && !families.contains(&name), "{line}"),
                "TYPE" => {
                    assert!(["counter", "gauge", "histogram", "info"].contains(&rest), "{line}");
                    families.push(name);
                    family = (name, rest);
                }
                "UNIT" => {
                    assert!(name == family.0 && name.ends_with(&format!("_{rest}")), "{line}");
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let value: f64 = value.parse().expect("a number");
        let (metric, labels) = match name.split_once('{') {
            Some((metric, labels)) => (metric, labels.strip_suffix('}').expect("a bracket")),
            None => (name, ""),
        };
        for label in labels.split_terminator(',') {
            let (name, value) = label.split_once('=').expect("a label");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
            assert!(value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
        }
        let suffix = metric.strip_prefix(family.0).unwrap_or_else(|| panic!("{line}"));
        let suffixes: &[&str] = match family.1 {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            _ => &["_sum", "_count", "_bucket"],
        };
        assert!(suffixes.contains(&suffix), "{line}");
        assert!(series.insert(name.to_owned(), value).is_none(), "twice: {name}");
    }
    for (name, value) in &series {
        // The bucket up to infinity contains all values.
        if let Some((before, after)) = name.split_once("le=\"+Inf\"") {
            let labels = format!("{}{}", before, after.trim_start_matches(','));
            let count = labels.replace("_bucket{", "_count{").replace("{}", "");
            assert_eq!(series.get(&count), Some(value), "{name}");
        }
    }
    series
}

#[test]
fn commands_and_requests_are_counted_by_outcome() {
    let server = Server::start("metrics-commands", &[]);
    let before = Metrics::fetch(&server);
    assert_eq!(before.at("mainspring_commands_total{command=\"set\",outcome=\"ok\"}"), 0.0);

    for (method, path, body, status) in [
        ("POST", "/api/v1/set", "{\"key\":\"a\",\"value\":1}", 200),
        ("PUT", "/api/v1/a", "{\"value\":2}", 200),
        ("PUT", "/v1/b", "text", 201),
        ("PUT", "/api/v1/a", "{\"value\":", 400),
        ("PATCH", "/api/v1/absent", "{\"value\":2}", 404),
        ("GET", "/api/v1/a", "", 200),
        ("HEAD", "/api/v1/a", "", 200),
        ("GET", "/api/v1/absent", "", 404),
        ("POST", "/api/v1/a/push", "{\"value\":1}", 409),
        ("GET", "/keys", "", 200),
        ("POST", "/keys", "", 405),
        ("GET", "/nothing/here", "", 404),
        ("PUT", "/api/v1/big", &"x".repeat((1 << 20) + 1), 413),
    ] {
        assert_eq!(server.request(method, path, body).status, status, "{method} {path}");
    }
    let after = Metrics::fetch(&server);
    for (command, outcome, count) in [
        ("set", "ok", 3),
        ("set", "invalid_json", 1),
        ("set", "too_large", 1),
        ("update", "item_not_found", 1),
        ("get", "ok", 2),
        ("get", "item_not_found", 1),
        ("push", "invalid_data_type", 1),
        ("keys", "ok", 1),
    ] {
        let series =
            format!("mainspring_commands_total{{command=\"{command}\",outcome=\"{outcome}\"}}");
        assert_eq!(after.at(&series), f64::from(count), "{series}");
    }
    for (route, method, status, count) in [
        ("/api/v1/{key}", "PUT", "200", 1),
        ("/api/v1/{key}", "PUT", "413", 1),
        ("/api/v1/{key}", "GET", "404", 1),
        ("/v1/{key}", "PUT", "201", 1),
        ("/keys", "POST", "405", 1),
        ("other", "GET", "404", 1),
    ] {
        let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
        let series = format!("mainspring_http_requests_total{{{labels}}}");
        assert_eq!(after.at(&series), f64::from(count), "{series}");
    }
    assert_eq!(after.at("mainspring_command_duration_seconds_count{command=\"set\"}"), 5.0);
    assert!(after.at("mainspring_command_duration_seconds_sum{command=\"set\"}") > 0.0);
    assert_eq!(after.at("mainspring_http_requests_too_large_total"), 1.0);
    assert_eq!(after.at("mainspring_http_connections_accepted_total"), 13.0);
    assert_eq!(after.at("mainspring_entries"), 2.0);
    assert_eq!(after.at("mainspring_revision"), 3.0);
    assert_eq!(after.at("mainspring_turn_commands_count"), after.at("mainspring_turns_total"));
    assert_eq!(
        after.at("mainspring_turn_commands_sum"),
        after.at("mainspring_owner_commands_total")
    );
    assert_eq!(after.at("mainspring_queue_capacity"), 1024.0);
    assert_eq!(after.at("mainspring_ready"), 1.0);
    assert!(after.at("process_resident_memory_bytes") > 1e6);
    assert!(after.at("process_open_fds") > 3.0);
    assert!(after.at("process_start_time_seconds") > 1.7e9);
    let build = format!("mainspring_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(after.at(&build), 1.0);
}

#[test]
fn open_streams_are_counted() {
    let server = Server::start("metrics-streams", &[]);
    let mut client = Client::connect(&server.api);
    client.send("GET /watch HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.read_to("\r\n\r\n");
    let shown = Metrics::fetch(&server);
    assert_eq!(shown.at("mainspring_http_streams"), 1.0);
    assert_eq!(shown.at("mainspring_subscribers"), 1.0);
    server.request("PUT", "/api/v1/k", "{\"value\":1}");
    client.read_to("\n\n");
    wait_until("the event was delivered", || {
        Metrics::fetch(&server).at("mainspring_subscriber_lag_max") == 0.0
    });
    assert_eq!(shown.at("mainspring_http_requests_in_flight"), 0.0);
    assert_eq!(shown.at("mainspring_commands_total{command=\"watch\",outcome=\"ok\"}"), 1.0);
    drop(client);
    wait_until("the stream is closed", || {
        let shown = Metrics::fetch(&server);
        ["http_streams", "subscribers", "http_connections"]
            .iter()
            .all(|name| shown.at(&format!("mainspring_{name}")) == 0.0)
    });
}

#[test]
fn journal_and_expiry_are_counted() {
    let directory = fresh("metrics-journal");
    let server =
        Server::start("metrics-journal", &[&format!("--journal=file:{}", directory.display())]);
    assert_eq!(server.request("PUT", "/api/v1/k", "{\"value\":1}").status, 200);
    assert_eq!(server.request("PUT", "/api/v1/short", "{\"value\":1,\"ttl\":\"1ms\"}").status, 200);
    wait_until("the key expires", || Metrics::fetch(&server).at("mainspring_expired_total") == 1.0);
    assert_eq!(server.request("POST", "/compact", "").status, 200);
    wait_until("the compaction is counted", || {
        Metrics::fetch(&server).at("mainspring_journal_compactions_total") == 1.0
    });
    let shown = Metrics::fetch(&server);
    assert!(shown.at("mainspring_journal_appends_total") >= 3.0);
    assert!(shown.at("mainspring_journal_appended_bytes_total") > 100.0);
    assert!(shown.at("mainspring_journal_sync_duration_seconds_count") >= 3.0);
    assert!(shown.at("mainspring_journal_sync_duration_seconds_sum") > 0.0);
    assert_eq!(shown.at("mainspring_journal_unsynced_seconds"), 0.0);
    assert!(shown.at("mainspring_journal_size_bytes") > 0.0);
    assert_eq!(shown.at("mainspring_entries"), 1.0);
    assert_eq!(shown.at("mainspring_journal_failed"), 0.0);
}
