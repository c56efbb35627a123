//! The end: what is worked on is finished, and the exit code says whether all of it was.

use std::net::TcpStream;

use super::process::{Client, Server, eventually};

/// A request whose body is there in half.
fn half(server: &Server) -> Client {
    let mut client = Client::connect(&server.api);
    client.send("PUT /api/v1/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 11\r\n\r\n{\"value");
    eventually("the rest is waited for", || {
        server.check("/metrics").body.contains("\nmainspring_http_requests_waiting 1\n")
    });
    client
}

fn is_stopping(server: &Server) -> bool {
    server.readiness() == (503, "stopping".into())
}

#[test]
fn what_is_worked_on_is_finished_and_streams_end() {
    let server = Server::start("stopping-drain", &["--drain-timeout=1m"]);
    let mut stream = Client::connect(&server.api);
    stream.send("GET /watch?from=snapshot HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.expect("snapshot_end");
    let mut slow = half(&server);
    server.signal("TERM");
    eventually("stopping", || is_stopping(&server));
    assert_eq!(server.check("/readyz").json()["code"], "shutting_down");
    assert_eq!(server.check("/healthz").status, 200);
    stream.expect("event: end\n");
    assert!(stream.rest().contains("shutting_down"));
    eventually("nobody new is let in", || TcpStream::connect(&server.api).is_err());
    assert!(is_stopping(&server), "to the end");
    slow.send("\":1}");
    assert_eq!(slow.answer().status, 200);
    let (code, log) = server.end();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn what_takes_too_long_is_cut() {
    let server = Server::start("stopping-cut", &["--drain-timeout=200ms"]);
    let _slow = half(&server);
    server.signal("INT");
    let (code, log) = server.end();
    assert_eq!(code, 4, "{log}");
    assert!(log.contains("cut connections"), "{log}");
}

#[test]
fn a_second_signal_waits_for_no_connection() {
    let server = Server::start("stopping-second", &["--drain-timeout=1h"]);
    let _slow = half(&server);
    server.signal("TERM");
    eventually("stopping", || is_stopping(&server));
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 4, "{log}");
    assert!(log.contains("stopping at once") && log.contains("stopped"), "{log}");
}

#[test]
fn a_delay_is_for_those_who_notice_late() {
    let server = Server::start("stopping-delay", &["--drain-delay=1h"]);
    server.signal("TERM");
    eventually("stopping", || is_stopping(&server));
    assert_eq!(server.ask("PUT", "/api/v1/k", "{\"value\":1}").status, 200);
    // With nothing to cut, a second signal cuts nothing.
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
}
