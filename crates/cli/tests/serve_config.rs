//! The configuration of `mainspring serve`: where values come from, and what is said of wrong ones.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program, without anything of the environment that runs the tests.
fn mainspring(args: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.env_clear().envs(environment.iter().copied()).args(args).stdin(Stdio::null());
    command
}

/// Exit code, output, errors.
fn run(args: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = mainspring(args, environment).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it ended by itself"), text(output.stdout), text(output.stderr))
}

fn printed(args: &[&str], environment: &[(&str, &str)]) -> String {
    let args = [&["serve", "--print-config"], args].concat();
    let (code, said, error) = run(&args, environment);
    assert_eq!((code, error.as_str()), (0, ""));
    said
}

/// What is wrong with a configuration that is not started.
fn refused(args: &[&str], environment: &[(&str, &str)]) -> String {
    let (code, said, error) = run(&[&["serve"], args].concat(), environment);
    assert_eq!((code, said.as_str()), (2, ""), "{error}");
    error
}

/// A path for one test alone, with nothing there yet.
fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-config-{name}"));
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    path
}

fn file(name: &str, text: &str) -> String {
    let path = fresh(name);
    fs::write(&path, text).expect("it is written");
    path.to_str().expect("text").into()
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|other| other == line), "no {line:?} in:\n{text}");
}

#[test]
fn flags_before_environment_before_file_before_defaults() {
    let config = &file("order", "port = 1\n\n[http]\nhealth_port = 2\nheartbeat = \"4s\"\n");
    let environment = [("HEALTH_PORT", "20"), ("MAINSPRING_HEARTBEAT", "40s")];
    let said = printed(&["--config", config, "--heartbeat", "400s"], &environment);
    assert_line(&said, "host = \"127.0.0.1\" # default");
    assert_line(&said, &format!("port = 1 # `port` in {config}, line 1"));
    assert_line(&said, "health_port = 20 # environment variable HEALTH_PORT");
    assert_line(&said, "heartbeat = \"6m40s\" # flag --heartbeat");

    // Shells and containers have a variable HOST, which is the name of the machine.
    let said = printed(&[], &[("HOST", "db-7f9c"), ("MAINSPRING_HOST", "::1")]);
    assert_line(&said, "host = \"::1\" # environment variable MAINSPRING_HOST");
    let said = printed(&[], &[("MAINSPRING_CONFIG", config)]);
    assert_line(&said, &format!("heartbeat = \"4s\" # `http.heartbeat` in {config}, line 5"));
}

#[test]
fn what_nobody_has_set_is_not_set() {
    let config = &file("empty", "port = 1\n");
    let said = printed(&["--config", config], &[("PORT", ""), ("MAINSPRING_JOURNAL", "")]);
    assert_line(&said, &format!("port = 1 # `port` in {config}, line 1"));
    assert_line(&said, "journal = \"none\" # default");
    assert_line(&printed(&[], &[("MAINSPRING_CONFIG", "")]), "port = 8080 # default");
}

/// The environment of 002's compose file, with the quotes that a list of one keeps, and its persistence.
#[test]
fn what_002_was_given_works() {
    let mut environment =
        vec![("API_VERSION", "\"v1.0.0\""), ("PORT", "8080"), ("HEALTH_PORT", "8081")];
    let said = printed(&[], &environment);
    assert_line(&said, "api_version = \"v1.0.0\" # environment variable API_VERSION");
    assert_line(&said, "port = 8080 # environment variable PORT");
    assert_line(&said, "health_port = 8081 # environment variable HEALTH_PORT");
    assert_line(&said, "journal = \"none\" # default");

    environment.extend([("PERSISTENCE_ENABLED", "true"), ("DB_PATH", "/home/gomemdb")]);
    environment.extend([
        ("VERBOSE", "DEBUG"),
        ("DEFAULT_TTL", "5m"),
        ("DEFAULT_CLEANUP_INTERVAL", "1m"),
    ]);
    let said = printed(&[], &environment);
    assert_line(&said, "journal = \"file:/home/gomemdb\" # environment variable DB_PATH");
    assert_line(&said, "level = \"debug\" # environment variable VERBOSE");
    assert_line(&said, "default_ttl = \"5m\" # environment variable DEFAULT_TTL");
    assert_line(
        &said,
        "default_cleanup_interval = \"1m\" # environment variable DEFAULT_CLEANUP_INTERVAL",
    );
}

#[test]
fn the_journal_has_one_name() {
    let theirs = [("PERSISTENCE_ENABLED", "true"), ("DB_PATH", "/theirs")];
    let said = printed(&["--journal", "file:ours"], &theirs);
    assert_line(&said, "journal = \"file:ours\" # flag --journal");
    let config = &file("journal", "journal = \"file:ours\"");
    let said = printed(&["--config", config], &theirs);
    assert_line(&said, "journal = \"file:/theirs\" # environment variable DB_PATH");

    let both = [&theirs[..], &[("MAINSPRING_JOURNAL", "file:ours")]].concat();
    let error = refused(&[], &both);
    assert_eq!(
        error,
        "error: environment variable MAINSPRING_JOURNAL: environment variable PERSISTENCE_ENABLED names a journal \
         too: give one of the two\n"
    );
    let said = printed(&[], &[("PERSISTENCE_ENABLED", "false"), ("DB_PATH", "/theirs")]);
    assert_line(&said, "journal = \"none\" # default");
}

#[test]
fn wrong_values_are_named_as_they_were_given() {
    let hundred_years = "a time of at most 100 years";
    for (flag, text, says) in [
        ("host", "example.com", "an address of this machine, such as 127.0.0.1"),
        ("host", "", "an address of this machine"),
        ("health-host", "example.com", "an address of this machine"),
        ("tls-check-interval", "0", "a time of more than zero"),
        ("insecure-without-tls", "please", "true or false"),
        ("port", "65536", "a port: 0 to 65535"),
        ("port", "http", "a port: 0 to 65535"),
        ("health-port", "-1", "a port: 0 to 65535"),
        ("api-version", "", "a text of at least one character"),
        ("compression", "on", "true or false"),
        ("cors-origins", "example.com", "an origin, such as https://app.example.com"),
        ("cors-origins", "https://example.com/", "an origin"),
        ("allowed-hosts", "db.example:8080", "a name without a port"),
        ("cors-origins", "https://a.example,https://me@b.example", "an origin"),
        ("heartbeat", "0", "a time of more than zero"),
        ("heartbeat", "15", "a number has no unit"),
        ("journal", "data", "known: file:DIR (a folder), none. For a folder write \"file:data\""),
        ("journal", "postgres://h/db", "known: file:DIR (a folder), none"),
        ("journal", "file:", "names no folder"),
        ("journal", "file://data", "write file:data or file:/data"),
        ("sync", "sometimes", "when to sync: always, os, or a time such as 100ms"),
        ("sync", "0s", "when to sync"),
        ("default-ttl", "1d", "the units are ns, us, ms, s, m, h"),
        ("default-ttl", "-1s", "it is below zero"),
        ("default-ttl", "876001h", hundred_years),
        ("default-ttl", "9999999999999h", "it is longer than 292 years"),
        ("default-cleanup-interval", "5ms", "at least 10ms"),
        ("default-cleanup-interval", "0", "at least 10ms"),
        ("max-entries", "many", "a number, or none"),
        ("max-bytes", "64M", "a size such as 64MiB"),
        ("max-entry-bytes", "-1", "a size such as 64MiB"),
        ("queue-capacity", "0", "a number of at least 1"),
        ("history-changes", "0", "a number of at least 1"),
        ("history-bytes", "0", "a size of at least one byte"),
        ("shutdown-deadline", "soon", "it is written as 1h30m, 250ms or 1.5h"),
        ("max-connections", "0", "a number of at least 1"),
        ("max-connections-per-address", "x", "a number, or none"),
        ("max-requests", "0", "a number of at least 1"),
        ("max-body-bytes", "1.5MiB", "a size of at least one byte"),
        ("header-timeout", "0", "a time of more than zero"),
        ("body-timeout", "0s", "a time of more than zero"),
        ("idle-timeout", "1000000h", hundred_years),
        ("drain-timeout", "1 s", "the units are"),
        ("log-level", "inof", "a level: off, error, warn, info, debug or trace"),
        ("log-format", "xml", "a format: text or json"),
        ("demo", "maybe", "true or false"),
        ("persistence-enabled", "yes", "true or false"),
    ] {
        let error = refused(&[&format!("--{flag}={text}")], &[]);
        assert!(error.starts_with(&format!("error: flag --{flag}: ")), "{error}");
        assert!(error.contains(says), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");

        let key = flag.replace('-', "_");
        let config = &file("wrong", &format!("\n{key} = {text:?}"));
        let error = refused(&["--config", config], &[]);
        assert!(error.starts_with(&format!("error: `{key}` in {config}, line 2: ")), "{error}");
        assert!(error.contains(says), "{error}");
    }
    let error = refused(&[], &[("PORT", "x"), ("MAINSPRING_SYNC", "y")]);
    assert_eq!(error.lines().count(), 2, "all that is wrong: {error}");
    assert!(error.contains("error: environment variable PORT: \"x\" is not a port"), "{error}");
    assert!(error.contains("error: environment variable MAINSPRING_SYNC: \"y\" is not"), "{error}");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let error = refused(&["--port", "9"], &[("HEALTH_PORT", "9")]);
    assert_eq!(
        error,
        "error: environment variable HEALTH_PORT: 9 is the port of the API (flag --port), and each needs its own\n"
    );
    assert!(
        refused(&["--port", "8081"], &[])
            .starts_with("error: flag --port: 8081 is the port of the health checks")
    );
    printed(&["--port", "0", "--health-port", "0"], &[]);

    printed(&["--port", "9", "--health-port", "9", "--health-host", "127.0.0.2"], &[]);

    let error = refused(&["--tls-cert", "a.pem"], &[]);
    assert_eq!(
        error,
        "error: flag --tls-cert: needs --tls-key FILE, the key of the certificate, beside it\n"
    );
    let error = refused(&[], &[("MAINSPRING_TLS_KEY", "a.key")]);
    assert_eq!(
        error,
        "error: environment variable MAINSPRING_TLS_KEY: needs --tls-cert FILE, the certificate of the key, beside it\n"
    );

    let error = refused(&[], &[("PERSISTENCE_ENABLED", "true")]);
    assert!(
        error.starts_with("error: environment variable PERSISTENCE_ENABLED: DB_PATH ("),
        "{error}"
    );
}

#[test]
fn other_machines_are_served_only_on_purpose() {
    let (auth, tls) = ("--insecure-without-authentication", "--insecure-without-tls");
    let error = refused(&[], &[("MAINSPRING_HOST", "0.0.0.0")]);
    assert_eq!(error.lines().count(), 2, "{error}");
    for (line, flag) in error.lines().zip([auth, tls]) {
        assert!(line.starts_with(
            "error: environment variable MAINSPRING_HOST: other machines can reach 0.0.0.0, "
        ));
        assert!(line.contains("--host 127.0.0.1") && line.contains(flag), "{line}");
    }
    let error = refused(&["--host=::", tls], &[]);
    assert!(error.contains("AUTH_ENABLED=true") && error.contains(auth), "{error}");
    assert!(!error.contains(tls), "{error}");
    let error = refused(&["--host=192.0.2.1", auth], &[]);
    assert!(error.contains("--tls-cert and --tls-key") && error.contains(tls), "{error}");
    printed(&["--host=0.0.0.0", auth, tls], &[]);
    printed(&["--host=0.0.0.0", "--auth-enabled", "--tls-cert=a", "--tls-key=b"], &[]);
    let variables = [
        ("MAINSPRING_INSECURE_WITHOUT_AUTHENTICATION", "true"),
        ("MAINSPRING_INSECURE_WITHOUT_TLS", "true"),
    ];
    printed(&["--host=0.0.0.0"], &variables);
    // This machine is safe, and so is what is not served yet.
    printed(&["--host=::1"], &[]);
}

#[test]
fn a_log_of_002_is_to_be_imported() {
    let log = &file("test_db.log", "");
    let command = format!("`mainspring journal import {log}.journal {log}`");
    let error = refused(&[], &[("PERSISTENCE_ENABLED", "true"), ("DB_PATH", log)]);
    assert!(error.starts_with("error: environment variable DB_PATH: "), "{error}");
    assert!(error.contains(&command), "{error}");
    let error = refused(&["--journal", &format!("file:{log}")], &[]);
    assert!(error.starts_with("error: flag --journal: ") && error.contains(&command), "{error}");
}

#[test]
fn unknown_keys_are_refused_with_what_is_near() {
    let config = &file(
        "unknown",
        "prot = 1\ncompression = []\n[store]\nmax_entrys = 5\nport = 3\nxyzzy = 1\n\
         demo = { a = 1 }\n[limts]\nmax_requests = 1\n[log]\nlevel = \"info\"\nlog_level = \"warn\"\n",
    );
    let error = refused(&["--config", config], &[]);
    for (key, line, says) in [
        ("prot", 1, "there is no such setting; did you mean `port`?"),
        ("compression", 2, "\"\" is not true or false"),
        ("store.max_entrys", 4, "there is no such setting; did you mean `max_entries`?"),
        ("store.port", 5, "this belongs into [http]"),
        ("store.xyzzy", 6, "there is no such setting; `mainspring serve --print-config` shows all"),
        ("store.demo", 7, "this is a table, and not a value that can be set"),
        ("limts", 8, "there is no such setting; did you mean [limits]?"),
    ] {
        assert_line(&error, &format!("error: `{key}` in {config}, line {line}: {says}"));
    }
    let twice = format!(
        "error: `log.log_level` in {config}, line 12: given already: `log.level` in {config}, line 11"
    );
    assert_line(&error, &twice);

    let error = refused(&["--config", &file("no-toml", "port = \n")], &[]);
    assert!(error.contains("TOML parse error at line 1"), "{error}");
    let error = refused(&["--config", "no/such/file"], &[]);
    assert!(error.starts_with("error: cannot read no/such/file: "), "{error}");
}

/// Without the comments.
fn values(printed: &str) -> toml::Table {
    printed.parse().expect("TOML")
}

#[test]
fn what_is_printed_can_be_given_back() {
    let defaults = printed(&[], &[]);
    let config = &file("defaults", &defaults);
    assert_eq!(values(&printed(&["--config", config], &[])), values(&defaults));
    assert!(
        !printed(&["--config", config], &[]).contains("# default"),
        "a file names every setting"
    );

    // Nothing as it is by default, and what is hard to write.
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
    let said = printed(&everything, &[]);
    assert!(!said.contains("# default"), "{said}");
    let config = &file("everything", &said);
    // The password is not shown, and has to be given again.
    let password = [("ADMIN_PASSWORD", "wheels within wheels")];
    assert_eq!(values(&printed(&["--config", config], &password)), values(&said));
    assert_eq!(values(&said)["store"]["journal"].as_str(), Some("file:////a b\\#\"c\""));
    assert_eq!(values(&said)["http"]["cors_origins"].as_array().map(Vec::len), Some(3));
}

/// A server that is stopped at the latest with the test.
#[cfg(unix)]
struct Served(Child);

#[cfg(unix)]
impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
impl Served {
    /// Start with the log in a file, and wait for a text in it.
    fn start(args: &[&str], log: &Path, until: &str) -> Self {
        let to = fs::File::create(log).expect("it can be created");
        let served = Self::start_to(args, to.into());
        let there = eventually(|| fs::read_to_string(log).is_ok_and(|text| text.contains(until)));
        assert!(there, "no {until:?}: {:?}", fs::read_to_string(log));
        served
    }

    fn start_to(args: &[&str], log: Stdio) -> Self {
        let args = [&["serve", "--port=0", "--health-port=0"], args].concat();
        Self(mainspring(&args, &[]).stderr(log).spawn().expect("it starts"))
    }

    /// Send a signal, and wait for the exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
        let mut ended = None;
        eventually(|| {
            ended = self.0.try_wait().expect("it is ours");
            ended.is_some()
        });
        ended.expect("a signal ends it").code()
    }
}

/// Whether it becomes so within some seconds.
#[cfg(unix)]
fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_and_leaves_a_clean_journal() {
    let (folder, log) = (fresh("journal-folder"), fresh("signal.log"));
    let folder = folder.to_str().expect("text");
    for signal in ["TERM", "INT"] {
        let served = Served::start(&[&format!("--journal=file:{folder}")], &log, "ready");
        assert_eq!(served.end(signal), Some(0));
        let text = fs::read_to_string(&log).expect("text");
        assert!(text.contains(&format!("SIG{signal}")) && text.contains("stopped"), "{text}");
        let (code, said, error) = run(&["journal", "check", folder], &[]);
        assert_eq!(code, 0, "{said}{error}");
    }
    fs::remove_dir_all(folder).expect("it is there");
}

#[cfg(unix)]
#[test]
fn a_log_in_json_is_json() {
    let log = fresh("json.log");
    let served = Served::start(&["--log-format=json"], &log, "\"message\":\"ready\"");
    assert_eq!(served.end("TERM"), Some(0));
    let text = fs::read_to_string(log).expect("text");
    assert!(
        text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn a_log_that_nobody_reads_keeps_it_from_nothing() {
    let mut served = Served::start_to(&[], Stdio::piped());
    let mut first = [0];
    let mut log = served.0.stderr.take().expect("it is piped");
    log.read_exact(&mut first).expect("it says that it is ready");
    drop(log);
    assert_eq!(served.end("TERM"), Some(0));
}

#[test]
fn a_journal_that_cannot_be_opened_is_named() {
    let folder = &file("not-a-folder", "");
    let journal = format!("--journal=file:{folder}/journal");
    let (code, _, error) = run(&["serve", "--port=0", "--health-port=0", &journal], &[]);
    assert_eq!(code, 1);
    assert!(
        error.contains(&format!("error: cannot start from the journal file:{folder}/journal")),
        "{error}"
    );
}
