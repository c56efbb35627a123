//! `serve --demo`: there is a car, and it does as it is told.

use std::time::{Duration, Instant};

use crate::server::{PATIENCE, Server};

/// Until something is so.
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_car_drives() {
    let server = Server::start(&["--demo", "--log-level", "warn"]);
    let told: Vec<String> =
        std::iter::from_fn(|| server.log.recv_timeout(PATIENCE).ok()).take(5).collect();
    let url = &server.url;
    assert!(told[1].ends_with(&format!("{url}/docs")), "{told:?}");
    assert!(
        told[2].ends_with(&format!("curl -N '{url}/watch?prefix=car/&from=snapshot'")),
        "{told:?}"
    );
    assert!(told[3].ends_with(&format!("mainspring --url {url} watch --prefix car/")), "{told:?}");

    // All of it is told as of one moment.
    let event = server.run(&["watch", "--prefix", "car/", "-n", "1", "--json"]);
    let event: serde_json::Value = serde_json::from_str(&event.out).expect("JSON");
    assert_eq!(event["event"], "batch", "{event}");

    let speed = || -> f64 { server.said(&["get", "car/speed"]).trim().parse().expect("a number") };
    wait_for("it accelerates", || speed() > 10.0);
    server.said(&["set", "car/target_speed", "--type", "json", "0"]);
    wait_for("it stops", || speed() == 0.0);

    let refused = server.run(&["set", "car/target_speed", "300"]);
    assert_eq!(refused.code, 7, "{}", refused.err);
    assert!(refused.err.contains("the car drives at 0 to 130 km/h"), "{}", refused.err);

    let expired = server.run(&["watch", "car/event", "--from", "0", "-n", "2"]);
    let changes: Vec<&str> =
        expired.out.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(changes, ["set", "expired"], "{}", expired.out);
}

/// With what is there from before, and whatever users do to its keys.
#[test]
fn the_car_goes_on() {
    let server = Server::start(&["--demo"]);
    let length = || server.run(&["range", "car/positions"]).out.lines().count();
    wait_for("it says where it is", || length() > 0);
    server.said(&["clear", "--yes"]);
    wait_for("it does so again", || length() > 0);
    server.said(&["set", "car/positions", "not a list"]);
    wait_for("and again", || length() > 0);
}
