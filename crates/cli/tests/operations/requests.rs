//! Requests by their ids: in answers, and in the log.

use super::process::{Server, ask};

#[test]
fn every_answer_has_an_id() {
    let server = Server::start("requests-ids", &[]);
    let id_of = |headers: &str, path: &str| {
        let answer = ask(&server.api, "GET", path, headers, "");
        answer.header("x-request-id").expect("an id").to_owned()
    };
    assert_eq!(id_of("x-request-id: from-a-proxy.1\r\n", "/stats"), "from-a-proxy.1");
    assert_eq!(id_of("X-Request-Id: 7\r\n", "/api/v1/absent"), "7", "of failures too");
    let made = [
        id_of("", "/stats"),
        id_of("", "/nowhere"),
        id_of("x-request-id: a b\r\n", "/stats"),
        id_of(&format!("x-request-id: {}\r\n", "x".repeat(65)), "/stats"),
    ];
    for (n, id) in made.iter().enumerate() {
        assert!(id.len() <= 25 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
        assert!(!made[..n].contains(id), "{made:?}");
    }
}

#[test]
fn the_log_has_a_line_for_each_request_when_it_is_asked_to() {
    for (level, lines) in [("debug", 1), ("info", 0)] {
        let name = format!("requests-log-{level}");
        let server = Server::start(&name, &[&format!("--log-level={level}"), "--log-format=json"]);
        ask(&server.api, "GET", "/api/v1/secret", "x-request-id: here\r\n", "");
        server.signal("TERM");
        let (code, log) = server.end();
        assert_eq!(code, 0);
        let of = log.lines().filter(|line| line.contains("\"id\":\"here\"")).collect::<Vec<_>>();
        let told: Vec<_> = of.iter().filter(|line| line.contains("\"answered\"")).collect();
        assert_eq!(told.len(), lines, "{log}");
        for line in told {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/api/v1/{key}".into()));
            assert_eq!((&line["status"], &line["code"]), (&404.into(), &"item_not_found".into()));
            assert!(line["micros"].is_u64(), "{line}");
        }
        assert!(!log.contains("secret"), "keys are nobody's business: {log}");
    }
}
