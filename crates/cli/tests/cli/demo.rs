//! `serve --demo`: the simulated car.

use std::time::{Duration, Instant};

use crate::server::{Server, TIMEOUT};

/// Wait until a condition holds.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < TIMEOUT, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn car_follows_its_target_speed() {
    let server = Server::start(&["--demo", "--log-level", "warn"]);
    let instructions: Vec<String> =
        std::iter::from_fn(|| server.log.recv_timeout(TIMEOUT).ok()).take(5).collect();
    let url = &server.url;
    assert!(instructions[1].ends_with(&format!("{url}/docs")), "{instructions:?}");
    assert!(
        instructions[2].ends_with(&format!("curl -N '{url}/watch?prefix=car/&from=snapshot'")),
        "{instructions:?}"
    );
    assert!(
        instructions[3].ends_with(&format!("mainspring --url {url} watch --prefix car/")),
        "{instructions:?}"
    );

    // The writes of an update are one batch.
    let event = server.run(&["watch", "--prefix", "car/", "-n", "1", "--json"]);
    let event: serde_json::Value = serde_json::from_str(&event.out).expect("valid JSON");
    assert_eq!(event["event"], "batch", "{event}");

    let speed =
        || -> f64 { server.run_ok(&["get", "car/speed"]).trim().parse().expect("a number") };
    wait_for("it accelerates", || speed() > 10.0);
    server.run_ok(&["set", "car/target_speed", "--type", "json", "0"]);
    wait_for("it stops", || speed() == 0.0);

    let rejected = server.run(&["set", "car/target_speed", "300"]);
    assert_eq!(rejected.code, 7, "{}", rejected.err);
    assert!(rejected.err.contains("expected a speed of 0 to 130 km/h"), "{}", rejected.err);

    let expired = server.run(&["watch", "car/event", "--from", "0", "-n", "2"]);
    let changes: Vec<&str> =
        expired.out.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(changes, ["set", "expired"], "{}", expired.out);
}

/// The car recreates its list after clients change it.
#[test]
fn car_survives_changes_of_its_keys() {
    let server = Server::start(&["--demo"]);
    let length = || server.run(&["range", "car/positions"]).out.lines().count();
    wait_for("positions are written", || length() > 0);
    server.run_ok(&["clear", "--yes"]);
    wait_for("positions are written after a clear", || length() > 0);
    server.run_ok(&["set", "car/positions", "not a list"]);
    wait_for("positions are written after the list was replaced", || length() > 0);
}
