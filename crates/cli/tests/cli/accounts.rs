//! Logins, tokens and accounts on the command line, with a server that requires authentication.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::wire::Json;
use mainspring_http::auth::{Auth, AuthOptions, Keys};
use mainspring_http::server;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::command::{RunOutput, mainspring, piped, run, run_output, run_with};
use crate::server::{TIMEOUT, fresh, lines};

const PASSWORD: &str = "wheels within wheels";

/// A server with the administrator ada, and a home directory.
struct Server {
    runtime: Runtime,
    store: Store<Json>,
    auth: Auth,
    url: String,
    home: PathBuf,
}

impl Server {
    fn start(test: &str, access_ttl: Duration) -> Self {
        let runtime = Runtime::new().unwrap();
        let guard = runtime.enter();
        let mut options = AuthOptions::default();
        options.access_ttl = access_ttl;
        let keys = Keys::in_memory().unwrap();
        let auth = Auth::new(Store::builder().spawn(), keys, options).unwrap();
        runtime.block_on(auth.ensure_admin("ada", PASSWORD.into())).unwrap();
        drop(guard);
        Self::with_auth(test, runtime, auth)
    }

    fn with_auth(test: &str, runtime: Runtime, auth: Auth) -> Self {
        let guard = runtime.enter();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let store = Store::builder().spawn();
        let mut options = server::ServerOptions::default();
        options.auth = Some(auth.clone());
        let serving = server::serve(listener, store.clone(), options, CancellationToken::new());
        runtime.spawn(serving);
        drop(guard);
        Self { runtime, store, auth, url, home: fresh(&format!("accounts-{test}")) }
    }

    fn file(&self) -> PathBuf {
        self.home.join(".config/mainspring/credentials.json")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = mainspring(args);
        command.env("MAINSPRING_URL", &self.url).env("HOME", &self.home);
        command
    }

    fn run(&self, args: &[&str]) -> RunOutput {
        run(&mut self.command(args))
    }

    fn run_with(&self, args: &[&str], input: &str) -> RunOutput {
        run_with(&mut self.command(args), input)
    }

    #[track_caller]
    fn fails(&self, result: &RunOutput, code: i32, message: &str) {
        assert_eq!((result.code, result.out.as_str()), (code, ""), "{result:?}");
        assert!(result.err.contains(message) && !result.err.contains(PASSWORD), "{result:?}");
    }

    #[track_caller]
    fn run_ok(&self, args: &[&str], input: &str) -> String {
        let RunOutput { code, out, err } = self.run_with(args, input);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
        out
    }

    #[track_caller]
    fn login(&self) {
        self.run_ok(&["login", "--user", "ada"], &format!("{PASSWORD}\n"));
    }

    /// Make all processes renew the tokens first.
    fn make_renewal_due(&self) {
        let mut credentials: Value =
            serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        credentials["servers"][&self.url]["renew_at"] = "2026-01-01T00:00:00Z".into();
        fs::write(self.file(), credentials.to_string()).unwrap();
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn login_lasts_until_the_logout() {
    let server = Server::start("login", Duration::from_secs(600));
    let unknown = format!("log in with \"mainspring login --url {}\"", server.url);
    server.fails(&server.run(&["get", "k"]), 10, &unknown);
    server.fails(&server.run(&["logout"]), 10, "not logged in at");
    let no_name = server.run_with(&["login"], "x\n");
    server.fails(&no_name, 2, "--user NAME");
    server.login();
    #[cfg(unix)]
    {
        assert_eq!(mode(&server.file()), 0o600);
        assert_eq!(mode(server.file().parent().unwrap()), 0o700);
    }
    server.run_ok(&["set", "k", "v"], "");
    assert_eq!(server.run_ok(&["get", "k"], ""), "v\n");
    assert_eq!(server.run_ok(&["user", "me"], ""), "ada\tadmin\n");
    // Logins are per server.
    let mut elsewhere = server.command(&["--url", "http://127.0.0.1:9", "logout"]);
    server.fails(&run(&mut elsewhere), 10, "not logged in at");
    // The default is the previous account.
    server.run_ok(&["login"], PASSWORD);

    server.run_ok(&["logout"], "");
    assert!(!fs::read_to_string(server.file()).unwrap().contains("msr_"));
    server.fails(&server.run(&["get", "k"]), 10, &unknown);
    server.login();
    server.run_ok(&["logout", "--all"], "");
    assert_eq!(server.auth.profile("ada").unwrap().logins, 0);

    server.login();
    server.runtime.block_on(server.auth.set_password("ada", "another password".into())).unwrap();
    server.fails(&server.run(&["get", "k"]), 10, "has expired: log in again");
    server.run_ok(&["logout"], "");
}

#[test]
fn wrong_passwords_are_rejected_and_rate_limited() {
    let server = Server::start("guesses", Duration::from_secs(600));
    let guess = || server.run_with(&["login", "--user", "ada"], "a guess of mine\n");
    server.fails(&guess(), 10, "wrong name or password");
    let unknown = server.run_with(&["login", "--user", "unknown"], "a guess of mine\n");
    server.fails(&unknown, 10, "wrong name or password");
    server.fails(&server.run(&["login", "--user", "ada"]), 2, "contains no password");
    assert!(!server.file().exists());
    for _ in 0..100 {
        let result = guess();
        if result.err.contains("too many attempts: try again in") {
            return assert_eq!(result.code, 7);
        }
    }
    panic!("no rate limit");
}

#[test]
fn accounts_and_tokens_are_created_and_removed() {
    let server = Server::start("users", Duration::from_secs(600));
    server.login();
    let add = ["user", "add", "grace", "--role", "writer", "--prefix", "car/"];
    assert_eq!(server.run_ok(&add, "nanoseconds\n"), "grace\twriter\tcar/\n");
    server.fails(
        &server.run_with(&add, "nanoseconds\n"),
        7,
        "an account with this name already exists",
    );
    let short = server.run_with(&["user", "add", "eve", "--role", "reader"], "short\n");
    server.fails(&short, 7, "8 to 1024 bytes");
    let role = server.run_with(&["user", "add", "eve", "--role", "king"], "nanoseconds\n");
    server.fails(&role, 2, "reader, writer or admin");
    server.fails(&server.run(&["user", "remove", "eve"]), 5, "no such account");
    assert_eq!(server.run_ok(&["user", "list"], ""), "ada\tadmin\ngrace\twriter\tcar/\n");

    let token = server.run_ok(&["user", "token", "grace", "--label", "dash", "--ttl", "720h"], "");
    let token = token.trim();
    assert!(token.starts_with("mst_grace."), "{token}");
    let listed = server.run_ok(&["user", "list", "--json"], "");
    assert!(!listed.contains(token));
    let grace: Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    assert_eq!(grace["tokens"][0]["label"], "dash");
    let id = grace["tokens"][0]["id"].as_str().unwrap();

    // The token takes precedence over the login.
    let with_token = |args: &[&str]| run(server.command(args).env("MAINSPRING_TOKEN", token));
    assert_eq!(with_token(&["set", "car/speed", "1"]).code, 0);
    server.fails(&with_token(&["set", "plane", "1"]), 10, "permission denied for this token");
    server.fails(&with_token(&["user", "list"]), 10, "permission denied for this token");
    let file = server.home.join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(server.run_ok(&["--token-file", file, "get", "car/speed"], ""), "1\n");
    assert_eq!(server.run_ok(&["get", "car/speed", "--token-file", "-"], token), "1\n");
    server.fails(
        &server.run(&["get", "k", "--token-file", "/nowhere"]),
        1,
        "cannot read the token",
    );
    server.fails(
        &server.run_with(&["get", "k", "--token-file", "-"], "a b"),
        2,
        "not a valid token",
    );

    server.run_ok(&["user", "token-remove", "grace", id], "");
    let result = with_token(&["get", "car/speed"]);
    server.fails(&result, 10, "rejected the token (MAINSPRING_TOKEN)");
    assert!(!result.err.contains(token));

    server.fails(&with_token(&["logout"]), 2, "instead of a token (MAINSPRING_TOKEN)");

    server.run_ok(&["user", "access", "grace", "--role", "reader"], "");
    server.run_ok(&["user", "passwd", "grace"], "picoseconds\n");
    server.run_ok(&["login", "--user", "grace"], "picoseconds\n");
    server.fails(&server.run(&["set", "k", "1"]), 10, "permission denied for grace");
    let wrong = server.run_with(&["user", "passwd"], "nanoseconds\nfemtoseconds\n");
    server.fails(&wrong, 10, "wrong current password");
    server.run_ok(&["user", "passwd"], "picoseconds\nfemtoseconds\n");
    assert_eq!(server.run_ok(&["user", "me"], ""), "grace\treader\n");

    server.login();
    server.run_ok(&["user", "remove", "grace"], "");
    assert_eq!(server.run_ok(&["user", "rotate-keys"], "").lines().count(), 2);
    assert_eq!(server.run_ok(&["user", "list"], ""), "ada\tadmin\n");
}

#[cfg(unix)]
#[test]
fn readable_or_invalid_credentials_file_is_rejected() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start("mode", Duration::from_secs(600));
    server.login();
    fs::set_permissions(server.file(), PermissionsExt::from_mode(0o640)).unwrap();
    let file = server.file();
    server.fails(&server.run(&["get", "k"]), 1, &format!("chmod 600 {}", file.display()));
    fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    server.run_ok(&["set", "k", "v"], "");
    let secret = "msr_ada.x.secret";
    fs::write(&file, format!("{{\"servers\":{{\"{}\":\"{secret}\"}}}}", server.url)).unwrap();
    let result = server.run(&["get", "k"]);
    server.fails(&result, 1, "log in again");
    assert!(!result.err.contains(secret), "{}", result.err);

    // The environment variable changes the path.
    let elsewhere = server.home.join("a/b/mine.json");
    let mut login = server.command(&["login", "--user", "ada"]);
    let result = run_with(login.env("MAINSPRING_CREDENTIALS", &elsewhere), PASSWORD);
    assert_eq!(result.code, 0, "{result:?}");
    assert_eq!((mode(&elsewhere), mode(elsewhere.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn two_processes_renew_one_login_at_once() {
    let server = Server::start("two", Duration::from_secs(600));
    server.login();
    for round in 0..100 {
        server.make_renewal_due();
        let both = [(); 2].map(|()| piped(&mut server.command(&["push", "log", "x"])));
        for one in both {
            let RunOutput { code, err, .. } = run_output(one.wait_with_output().unwrap());
            assert_eq!((code, err.as_str()), (0, ""), "round {round}");
        }
    }
    assert_eq!(server.run_ok(&["get", "log"], "").lines().count(), 200);
    assert_eq!(server.auth.profile("ada").unwrap().logins, 1);
}

#[test]
fn watch_continues_after_its_token_expires() {
    let server = Server::start("watch", Duration::from_secs(1));
    server.login();
    let mut watch = piped(&mut server.command(&["watch", "--json"]));
    let events = lines(watch.stdout.take().unwrap());
    let begin = Instant::now();
    let mut next = 1;
    while server.store.stats().subscribers == 0 {
        assert!(begin.elapsed() < TIMEOUT);
        std::thread::sleep(Duration::from_millis(5));
    }
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(4) {
        server.runtime.block_on(async { server.store.set("k", "v").await }).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let last = server.store.revision();
    while next <= last {
        let line = events.recv_timeout(TIMEOUT).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if let Some(revision) = line["revision"].as_u64() {
            assert_eq!(revision, next);
            next += 1;
        }
    }
    watch.kill().unwrap();
    let mut err = String::new();
    watch.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    watch.wait().unwrap();
    assert_eq!(err, "");
}

#[test]
fn first_administrator_is_created_without_a_server() {
    let directory = fresh("first-admin");
    let url = format!("file:{}", directory.display());
    let add = ["user", "add", "ada", "--role", "admin", "--accounts", &url];
    let result = run_with(&mut mainspring(&add), PASSWORD);
    assert_eq!(result, RunOutput { code: 0, out: "ada\tadmin\n".into(), err: String::new() });
    let again = run_with(&mut mainspring(&add), PASSWORD);
    assert_eq!(again.code, 7, "{again:?}");
    let nowhere = run_with(
        &mut mainspring(&["user", "add", "ada", "--role", "admin", "--accounts", "none"]),
        PASSWORD,
    );
    assert_eq!(nowhere.code, 2, "{nowhere:?}");

    let runtime = Runtime::new().unwrap();
    let guard = runtime.enter();
    let accounts = Store::builder().journal(FileJournal::open(&directory)).spawn();
    runtime.block_on(accounts.ready()).unwrap();
    let locked = run_with(&mut mainspring(&add), PASSWORD);
    assert_eq!(locked.code, 3, "{locked:?}");
    let keys = Keys::open(directory.join("signing-keys.json")).unwrap();
    let auth = Auth::new(accounts, keys, AuthOptions::default()).unwrap();
    drop(guard);
    let server = Server::with_auth("first", runtime, auth);
    server.login();
    assert_eq!(server.run_ok(&["user", "me"], ""), "ada\tadmin\n");
}

#[cfg(unix)]
#[test]
fn typed_password_is_not_echoed() {
    let server = Server::start("typed", Duration::from_secs(600));
    let program = env!("CARGO_BIN_EXE_mainspring");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &format!("'{program}' login --user ada"), "/dev/null"]);
    script.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &server.home);
    script.env("MAINSPRING_URL", &server.url);
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&shown).contains("Password of ada: ") {
        assert_eq!(stdout.read(&mut byte).unwrap(), 1);
        shown.push(byte[0]);
    }
    // The prompt is printed before the echo is disabled.
    std::thread::sleep(Duration::from_millis(300));
    stdin.write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("logged in at") && !shown.contains("wheels"), "{shown}");
    assert_eq!(server.run_ok(&["user", "me"], ""), "ada\tadmin\n");
}

#[cfg(unix)]
#[test]
fn user_list_is_a_table_on_a_terminal() {
    let server = Server::start("table", Duration::from_secs(600));
    server.login();
    let add = ["user", "add", "grace", "--role", "writer", "--prefix", "car/"];
    server.run_ok(&add, "nanoseconds\n");
    let token = ["user", "token", "grace", "--role", "reader", "--prefix", "car/", "--ttl", "1h"];
    server.run_ok(&[&token[..], &["--label", "dash"]].concat(), "");
    let program = env!("CARGO_BIN_EXE_mainspring");
    let mut script = Command::new("script");
    let list = format!("stty cols 100; '{program}' --color never user list");
    script.args(["-q", "-e", "-c", &list, "/dev/null"]).env_clear().stdin(Stdio::null());
    script.env("PATH", "/usr/bin:/bin").env("HOME", &server.home);
    let RunOutput { code, out, .. } = run(script.env("MAINSPRING_URL", &server.url));
    assert_eq!(code, 0, "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    let at = |name| lines[0].find(name).expect(name);
    assert_eq!(lines[1].find("admin"), Some(at("ROLE")), "{out}");
    assert_eq!(lines[1].find("1 login"), Some(at("NOTE")), "{out}");
    assert_eq!(lines[2].find("car/*"), Some(at("KEYS")), "{out}");
    assert_eq!(lines[3].find("reader"), Some(at("ROLE")), "{out}");
    assert_eq!(lines[3].find("in 59m"), Some(at("EXPIRES")), "{out}");
    assert_eq!(lines[3].find("dash"), Some(at("NOTE")), "{out}");
}
