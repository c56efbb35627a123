//! A server of its own for each test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{Ended, mainspring, run, run_with};

/// Nothing here takes that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Killed when it is dropped.
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

    /// Start it, and wait until it answers.
    pub(crate) fn start_at(port: u16, args: &[&str]) -> Self {
        let port_text = port.to_string();
        let serve = ["serve", "--port", &port_text, "--health-port", "0"];
        let mut command = mainspring(&[&serve, args].concat());
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        let log = lines(child.stderr.take().expect("a pipe"));
        let server = Self { child, url: format!("http://127.0.0.1:{port}"), log };
        let begin = Instant::now();
        while server.run(&["stats"]).code != 0 {
            assert!(begin.elapsed() < PATIENCE, "it does not answer");
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

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        run(&mut self.command(args))
    }

    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Ended {
        run_with(&mut self.command(args), input)
    }

    /// What a command prints that has nothing to complain about.
    pub(crate) fn said(&self, args: &[&str]) -> String {
        let Ended { code, out, err } = self.run(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}: {out}");
        out
    }

    /// As a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is there");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of a server that answers everything with this.
pub(crate) fn liar(status: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            // What the tests ask is sent at once.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

/// One that nobody listens at now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The lines that somebody writes, as they come.
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

/// A folder that is not there yet.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    path
}
