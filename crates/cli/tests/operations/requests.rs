//! Request ids in responses and in the log.

use super::process::{Server, request};

#[test]
fn response_has_a_request_id() {
    let server = Server::start("requests-ids", &[]);
    let id_of = |headers: &str, path: &str| {
        let response = request(&server.api, "GET", path, headers, "");
        response.header("x-request-id").expect("an id").to_owned()
    };
    assert_eq!(id_of("x-request-id: from-a-proxy.1\r\n", "/stats"), "from-a-proxy.1");
    assert_eq!(id_of("X-Request-Id: 7\r\n", "/api/v1/absent"), "7", "failures have an id too");
    let generated = [
        id_of("", "/stats"),
        id_of("", "/nowhere"),
        id_of("x-request-id: a b\r\n", "/stats"),
        id_of(&format!("x-request-id: {}\r\n", "x".repeat(65)), "/stats"),
    ];
    for (n, id) in generated.iter().enumerate() {
        assert!(id.len() <= 25 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
        assert!(!generated[..n].contains(id), "{generated:?}");
    }
}

#[test]
fn debug_log_has_one_line_per_request() {
    for (level, lines) in [("debug", 1), ("info", 0)] {
        let name = format!("requests-log-{level}");
        let server = Server::start(&name, &[&format!("--log-level={level}"), "--log-format=json"]);
        request(&server.api, "GET", "/api/v1/secret", "x-request-id: here\r\n", "");
        server.signal("TERM");
        let (code, log) = server.end();
        assert_eq!(code, 0);
        let of_request =
            log.lines().filter(|line| line.contains("\"id\":\"here\"")).collect::<Vec<_>>();
        let responses: Vec<_> =
            of_request.iter().filter(|line| line.contains("\"request finished\"")).collect();
        assert_eq!(responses.len(), lines, "{log}");
        for line in responses {
            let line: serde_json::Value = serde_json::from_str(line).expect("valid JSON");
            assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/api/v1/{key}".into()));
            assert_eq!((&line["status"], &line["code"]), (&404.into(), &"item_not_found".into()));
            assert!(line["micros"].is_u64(), "{line}");
        }
        assert!(!log.contains("secret"), "keys are not logged: {log}");
    }
}
