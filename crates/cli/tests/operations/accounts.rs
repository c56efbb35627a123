//! A server that asks everybody who they are, as a process.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::{interval, timeout};

use super::process::{Answer, Server, ask, fresh, mainspring, run};

const PASSWORD: &str = "wheels within wheels";
pub(crate) const ADMIN: [&str; 3] =
    ["--auth-enabled", "--admin-user=ada", "--admin-password=wheels within wheels"];

fn start(name: &str, args: &[&str]) -> Server {
    Server::start(name, &[&ADMIN[..], args].concat())
}

fn with(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Answer {
    ask(&server.api, method, path, &format!("authorization: Bearer {token}\r\n"), body)
}

fn login(server: &Server) -> Value {
    let body = json!({"name": "ada", "password": PASSWORD}).to_string();
    let answer = server.ask("POST", "/auth/login", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

#[test]
fn a_restart_keeps_accounts_and_revocations() {
    let folder = fresh("accounts-restart");
    let journal = format!("--journal=file:{}", folder.display());
    let server = start("accounts-1", &[&journal]);
    assert_eq!(server.ask("GET", "/keys", "").status, 401);
    let (kept, ended) = (login(&server), login(&server));
    let (kept, ended) = (text(&kept, "access_token"), ended);
    assert_eq!(with(&server, &kept, "PUT", "/api/v1/k", r#"{"value":1}"#).status, 200);
    let token = with(&server, &kept, "POST", "/auth/tokens", r#"{"label":"dash"}"#);
    assert_eq!(token.status, 201, "{token:?}");
    let token = text(&token.json(), "token");
    let gone = text(&ended, "access_token");
    assert_eq!(with(&server, &gone, "POST", "/auth/logout", "").status, 200);
    server.signal("TERM");
    let (code, log) = server.end();
    assert_eq!(code, 0, "{log}");

    // The password in the environment is that of the first administrator, and no other's.
    let args =
        ["--auth-enabled", "--admin-user=ada", "--admin-password=another password", &journal];
    let server = Server::start("accounts-2", &args);
    for (token, status) in [(&kept, 200), (&token, 200), (&gone, 401)] {
        assert_eq!(with(&server, token, "GET", "/api/v1/k", "").status, status);
    }
    let refresh = json!({"refresh_token": ended["refresh_token"]}).to_string();
    assert_eq!(server.ask("POST", "/auth/refresh", &refresh).status, 401);
    login(&server);
    let mode = |path: &str| fs::metadata(folder.join(path)).expect(path).permissions().mode();
    assert_eq!(mode("accounts") & 0o777, 0o700);
    assert_eq!(mode("accounts/signing-keys.json") & 0o777, 0o600);
}

#[test]
fn what_is_done_is_in_the_audit_log_and_no_secret_in_any() {
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
    server.ask("POST", "/auth/login", r#"{"name":"bob","password":"not his password"}"#);
    server.signal("TERM");
    let (_, log) = server.end();
    let told = fs::read_to_string(&audit).expect("text");
    let lines: Vec<Value> =
        told.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let is_told = |of: &[(&str, &str)]| {
        lines.iter().any(|line| of.iter().all(|(name, value)| line[name] == *value))
    };
    assert!(is_told(&[("message", "login"), ("account", "ada")]), "{told}");
    assert!(is_told(&[("account", "ada"), ("what", "set"), ("key", "car/speed")]), "{told}");
    assert!(is_told(&[("account", "ada"), ("what", "remove"), ("key", "car/speed")]), "{told}");
    assert!(is_told(&[("by", "ada"), ("what", "register"), ("account", "bob")]), "{told}");
    assert!(is_told(&[("message", "login failed"), ("account", "bob")]), "{told}");
    assert!(!told.contains("none") && !log.contains("mainspring::audit"), "{told}{log}");
    assert_eq!(fs::metadata(&audit).expect("it").permissions().mode() & 0o777, 0o600);
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
        assert!(!log.contains(secret) && !told.contains(secret), "{secret}");
    }
}

#[test]
fn what_is_done_for_those_who_leave_is_in_the_audit_log() {
    let audit = fresh("audit-cut.jsonl");
    let journal = fresh("audit-cut");
    let args = [
        format!("--audit-log={}", audit.display()),
        format!("--journal=file:{}", journal.display()),
    ];
    let server = start("accounts-cut", &[&args[0], &args[1]]);
    let token = text(&login(&server), "access_token");
    for n in 0..100 {
        let mut stream = TcpStream::connect(&server.api).expect("it listens");
        let head = format!(
            "PUT /api/v1/k{n} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
        );
        let request = format!("{head}content-length: 11\r\n\r\n{{\"value\":1}}");
        stream.write_all(request.as_bytes()).expect("it is taken");
        // Long enough for some of them to be on their way to the disk.
        std::thread::sleep(Duration::from_micros(n * 20));
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(Some(Duration::ZERO)).expect("it is a socket");
    }
    let keys = with(&server, &token, "GET", "/keys?limit=1000", "").json();
    let keys = keys["keys"].as_array().expect("a page").len();
    server.signal("TERM");
    let (_, log) = server.end();
    let told = fs::read_to_string(&audit).expect("text");
    let sets = told.lines().filter(|line| line.contains(r#""what":"set""#)).count();
    assert!(keys > 0 && sets >= keys, "{keys} were set, and {sets} are told of: {log}");
}

#[test]
fn nobody_is_locked_out_by_mistake() {
    let refused = |args: &[&str], words: &str| {
        let (code, said) = run(&[&["serve", "--port=0", "--health-port=0"], args].concat());
        assert_ne!(code, 0, "{said}");
        assert!(said.contains(words) && !said.contains(PASSWORD), "{said}");
    };
    refused(&["--auth-enabled"], "ADMIN_USER and ADMIN_PASSWORD");
    refused(&["--auth-enabled", "--admin-user=ada"], "ADMIN_PASSWORD");
    refused(&["--auth-enabled", "--admin-password=wheels within wheels"], "ADMIN_USER");
    refused(&["--auth-enabled", "--admin-user=ada", "--admin-password=short"], "8 to 1024 bytes");
    refused(&["--auth-enabled", "--access-ttl=1h"], "at most 15m");
    let printed = mainspring(&["serve", "--print-config"])
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("ADMIN_USER", "ada")
        .output()
        .expect("it runs");
    let printed = String::from_utf8(printed.stdout).expect("text");
    assert!(printed.contains("ADMIN_PASSWORD") && !printed.contains(PASSWORD), "{printed}");
}

/// One request on a connection of its own, from an address of this machine.
async fn post(from: Ipv4Addr, to: SocketAddr, body: String) -> Option<u16> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((from, 0).into()).ok()?;
    let mut stream = socket.connect(to).await.ok()?;
    let length = body.len();
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut told = String::new();
    stream.read_to_string(&mut told).await.ok()?;
    told.split(' ').nth(1)?.parse().ok()
}

/// How long reads with a token take meanwhile, sorted.
async fn healthy(to: SocketAddr, token: String, span: Duration) -> Vec<Duration> {
    let socket = TcpSocket::new_v4().unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    let ask = format!(
        "GET /api/v1/k HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let (mut took, begun) = (Vec::new(), Instant::now());
    let mut tick = interval(Duration::from_millis(5));
    while begun.elapsed() < span {
        tick.tick().await;
        let asked = Instant::now();
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut told = [0; 2_048];
        let length = stream.read(&mut told).await.unwrap();
        assert!(told[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&told));
        took.push(asked.elapsed());
    }
    took.sort();
    took
}

/// 1,000 logins a second, each with another name and from another address, so that nothing but the bounds on the work
/// itself holds them back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_logins_at_once_disturb_nobody() {
    let server = tokio::task::spawn_blocking(|| {
        start("accounts-brute", &["--log-level=error", "--audit-log=/dev/null"])
    });
    let server = server.await.unwrap();
    let token = text(&login(&server), "access_token");
    with(&server, &token, "PUT", "/api/v1/k", r#"{"value":1}"#);
    let to: SocketAddr = server.api.parse().unwrap();
    let before = server.memory();
    let span = Duration::from_secs(5);
    let watching = tokio::spawn(healthy(to, token, span));
    let mut tick = interval(Duration::from_millis(1));
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..span.as_millis() as u32 {
        tick.tick().await;
        let from = Ipv4Addr::from(0x7f01_0000 + n + 1);
        let body = json!({"name": format!("n{n}"), "password": "guess guess"}).to_string();
        tries.spawn(async move {
            timeout(Duration::from_secs(30), post(from, to, body)).await.ok().flatten()
        });
    }
    let took = watching.await.unwrap();
    let mut told = std::collections::BTreeMap::<u16, usize>::new();
    while let Some(answer) = tries.join_next().await {
        *told.entry(answer.unwrap().unwrap_or_default()).or_default() += 1;
    }
    let p99 = took[took.len() * 99 / 100];
    let grown = server.memory().saturating_sub(before) >> 20;
    println!(
        "{} reads: p50 {:?}, p99 {p99:?}; logins by answer {told:?}; {grown} MiB more",
        took.len(),
        took[took.len() / 2]
    );
    assert!(p99 < Duration::from_millis(100), "{p99:?}");
    assert!(grown < 150, "{grown} MiB");
    assert!(told.keys().all(|status| [401, 503].contains(status)), "{told:?}");
    assert!(told[&401] > 0);
}
