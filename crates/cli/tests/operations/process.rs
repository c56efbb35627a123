//! The program as a process, and a client that sends raw HTTP.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The timeout of all waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The program with an empty environment.
pub(crate) fn mainspring(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainspring"));
    command.env_clear().args(args).stdin(Stdio::null());
    command
}

/// Run the program, and return its exit code and all output.
pub(crate) fn run(args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = mainspring(args).output().expect("the program runs");
    let output = [stdout, stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
    (status.code().expect("not ended by a signal"), output)
}

/// A path for one test, at which no file exists.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("operations-{name}"));
    let _ = fs::remove_dir_all(&path);
    let _ = fs::remove_file(&path);
    path
}

/// Wait until a condition holds.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < end, "timeout: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server that is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// The address of the API: `127.0.0.1:<port>`.
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
    /// Start a server and wait until it is ready.
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        let server = Self::start_unready(name, args);
        wait_until("ready", || server.readiness() == (200, "ready".into()));
        server
    }

    /// Start a server and wait until it listens.
    pub(crate) fn start_unready(name: &str, args: &[&str]) -> Self {
        Self::start_command(name, args, mainspring)
    }

    /// Start a server under a limit of `ulimit`, and wait until it is ready.
    pub(crate) fn start_with_limit(name: &str, limit: &str, args: &[&str]) -> Self {
        let server = Self::start_command(name, args, |args| {
            let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
            let mut command = Command::new("/bin/sh");
            command.env_clear().args(["-c", &script, env!("CARGO_BIN_EXE_mainspring")]);
            command.args(args).stdin(Stdio::null());
            command
        });
        wait_until("ready", || server.readiness() == (200, "ready".into()));
        server
    }

    fn start_command(name: &str, args: &[&str], command: impl Fn(&[&str]) -> Command) -> Self {
        let log = fresh(&format!("{name}.log"));
        let to = File::create(&log).expect("the directory is writable");
        let args = [&["serve", "--port=0", "--health-port=0"], args].concat();
        let mut child =
            command(&args).stdout(Stdio::piped()).stderr(to).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("stdio is piped")).lines();
        let mut address = || {
            let line = output.next().expect("two lines").expect("UTF-8");
            line.split_once("://").expect("valid URL").1.to_owned()
        };
        let (api, health) = (address(), address());
        Self { child, api, health, log }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("UTF-8")
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Response {
        request(&self.api, method, path, "", body)
    }

    /// Send a GET request to the health port.
    pub(crate) fn check(&self, path: &str) -> Response {
        request(&self.health, "GET", path, "", "")
    }

    pub(crate) fn readiness(&self) -> (u16, String) {
        let response = self.check("/readyz");
        (response.status, response.json()["status"].as_str().expect("a text").to_owned())
    }

    /// The peak resident memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
        1_024 * line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Wait until the process ends, and return the exit code and the log.
    pub(crate) fn end(mut self) -> (i32, String) {
        let mut status = None;
        wait_until("the process ends", || {
            status = self.child.try_wait().expect("the file exists");
            status.is_some()
        });
        (status.and_then(|status| status.code()).expect("not ended by a signal"), self.log())
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ str| line.split_once(": ").filter(|(n, _)| *n == name).is_some();
        self.head.lines().find(|line| of(line)).map(|line| &line[name.len() + 2..])
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Send a request on a new connection.
pub(crate) fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Response {
    let mut client = Client::connect(address);
    let length = body.len();
    client.send(&format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\
         {headers}\r\n{body}"
    ));
    client.read_response()
}

/// A raw connection.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("socket option");
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).expect("the write succeeds");
    }

    /// Read a response until the end of the connection.
    pub(crate) fn read_response(&mut self) -> Response {
        let text = self.rest();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text:?}"));
        let status = head[9..12].parse().expect("a status");
        Response { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).expect("UTF-8 until the end of the connection");
        text
    }

    /// Read until this text.
    pub(crate) fn read_to(&mut self, what: &str) {
        let (mut text, mut byte) = (Vec::new(), [0]);
        while !text.ends_with(what.as_bytes()) {
            let read = self.0.read(&mut byte).expect("the connection is open");
            assert_eq!(read, 1, "missing {what:?} in {:?}", String::from_utf8_lossy(&text));
            text.push(byte[0]);
        }
    }
}
