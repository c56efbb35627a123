//! A server for each test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{RunOutput, mainspring, run, run_with};

/// The timeout of all waits.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A server that is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    /// The lines of its log.
    pub(crate) log: Receiver<String>,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_at(free_port(), args)
    }

    /// Start a server at a port and wait until it responds.
    pub(crate) fn start_at(port: u16, args: &[&str]) -> Self {
        let port_text = port.to_string();
        let serve = ["serve", "--port", &port_text, "--health-port", "0"];
        let mut command = mainspring(&[&serve, args].concat());
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
        let log = lines(child.stderr.take().expect("stdio is piped"));
        let server = Self { child, url: format!("http://127.0.0.1:{port}"), log };
        let begin = Instant::now();
        while server.run(&["stats"]).code != 0 {
            assert!(begin.elapsed() < TIMEOUT, "timeout: the server does not respond");
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = mainspring(args);
        command.env("MAINSPRING_URL", &self.url);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> RunOutput {
        run(&mut self.command(args))
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> RunOutput {
        run_with(&mut self.command(args), input)
    }

    /// Run a command that must succeed without errors, and return its output.
    pub(crate) fn run_ok(&self, args: &[&str]) -> String {
        let RunOutput { code, out, err } = self.run(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
        out
    }

    /// Kill the process without a shutdown.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the file exists");
        self.child.wait().expect("the process ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Start a server that sends this response to all requests, and return its URL.
pub(crate) fn fake_server(status: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let length = body.len();
    let response =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // The requests of the tests fit into one read.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(response.as_bytes());
        }
    });
    url
}

/// A port at which no process listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Read lines in a thread.
pub(crate) fn lines(input: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(input).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A path at which no directory exists.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    path
}
