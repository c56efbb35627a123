//! The program as a process, and a client that says exactly what it is told.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program, without anything of the environment that runs the tests.
pub(crate) fn mainspring(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.env_clear().args(args).stdin(Stdio::null());
    command
}

/// Exit code and everything that it says.
pub(crate) fn run(args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = mainspring(args).output().expect("it runs");
    let said = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (status.code().expect("it ended by itself"), said)
}

/// A path for one test alone, with nothing there yet.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("operations-{name}"));
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    path
}

/// Wait until it is so.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server that is stopped at the latest with the test.
pub(crate) struct Server {
    child: Child,
    /// Where it answers: `127.0.0.1:<port>`.
    pub(crate) api: String,
    pub(crate) health: String,
    log: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Start one, and wait until it is ready.
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        let server = Self::begin(name, args);
        eventually("ready", || server.readiness() == (200, "ready".into()));
        server
    }

    /// Start one, and wait until its ports are open.
    pub(crate) fn begin(name: &str, args: &[&str]) -> Self {
        Self::begin_as(name, args, mainspring)
    }

    /// Start one with a limit of the process, as `ulimit` of a shell takes it, and wait until it is ready.
    pub(crate) fn start_with_limit(name: &str, limit: &str, args: &[&str]) -> Self {
        let server = Self::begin_as(name, args, |args| {
            let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
            let mut command = Command::new("/bin/sh");
            command.env_clear().args(["-c", &script, env!("CARGO_BIN_EXE_mainspring")]);
            command.args(args).stdin(Stdio::null());
            command
        });
        eventually("ready", || server.readiness() == (200, "ready".into()));
        server
    }

    fn begin_as(name: &str, args: &[&str], command: impl Fn(&[&str]) -> Command) -> Self {
        let log = fresh(&format!("{name}.log"));
        let to = File::create(&log).expect("it can be created");
        let args = [&["serve", "--port=0", "--health-port=0"], args].concat();
        let mut child =
            command(&args).stdout(Stdio::piped()).stderr(to).spawn().expect("it starts");
        let mut said = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut address = || {
            let line = said.next().expect("two lines").expect("text");
            line.split_once("://").expect("a URL").1.to_owned()
        };
        let (api, health) = (address(), address());
        Self { child, api, health, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("text")
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(&self.api, method, path, "", body)
    }

    /// What the other port answers.
    pub(crate) fn check(&self, path: &str) -> Answer {
        ask(&self.health, "GET", path, "", "")
    }

    pub(crate) fn readiness(&self) -> (u16, String) {
        let answer = self.check("/readyz");
        (answer.status, answer.json()["status"].as_str().expect("a text").to_owned())
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        1_024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Wait for its end. Answers the exit code and its log.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut ended = None;
        eventually("its end", || {
            ended = self.child.try_wait().expect("it is ours");
            ended.is_some()
        });
        (ended.and_then(|status| status.code()).expect("it ended by itself"), self.log())
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| line.split_once(": ").filter(|(n, _)| *n == name).is_some();
        self.head.lines().find(|line| of(line)).map(|line| &line[name.len() + 2..])
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A request on a connection of its own.
pub(crate) fn ask(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut client = Client::connect(address);
    let length = body.len();
    client.send(&format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\
         {headers}\r\n{body}"
    ));
    client.answer()
}

/// A connection.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("it is taken");
    }

    /// All that comes before the end of the connection, as an answer.
    pub(crate) fn answer(&mut self) -> Answer {
        let text = self.rest();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head[9..12].parse().expect("a status");
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("text, and an end");
        text
    }

    /// Wait until this has come.
    pub(crate) fn expect(&mut self, what: &str) {
        let (mut text, mut byte) = (Vec::new(), [0]);
        while !text.ends_with(what.as_bytes()) {
            let read = self.0.read(&mut byte).expect("it comes");
            assert_eq!(read, 1, "not there: {what:?} in {:?}", String::from_utf8_lossy(&text));
            text.push(byte[0]);
        }
    }
}
