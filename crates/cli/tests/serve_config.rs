//! The configuration of `mainspring serve`: sources of values, and errors.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program with a given environment.
fn mainspring(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.env_clear().envs(environment.iter().copied()).args(args).stdin(Stdio::null());
    command
}

/// Run the program, and return exit code, output and errors.
fn run(args: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = mainspring(args, environment).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("not ended by a signal"), text(output.stdout), text(output.stderr))
}

fn printed(args: &[&str], environment: &[(&str, &str)]) -> String {
    let args = [&["serve", "--print-config"], args].concat();
    let (code, output, error) = run(&args, environment);
    assert_eq!((code, error.as_str()), (0, ""));
    output
}

/// Start with an invalid configuration, and return the errors.
fn rejected(args: &[&str], environment: &[(&str, &str)]) -> String {
    let (code, output, error) = run(&[&["serve"], args].concat(), environment);
    assert_eq!((code, output.as_str()), (2, ""), "{error}");
    error
}

/// A path for one test, at which no file exists.
fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-config-{name}"));
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    path
}

fn file(name: &str, text: &str) -> String {
    let path = fresh(name);
    fs::write(&path, text).expect("the file is writable");
    path.to_str().expect("UTF-8").into()
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|other| other == line), "no {line:?} in:\n{text}");
}

#[test]
fn flags_override_environment_overrides_file_overrides_defaults() {
    let config = &file("order", "port = 1\n\n[http]\nhealth_port = 2\nheartbeat = \"4s\"\n");
    let environment = [("HEALTH_PORT", "20"), ("MAINSPRING_HEARTBEAT", "40s")];
    let output = printed(&["--config", config, "--heartbeat", "400s"], &environment);
    assert_line(&output, "host = \"127.0.0.1\" # default");
    assert_line(&output, &format!("port = 1 # `port` in {config}, line 1"));
    assert_line(&output, "health_port = 20 # environment variable HEALTH_PORT");
    assert_line(&output, "heartbeat = \"6m40s\" # flag --heartbeat");

    // HOST is not read: shells and containers set it to the name of the machine.
    let output = printed(&[], &[("HOST", "db-7f9c"), ("MAINSPRING_HOST", "::1")]);
    assert_line(&output, "host = \"::1\" # environment variable MAINSPRING_HOST");
    let output = printed(&[], &[("MAINSPRING_CONFIG", config)]);
    assert_line(&output, &format!("heartbeat = \"4s\" # `http.heartbeat` in {config}, line 5"));
}

#[test]
fn empty_variable_is_ignored() {
    let config = &file("empty", "port = 1\n");
    let output = printed(&["--config", config], &[("PORT", ""), ("MAINSPRING_JOURNAL", "")]);
    assert_line(&output, &format!("port = 1 # `port` in {config}, line 1"));
    assert_line(&output, "journal = \"none\" # default");
    assert_line(&printed(&[], &[("MAINSPRING_CONFIG", "")]), "port = 8080 # default");
}

/// The variables of the earlier Go server, with quotes as in its compose file.
#[test]
fn variables_of_the_earlier_server_work() {
    let mut environment =
        vec![("API_VERSION", "\"v1.0.0\""), ("PORT", "8080"), ("HEALTH_PORT", "8081")];
    let output = printed(&[], &environment);
    assert_line(&output, "api_version = \"v1.0.0\" # environment variable API_VERSION");
    assert_line(&output, "port = 8080 # environment variable PORT");
    assert_line(&output, "health_port = 8081 # environment variable HEALTH_PORT");
    assert_line(&output, "journal = \"none\" # default");

    environment.extend([("PERSISTENCE_ENABLED", "true"), ("DB_PATH", "/home/gomemdb")]);
    environment.extend([
        ("VERBOSE", "DEBUG"),
        ("DEFAULT_TTL", "5m"),
        ("DEFAULT_CLEANUP_INTERVAL", "1m"),
    ]);
    let output = printed(&[], &environment);
    assert_line(&output, "journal = \"file:/home/gomemdb\" # environment variable DB_PATH");
    assert_line(&output, "level = \"debug\" # environment variable VERBOSE");
    assert_line(&output, "default_ttl = \"5m\" # environment variable DEFAULT_TTL");
    assert_line(
        &output,
        "default_cleanup_interval = \"1m\" # environment variable DEFAULT_CLEANUP_INTERVAL",
    );
}

#[test]
fn journal_has_one_source() {
    let earlier = [("PERSISTENCE_ENABLED", "true"), ("DB_PATH", "/earlier")];
    let output = printed(&["--journal", "file:data"], &earlier);
    assert_line(&output, "journal = \"file:data\" # flag --journal");
    let config = &file("journal", "journal = \"file:data\"");
    let output = printed(&["--config", config], &earlier);
    assert_line(&output, "journal = \"file:/earlier\" # environment variable DB_PATH");

    let both = [&earlier[..], &[("MAINSPRING_JOURNAL", "file:data")]].concat();
    let error = rejected(&[], &both);
    assert_eq!(
        error,
        "error: environment variable MAINSPRING_JOURNAL: conflicts with environment variable PERSISTENCE_ENABLED, which \
         names a journal too; remove one\n"
    );
    let output = printed(&[], &[("PERSISTENCE_ENABLED", "false"), ("DB_PATH", "/earlier")]);
    assert_line(&output, "journal = \"none\" # default");
}

#[test]
fn invalid_value_is_reported_with_its_source() {
    let hundred_years = "a duration of at most 100 years";
    for (flag, text, message) in [
        ("host", "example.com", "expected an IP address of this machine, such as 127.0.0.1"),
        ("host", "", "expected an IP address of this machine"),
        ("health-host", "example.com", "expected an IP address of this machine"),
        ("tls-check-interval", "0", "a duration above zero"),
        ("insecure-without-tls", "please", "true or false"),
        ("port", "65536", "a port, 0 to 65535"),
        ("port", "http", "a port, 0 to 65535"),
        ("health-port", "-1", "a port, 0 to 65535"),
        ("api-version", "", "a text of at least one character"),
        ("compression", "on", "true or false"),
        ("cors-origins", "example.com", "an origin, such as https://app.example.com"),
        ("cors-origins", "https://example.com/", "an origin"),
        ("allowed-hosts", "db.example:8080", "a host name without a port"),
        ("cors-origins", "https://a.example,https://me@b.example", "an origin"),
        ("heartbeat", "0", "a duration above zero"),
        ("heartbeat", "15", "a number has no unit"),
        (
            "journal",
            "data",
            "expected file:DIR (a directory) or none; for a directory write \"file:data\"",
        ),
        ("journal", "postgres://h/db", "expected file:DIR (a directory) or none"),
        ("journal", "file:", "the directory is missing"),
        ("journal", "file://data", "write file:data or file:/data"),
        ("sync", "sometimes", "expected always, os, or a duration such as 100ms"),
        ("sync", "0s", "expected always, os"),
        ("default-ttl", "1d", "the units are ns, us, ms, s, m, h"),
        ("default-ttl", "-1s", "it is below zero"),
        ("default-ttl", "876001h", hundred_years),
        ("default-ttl", "9999999999999h", "it is longer than 292 years"),
        ("default-cleanup-interval", "5ms", "at least 10ms"),
        ("default-cleanup-interval", "0", "at least 10ms"),
        ("max-entries", "many", "an integer or none"),
        ("max-bytes", "64M", "a size such as 64MiB"),
        ("max-entry-bytes", "-1", "a size such as 64MiB"),
        ("queue-capacity", "0", "an integer of at least 1"),
        ("history-changes", "0", "an integer of at least 1"),
        ("history-bytes", "0", "a size of at least one byte"),
        ("shutdown-deadline", "soon", "expected a form like 1h30m, 250ms or 1.5h"),
        ("max-connections", "0", "an integer of at least 1"),
        ("max-connections-per-address", "x", "an integer or none"),
        ("max-requests", "0", "an integer of at least 1"),
        ("max-body-bytes", "1.5MiB", "a size of at least one byte"),
        ("header-timeout", "0", "a duration above zero"),
        ("body-timeout", "0s", "a duration above zero"),
        ("idle-timeout", "1000000h", hundred_years),
        ("drain-timeout", "1 s", "the units are"),
        ("log-level", "inof", "expected off, error, warn, info, debug or trace"),
        ("log-format", "xml", "expected text or json"),
        ("demo", "maybe", "true or false"),
        ("persistence-enabled", "yes", "true or false"),
    ] {
        let error = rejected(&[&format!("--{flag}={text}")], &[]);
        assert!(error.starts_with(&format!("error: flag --{flag}: ")), "{error}");
        assert!(error.contains(message), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");

        let key = flag.replace('-', "_");
        let config = &file("wrong", &format!("\n{key} = {text:?}"));
        let error = rejected(&["--config", config], &[]);
        assert!(error.starts_with(&format!("error: `{key}` in {config}, line 2: ")), "{error}");
        assert!(error.contains(message), "{error}");
    }
    let error = rejected(&[], &[("PORT", "x"), ("MAINSPRING_SYNC", "y")]);
    assert_eq!(error.lines().count(), 2, "all problems: {error}");
    assert!(
        error.contains("error: environment variable PORT: invalid value \"x\"; expected a port"),
        "{error}"
    );
    assert!(
        error.contains("error: environment variable MAINSPRING_SYNC: invalid value \"y\""),
        "{error}"
    );
}

#[test]
fn conflicting_settings_are_rejected() {
    let error = rejected(&["--port", "9"], &[("HEALTH_PORT", "9")]);
    assert_eq!(
        error,
        "error: environment variable HEALTH_PORT: 9 is already the port of the API (flag --port); choose another\n"
    );
    assert!(
        rejected(&["--port", "8081"], &[])
            .starts_with("error: flag --port: 8081 is already the port of the health checks")
    );
    printed(&["--port", "0", "--health-port", "0"], &[]);

    printed(&["--port", "9", "--health-port", "9", "--health-host", "127.0.0.2"], &[]);

    let error = rejected(&["--tls-cert", "a.pem"], &[]);
    assert_eq!(
        error,
        "error: flag --tls-cert: requires --tls-key FILE, the key of the certificate\n"
    );
    let error = rejected(&[], &[("MAINSPRING_TLS_KEY", "a.key")]);
    assert_eq!(
        error,
        "error: environment variable MAINSPRING_TLS_KEY: requires --tls-cert FILE, the certificate of the key\n"
    );

    let error = rejected(&[], &[("PERSISTENCE_ENABLED", "true")]);
    assert!(
        error.starts_with("error: environment variable PERSISTENCE_ENABLED: requires DB_PATH ("),
        "{error}"
    );
}

#[test]
fn address_other_than_loopback_needs_authentication_and_tls() {
    let (auth, tls) = ("--insecure-without-authentication", "--insecure-without-tls");
    let error = rejected(&[], &[("MAINSPRING_HOST", "0.0.0.0")]);
    assert_eq!(error.lines().count(), 2, "{error}");
    for (line, flag) in error.lines().zip([auth, tls]) {
        assert!(line.starts_with(
            "error: environment variable MAINSPRING_HOST: 0.0.0.0 is reachable from other machines, "
        ));
        assert!(line.contains("--host 127.0.0.1") && line.contains(flag), "{line}");
    }
    let error = rejected(&["--host=::", tls], &[]);
    assert!(error.contains("AUTH_ENABLED=true") && error.contains(auth), "{error}");
    assert!(!error.contains(tls), "{error}");
    let error = rejected(&["--host=192.0.2.1", auth], &[]);
    assert!(error.contains("--tls-cert and --tls-key") && error.contains(tls), "{error}");
    printed(&["--host=0.0.0.0", auth, tls], &[]);
    printed(&["--host=0.0.0.0", "--auth-enabled", "--tls-cert=a", "--tls-key=b"], &[]);
    let variables = [
        ("MAINSPRING_INSECURE_WITHOUT_AUTHENTICATION", "true"),
        ("MAINSPRING_INSECURE_WITHOUT_TLS", "true"),
    ];
    printed(&["--host=0.0.0.0"], &variables);
    // The loopback address is safe.
    printed(&["--host=::1"], &[]);
}

#[test]
fn log_file_of_the_earlier_server_must_be_imported() {
    let log = &file("test_db.log", "");
    let command = format!("`mainspring journal import {log}.journal {log}`");
    let error = rejected(&[], &[("PERSISTENCE_ENABLED", "true"), ("DB_PATH", log)]);
    assert!(error.starts_with("error: environment variable DB_PATH: "), "{error}");
    assert!(error.contains(&command), "{error}");
    let error = rejected(&["--journal", &format!("file:{log}")], &[]);
    assert!(error.starts_with("error: flag --journal: ") && error.contains(&command), "{error}");
}

#[test]
fn unknown_key_is_rejected_with_a_suggestion() {
    let config = &file(
        "unknown",
        "prot = 1\ncompression = []\n[store]\nmax_entrys = 5\nport = 3\nxyzzy = 1\n\
         demo = { a = 1 }\n[limts]\nmax_requests = 1\n[log]\nlevel = \"info\"\nlog_level = \"warn\"\n",
    );
    let error = rejected(&["--config", config], &[]);
    for (key, line, message) in [
        ("prot", 1, "unknown setting; did you mean `port`?"),
        ("compression", 2, "invalid value \"\"; expected true or false"),
        ("store.max_entrys", 4, "unknown setting; did you mean `max_entries`?"),
        ("store.port", 5, "wrong table; expected it in [http]"),
        ("store.xyzzy", 6, "unknown setting; `mainspring serve --print-config` lists all"),
        ("store.demo", 7, "invalid type table; expected a text, a number, a boolean or a list"),
        ("limts", 8, "unknown setting; did you mean [limits]?"),
    ] {
        assert_line(&error, &format!("error: `{key}` in {config}, line {line}: {message}"));
    }
    let twice = format!(
        "error: `log.log_level` in {config}, line 12: duplicate setting, set already by `log.level` in {config}, line 11"
    );
    assert_line(&error, &twice);

    let error = rejected(&["--config", &file("no-toml", "port = \n")], &[]);
    assert!(error.contains("TOML parse error at line 1"), "{error}");
    let error = rejected(&["--config", "no/such/file"], &[]);
    assert!(error.starts_with("error: cannot read no/such/file: "), "{error}");
}

/// Parse the printed configuration, without its comments.
fn values(printed: &str) -> toml::Table {
    printed.parse().expect("TOML")
}

#[test]
fn printed_configuration_is_valid_input() {
    let defaults = printed(&[], &[]);
    let config = &file("defaults", &defaults);
    assert_eq!(values(&printed(&["--config", config], &[])), values(&defaults));
    assert!(
        !printed(&["--config", config], &[]).contains("# default"),
        "the file contains all settings"
    );

    // No default values, and values that are difficult to quote.
    let everything = [
        "--host=::1",
        "--port=1",
        "--health-port=2",
        "--health-host=127.0.0.2",
        "--tls-cert=a # \"b\".pem",
        "--tls-key=c.key",
        "--tls-check-interval=1m",
        "--insecure-without-tls",
        "--auth-enabled",
        "--insecure-without-authentication",
        "--api-version=v2 # \"beta\"",
        "--compression=false",
        "--cors-origins=https://A.example",
        "--cors-origins=http://localhost:3000,*",
        "--allowed-hosts=DB.example,localhost.localdomain",
        "--heartbeat=1500ms",
        "--admin-user=ada",
        "--admin-password=wheels within wheels",
        "--accounts=file:accounts",
        "--access-ttl=5m",
        "--refresh-ttl=1h",
        "--audit-log=audit.jsonl",
        "--journal=file:////a b\\#\"c\"",
        "--sync=0.1s",
        "--journal-history-bytes=0",
        "--default-ttl=90m",
        "--default-cleanup-interval=1m",
        "--max-entries=18446744073709551615",
        "--max-bytes=1GB",
        "--max-entry-bytes=1MiB",
        "--queue-capacity=1",
        "--history-changes=2",
        "--history-bytes=3",
        "--shutdown-deadline=0",
        "--demo",
        "--max-connections=4",
        "--max-connections-per-address=5",
        "--max-requests=6",
        "--max-body-bytes=7",
        "--header-timeout=8ns",
        "--body-timeout=9us",
        "--idle-timeout=10h",
        "--drain-timeout=0s",
        "--drain-delay=11s",
        "--write-timeout=12s",
        "--stall-timeout=13s",
        "--log-level=WARN,mainspring=trace",
        "--log-format=json",
    ];
    let output = printed(&everything, &[]);
    assert!(!output.contains("# default"), "{output}");
    let config = &file("everything", &output);
    // The password is hidden, so it must be set again.
    let password = [("ADMIN_PASSWORD", "wheels within wheels")];
    assert_eq!(values(&printed(&["--config", config], &password)), values(&output));
    assert_eq!(values(&output)["store"]["journal"].as_str(), Some("file:////a b\\#\"c\""));
    assert_eq!(values(&output)["http"]["cors_origins"].as_array().map(Vec::len), Some(3));
}

/// A server that is killed when it is dropped.
#[cfg(unix)]
struct ServerProcess(Child);

#[cfg(unix)]
impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
impl ServerProcess {
    /// Start with the log in a file, and wait for a text in it.
    fn start(args: &[&str], log: &Path, until: &str) -> Self {
        let to = fs::File::create(log).expect("the directory is writable");
        let server = Self::start_to(args, to.into());
        let is_found =
            wait_until(|| fs::read_to_string(log).is_ok_and(|text| text.contains(until)));
        assert!(is_found, "no {until:?}: {:?}", fs::read_to_string(log));
        server
    }

    fn start_to(args: &[&str], log: Stdio) -> Self {
        let args = [&["serve", "--port=0", "--health-port=0"], args].concat();
        Self(mainspring(&args, &[]).stderr(log).spawn().expect("the program starts"))
    }

    /// Send a signal, and wait for the exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
        let mut status = None;
        wait_until(|| {
            status = self.0.try_wait().expect("the file exists");
            status.is_some()
        });
        status.expect("the process ends").code()
    }
}

/// Wait for a condition, and return whether it held within 20 seconds.
#[cfg(unix)]
fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

#[cfg(unix)]
#[test]
fn signal_stops_the_server_with_a_valid_journal() {
    let (directory, log) = (fresh("journal-directory"), fresh("signal.log"));
    let directory = directory.to_str().expect("UTF-8");
    for signal in ["TERM", "INT"] {
        let server = ServerProcess::start(&[&format!("--journal=file:{directory}")], &log, "ready");
        assert_eq!(server.end(signal), Some(0));
        let text = fs::read_to_string(&log).expect("UTF-8");
        assert!(text.contains(&format!("SIG{signal}")) && text.contains("stopped"), "{text}");
        let (code, output, error) = run(&["journal", "check", directory], &[]);
        assert_eq!(code, 0, "{output}{error}");
    }
    fs::remove_dir_all(directory).expect("the file exists");
}

#[cfg(unix)]
#[test]
fn json_log_lines_are_valid_json() {
    let log = fresh("json.log");
    let server = ServerProcess::start(&["--log-format=json"], &log, "\"message\":\"ready\"");
    assert_eq!(server.end("TERM"), Some(0));
    let text = fs::read_to_string(log).expect("UTF-8");
    assert!(
        text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn server_survives_a_closed_log() {
    let mut server = ServerProcess::start_to(&[], Stdio::piped());
    let mut first = [0];
    let mut log = server.0.stderr.take().expect("stdio is piped");
    log.read_exact(&mut first).expect("a log line");
    drop(log);
    assert_eq!(server.end("TERM"), Some(0));
}

#[test]
fn journal_that_cannot_be_opened_is_reported() {
    let directory = &file("not-a-directory", "");
    let journal = format!("--journal=file:{directory}/journal");
    let (code, _, error) = run(&["serve", "--port=0", "--health-port=0", &journal], &[]);
    assert_eq!(code, 1);
    assert!(
        error.contains(&format!("error: cannot start from the journal file:{directory}/journal")),
        "{error}"
    );
}
