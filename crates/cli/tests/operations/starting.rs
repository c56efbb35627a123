//! Startup: obstacles are reported before the journal is opened.

use std::net::TcpListener;

use super::process::{Client, Server, fresh, run};

#[test]
fn port_in_use_is_reported_before_the_journal_is_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("at least one");
    let port = listener.local_addr().expect("bound").port();
    let directory = fresh("starting-port");
    let journal = format!("--journal=file:{}", directory.display());
    for (flag, other) in [("--port", "--health-port"), ("--health-port", "--port")] {
        let (code, output) =
            run(&["serve", &format!("{flag}={port}"), &format!("{other}=0"), &journal]);
        assert_eq!(code, 1, "{output}");
        assert!(output.contains(&format!("error: cannot listen on 127.0.0.1:{port}")), "{output}");
        assert!(output.contains(&format!("choose another {flag}")), "{output}");
        assert!(!directory.exists());
    }
}

#[test]
fn journal_open_in_another_process_is_exit_code_3() {
    let directory = fresh("starting-locked");
    let journal = format!("--journal=file:{}", directory.display());
    let first = Server::start("starting-locked", &[&journal]);
    let (code, output) = run(&["serve", "--port=0", "--health-port=0", &journal]);
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("has the journal open"), "{output}");
    assert_eq!(
        first.request("PUT", "/api/v1/k", "{\"value\":1}").status,
        200,
        "the first server still works"
    );
    first.signal("TERM");
    assert_eq!(first.end().0, 0);
}

#[test]
fn request_before_the_server_is_ready_waits() {
    let directory = fresh("starting-early");
    let journal = format!("--journal=file:{}", directory.display());
    let first = Server::start("starting-early", &[&journal]);
    for n in 0..200 {
        assert_eq!(first.request("PUT", &format!("/api/v1/{n}"), "{\"value\":1}").status, 200);
    }
    first.signal("TERM");
    assert_eq!(first.end().0, 0);
    let second = Server::start_unready("starting-early", &[&journal]);
    let mut client = Client::connect(&second.api);
    client.send("GET /api/v1/199 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(client.read_response().json()["value"], 1);
    second.signal("TERM");
    assert_eq!(second.end().0, 0);
}
