//! Shutdown: requests in progress complete, and the exit code states whether all did.

use std::net::TcpStream;

use super::process::{Client, Server, wait_until};

/// Send the first half of a request.
fn send_half(server: &Server) -> Client {
    let mut client = Client::connect(&server.api);
    client.send("PUT /api/v1/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: 11\r\n\r\n{\"value");
    wait_until("the server waits for the body", || {
        server.check("/metrics").body.contains("\nmainspring_http_requests_waiting 1\n")
    });
    client
}

fn is_stopping(server: &Server) -> bool {
    server.readiness() == (503, "stopping".into())
}

#[test]
fn shutdown_completes_requests_and_ends_streams() {
    let server = Server::start("stopping-drain", &["--drain-timeout=1m"]);
    let mut stream = Client::connect(&server.api);
    stream.send("GET /watch?from=snapshot HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.read_to("snapshot_end");
    let mut slow = send_half(&server);
    server.signal("TERM");
    wait_until("stopping", || is_stopping(&server));
    assert_eq!(server.check("/readyz").json()["code"], "shutting_down");
    assert_eq!(server.check("/healthz").status, 200);
    stream.read_to("event: end\n");
    assert!(stream.rest().contains("shutting_down"));
    wait_until("new connections are rejected", || TcpStream::connect(&server.api).is_err());
    assert!(is_stopping(&server), "until the last request completes");
    slow.send("\":1}");
    assert_eq!(slow.read_response().status, 200);
    let (code, log) = server.end();
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("stopped"), "{log}");
}

#[test]
fn request_beyond_the_drain_timeout_is_cut() {
    let server = Server::start("stopping-cut", &["--drain-timeout=200ms"]);
    let _slow = send_half(&server);
    server.signal("INT");
    let (code, log) = server.end();
    assert_eq!(code, 4, "{log}");
    assert!(log.contains("connections cut"), "{log}");
}

#[test]
fn second_signal_stops_at_once() {
    let server = Server::start("stopping-second", &["--drain-timeout=1h"]);
    let _slow = send_half(&server);
    server.signal("TERM");
    wait_until("stopping", || is_stopping(&server));
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 4, "{log}");
    assert!(log.contains("stopping at once") && log.contains("stopped"), "{log}");
}

#[test]
fn server_serves_requests_during_the_drain_delay() {
    let server = Server::start("stopping-delay", &["--drain-delay=1h"]);
    server.signal("TERM");
    wait_until("stopping", || is_stopping(&server));
    assert_eq!(server.request("PUT", "/api/v1/k", "{\"value\":1}").status, 200);
    // Without open requests, the second signal cuts none.
    server.signal("TERM");
    assert_eq!(server.end().0, 0);
}
