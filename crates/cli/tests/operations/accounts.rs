//! A server with authentication, as a process.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{interval, timeout};

use super::process::{Response, Server, fresh, mainspring, request, run};

const PASSWORD: &str = "wheels within wheels";
pub(crate) const ADMIN: [&str; 3] =
    ["--auth-enabled", "--admin-user=ada", "--admin-password=wheels within wheels"];

fn start(name: &str, args: &[&str]) -> Server {
    Server::start(name, &[&ADMIN[..], args].concat())
}

fn with(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Response {
    request(&server.api, method, path, &format!("authorization: Bearer {token}\r\n"), body)
}

fn login(server: &Server) -> Value {
    let body = json!({"name": "ada", "password": PASSWORD}).to_string();
    let response = server.request("POST", "/auth/login", &body);
    assert_eq!(response.status, 200, "{response:?}");
    response.json()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

#[test]
fn restarted_server_has_the_accounts_and_revocations() {
    let directory = fresh("accounts-restart");
    let journal = format!("--journal=file:{}", directory.display());
    let server = start("accounts-1", &[&journal]);
    assert_eq!(server.request("GET", "/keys", "").status, 401);
    let (active, revoked) = (login(&server), login(&server));
    let active = text(&active, "access_token");
    assert_eq!(with(&server, &active, "PUT", "/api/v1/k", r#"{"value":1}"#).status, 200);
    let token = with(&server, &active, "POST", "/auth/tokens", r#"{"label":"dash"}"#);
    assert_eq!(token.status, 201, "{token:?}");
    let token = text(&token.json(), "token");
    let revoked_token = text(&revoked, "access_token");
    assert_eq!(with(&server, &revoked_token, "POST", "/auth/logout", "").status, 200);
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 0, "{log}");

    // The configured password is only used to create the first administrator.
    let args =
        ["--auth-enabled", "--admin-user=ada", "--admin-password=another password", &journal];
    let server = Server::start("accounts-2", &args);
    for (token, status) in [(&active, 200), (&token, 200), (&revoked_token, 401)] {
        assert_eq!(with(&server, token, "GET", "/api/v1/k", "").status, status);
    }
    let refresh = json!({"refresh_token": revoked["refresh_token"]}).to_string();
    assert_eq!(server.request("POST", "/auth/refresh", &refresh).status, 401);
    login(&server);
    let mode = |path: &str| fs::metadata(directory.join(path)).expect(path).permissions().mode();
    assert_eq!(mode("accounts") & 0o777, 0o700);
    assert_eq!(mode("accounts/signing-keys.json") & 0o777, 0o600);
}

#[test]
fn audit_log_has_all_operations_and_no_log_has_secrets() {
    let audit = fresh("audit.jsonl");
    let server = start(
        "accounts-audit",
        &[&format!("--audit-log={}", audit.display()), "--log-level=trace"],
    );
    let tokens = login(&server);
    let token = text(&tokens, "access_token");
    with(&server, &token, "PUT", "/api/v1/car%2Fspeed", r#"{"value":1}"#);
    with(&server, &token, "POST", "/batch", r#"[{"command":"remove","key":"car/speed"}]"#);
    with(
        &server,
        &token,
        "POST",
        "/auth/register",
        r#"{"name":"bob","password":"springs and wheels","role":"reader"}"#,
    );
    with(&server, &token, "GET", "/api/v1/none", "");
    server.request("POST", "/auth/login", r#"{"name":"bob","password":"not his password"}"#);
    server.signal("TERM");
    let (_, log) = server.end();
    let audited = fs::read_to_string(&audit).expect("UTF-8");
    let lines: Vec<Value> =
        audited.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let is_audited = |of: &[(&str, &str)]| {
        lines.iter().any(|line| of.iter().all(|(name, value)| line[name] == *value))
    };
    assert!(is_audited(&[("message", "login"), ("account", "ada")]), "{audited}");
    assert!(is_audited(&[("account", "ada"), ("what", "set"), ("key", "car/speed")]), "{audited}");
    assert!(
        is_audited(&[("account", "ada"), ("what", "remove"), ("key", "car/speed")]),
        "{audited}"
    );
    assert!(is_audited(&[("by", "ada"), ("what", "register"), ("account", "bob")]), "{audited}");
    assert!(is_audited(&[("message", "login failed"), ("account", "bob")]), "{audited}");
    assert!(!audited.contains("none") && !log.contains("mainspring::audit"), "{audited}{log}");
    assert_eq!(fs::metadata(&audit).expect("the file exists").permissions().mode() & 0o777, 0o600);
    let signature = |token: &str| token.rsplit('.').next().expect("a part").to_owned();
    let refresh = text(&tokens, "refresh_token");
    for secret in [
        PASSWORD,
        "springs and wheels",
        "not his",
        &signature(&token),
        &signature(&refresh),
        "$argon2",
    ] {
        assert!(!log.contains(secret) && !audited.contains(secret), "{secret}");
    }
}

#[test]
fn write_of_a_disconnected_client_is_in_the_audit_log() {
    let audit = fresh("audit-cut.jsonl");
    let journal = fresh("audit-cut");
    let args = [
        format!("--audit-log={}", audit.display()),
        format!("--journal=file:{}", journal.display()),
    ];
    let server = start("accounts-cut", &[&args[0], &args[1]]);
    let token = text(&login(&server), "access_token");
    for n in 0..100 {
        let mut stream = TcpStream::connect(&server.api).expect("the server listens");
        let head = format!(
            "PUT /api/v1/k{n} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
        );
        let request = format!("{head}content-length: 11\r\n\r\n{{\"value\":1}}");
        stream.write_all(request.as_bytes()).expect("the write succeeds");
        // Long enough for some of the writes to reach the journal.
        std::thread::sleep(Duration::from_micros(n * 20));
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).expect("socket option");
    }
    let keys = with(&server, &token, "GET", "/keys?limit=1000", "").json();
    let keys = keys["keys"].as_array().expect("a page").len();
    server.signal("TERM");
    let (_, log) = server.end();
    let audited = fs::read_to_string(&audit).expect("UTF-8");
    let sets = audited.lines().filter(|line| line.contains(r#""what":"set""#)).count();
    assert!(keys > 0 && sets >= keys, "{keys} keys were set, {sets} audited: {log}");
}

#[test]
fn invalid_account_settings_are_rejected() {
    let assert_rejected = |args: &[&str], words: &str| {
        let (code, output) = run(&[&["serve", "--port=0", "--health-port=0"], args].concat());
        assert_ne!(code, 0, "{output}");
        assert!(output.contains(words) && !output.contains(PASSWORD), "{output}");
    };
    assert_rejected(&["--auth-enabled"], "ADMIN_USER and ADMIN_PASSWORD");
    assert_rejected(&["--auth-enabled", "--admin-user=ada"], "ADMIN_PASSWORD");
    assert_rejected(&["--auth-enabled", "--admin-password=wheels within wheels"], "ADMIN_USER");
    assert_rejected(
        &["--auth-enabled", "--admin-user=ada", "--admin-password=short"],
        "8 to 1024 bytes",
    );
    assert_rejected(&["--auth-enabled", "--access-ttl=1h"], "at most 15m");
    let printed = mainspring(&["serve", "--print-config"])
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("ADMIN_USER", "ada")
        .output()
        .expect("the program runs");
    let printed = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(printed.contains("ADMIN_PASSWORD") && !printed.contains(PASSWORD), "{printed}");
}

/// Send one request on a new connection from a loopback address, and return the status.
async fn post(from: Ipv4Addr, to: SocketAddr, body: String) -> Option<u16> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((from, 0).into()).ok()?;
    let mut stream = socket.connect(to).await.ok()?;
    let length = body.len();
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.ok()?;
    response.split(' ').nth(1)?.parse().ok()
}

/// Measure the latencies of reads with a token for `span`, sorted.
async fn read_latencies(to: SocketAddr, token: String, span: Duration) -> Vec<Duration> {
    let socket = TcpSocket::new_v4().unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let request = format!(
        "GET /api/v1/k HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let (mut latencies, started) = (Vec::new(), Instant::now());
    let mut tick = interval(Duration::from_millis(5));
    while started.elapsed() < span {
        tick.tick().await;
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = [0; 2_048];
        let length = stream.read(&mut response).await.unwrap();
        assert!(
            response[..length].starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&response)
        );
        latencies.push(sent.elapsed());
    }
    latencies.sort();
    latencies
}

/// 1,000 logins per second, each with another name and from another address, so that no rate limit applies, only the
/// limits on concurrent hashing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_logins_do_not_slow_down_reads() {
    let server = tokio::task::spawn_blocking(|| {
        start("accounts-brute", &["--log-level=error", "--audit-log=/dev/null"])
    });
    let server = server.await.unwrap();
    let token = text(&login(&server), "access_token");
    with(&server, &token, "PUT", "/api/v1/k", r#"{"value":1}"#);
    let to: SocketAddr = server.api.parse().unwrap();
    let before = server.memory();
    let span = Duration::from_secs(5);
    let reads = tokio::spawn(read_latencies(to, token, span));
    let mut tick = interval(Duration::from_millis(1));
    let mut logins = tokio::task::JoinSet::new();
    for n in 0..span.as_millis() as u32 {
        tick.tick().await;
        let from = Ipv4Addr::from(0x7f01_0000 + n + 1);
        let body = json!({"name": format!("n{n}"), "password": "guess guess"}).to_string();
        logins.spawn(async move {
            timeout(Duration::from_secs(30), post(from, to, body)).await.ok().flatten()
        });
    }
    let latencies = reads.await.unwrap();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    while let Some(response) = logins.join_next().await {
        *statuses.entry(response.unwrap().unwrap_or_default()).or_default() += 1;
    }
    let p99 = latencies[latencies.len() * 99 / 100];
    let grown = server.memory().saturating_sub(before) >> 20;
    println!(
        "{} reads: p50 {:?}, p99 {p99:?}; logins by status {statuses:?}; {grown} MiB more",
        latencies.len(),
        latencies[latencies.len() / 2]
    );
    assert!(p99 < Duration::from_millis(100), "{p99:?}");
    assert!(grown < 150, "{grown} MiB");
    assert!(statuses.keys().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(statuses[&401] > 0);
}
