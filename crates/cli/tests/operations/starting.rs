//! The start: what stands in its way is said before anything is done.

use std::net::TcpListener;

use super::process::{Client, Server, fresh, run};

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_done() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is one");
    let port = taken.local_addr().expect("it has one").port();
    let folder = fresh("starting-port");
    let journal = format!("--journal=file:{}", folder.display());
    for (flag, other) in [("--port", "--health-port"), ("--health-port", "--port")] {
        let (code, said) =
            run(&["serve", &format!("{flag}={port}"), &format!("{other}=0"), &journal]);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(&format!("error: cannot listen at 127.0.0.1:{port}")), "{said}");
        assert!(said.contains(&format!("choose another {flag}")), "{said}");
        assert!(!folder.exists());
    }
}

#[test]
fn a_journal_that_another_has_open_is_exit_code_3() {
    let folder = fresh("starting-locked");
    let journal = format!("--journal=file:{}", folder.display());
    let first = Server::start("starting-locked", &[&journal]);
    let (code, said) = run(&["serve", "--port=0", "--health-port=0", &journal]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("has the journal open"), "{said}");
    assert_eq!(first.ask("PUT", "/api/v1/k", "{\"value\":1}").status, 200, "it goes on");
    first.signal("TERM");
    assert_eq!(first.end().0, 0);
}

#[test]
fn who_asks_before_it_is_ready_waits() {
    let folder = fresh("starting-early");
    let journal = format!("--journal=file:{}", folder.display());
    let first = Server::start("starting-early", &[&journal]);
    for n in 0..200 {
        assert_eq!(first.ask("PUT", &format!("/api/v1/{n}"), "{\"value\":1}").status, 200);
    }
    first.signal("TERM");
    assert_eq!(first.end().0, 0);
    let second = Server::begin("starting-early", &[&journal]);
    let mut client = Client::connect(&second.api);
    client.send("GET /api/v1/199 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(client.answer().json()["value"], 1);
    second.signal("TERM");
    assert_eq!(second.end().0, 0);
}
