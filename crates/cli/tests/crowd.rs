//! Clients that watch and do not read: writes are not slowed down, memory is bounded, and each stream ends with
//! `compacted`.
//!
//! The default is 1,000 clients. docs/reliability.md has the results of `MAINSPRING_WATCHERS=10000 cargo test --release
//! -p mainspring-cli --test crowd -- --nocapture`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// Changes in the history of the server.
const HISTORY: usize = 1_024;
/// The most memory per client that does not read.
const MAX_BYTES_PER_CLIENT: u64 = 48 << 10;
const TIMEOUT: Duration = Duration::from_secs(120);

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Start a server at a free port.
    async fn start() -> Self {
        let port = || std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr();
        let address = port().expect("a port is free");
        let process = Command::new(env!("CARGO_BIN_EXE_mainspring"))
            .args(["serve", "--port", &address.port().to_string(), "--health-port", "0"])
            .args(["--history-changes", &HISTORY.to_string(), "--log-level", "error"])
            .args(["--max-connections", "16000"])
            .env_remove("MAINSPRING_CONFIG")
            .stdin(Stdio::null())
            .spawn()
            .expect("the program starts");
        let server = Self { process, address };
        let started = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            assert!(started.elapsed() < TIMEOUT, "timeout: the server does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    /// Resident memory, in bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("Linux, and the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.trim().parse::<u64>().ok()).expect("VmRSS in kB") << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that sends one write after another.
struct Writer(BufReader<TcpStream>);

impl Writer {
    async fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("socket option");
        Self(BufReader::new(stream))
    }

    async fn put(&mut self, n: usize) -> Duration {
        let body = format!("{{\"value\":\"{n:0100}\"}}");
        let request = format!(
            "PUT /api/v1/key-{} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            n % 100,
            body.len()
        );
        let started = Instant::now();
        self.0.get_mut().write_all(request.as_bytes()).await.expect("the request is sent");
        let (mut line, mut length) = (String::new(), 0);
        self.0.read_line(&mut line).await.expect("the server responds");
        assert_eq!(line, "HTTP/1.1 200 OK\r\n");
        while line != "\r\n" {
            line.clear();
            self.0.read_line(&mut line).await.expect("the server responds");
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().expect("a number");
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).await.expect("the server responds");
        started.elapsed()
    }
}

/// Open a watch and read only the head of its response.
async fn watcher(server: &Server) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // At least one segment: with a smaller buffer, the kernel reopens the window only on probes.
    socket.set_recv_buffer_size(64 << 10)?;
    let mut stream = socket.connect(server.address).await?;
    stream.write_all(b"GET /watch HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    assert_eq!(&head, b"HTTP/1.1 200");
    Ok(stream)
}

/// Read to the end of the stream, and return the last part.
async fn read_end(mut stream: TcpStream) -> String {
    let (mut last, mut part) = (Vec::new(), vec![0; 65_536]);
    loop {
        match stream.read(&mut part).await.expect("no connection reset") {
            0 => return String::from_utf8_lossy(&last).into_owned(),
            read => {
                last.extend_from_slice(&part[..read]);
                last.drain(..last.len().saturating_sub(1_000));
                if last.ends_with(b"0\r\n\r\n") {
                    return String::from_utf8_lossy(&last).into_owned();
                }
            }
        }
    }
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() * 99 / 100]
}

#[tokio::test]
async fn clients_that_do_not_read_do_not_slow_down_writes() {
    let watchers = std::env::var("MAINSPRING_WATCHERS");
    let count: usize = watchers.map_or(1_000, |count| count.parse().expect("a number"));
    let needed = count as u64 + 1_000;
    let allowed = rlimit::increase_nofile_limit(needed).expect("the limit can be read");
    assert!(
        allowed >= needed,
        "the limit of open files is too low: raise it with `ulimit -Hn {needed}`"
    );

    let (quiet, crowded) = (Server::start().await, Server::start().await);
    let (mut to_quiet, mut to_crowded) =
        (Writer::connect(&quiet).await, Writer::connect(&crowded).await);
    for n in 0..200 {
        to_quiet.put(n).await;
        to_crowded.put(n).await;
    }
    let before = crowded.memory();
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(watcher(&crowded).await.expect("the watch starts"));
    }
    let idle = crowded.memory();

    // Until the sockets are full, and then more changes than the history holds.
    for n in 0..4 * HISTORY {
        to_quiet.put(n).await;
        to_crowded.put(n).await;
    }
    // Alternate, so that noise of the machine affects both servers.
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for n in 0..4_000 {
        alone.push(to_quiet.put(n).await);
        beside.push(to_crowded.put(n).await);
    }
    let stuck = crowded.memory();
    let (alone, beside) = (p99(alone), p99(beside));
    println!(
        "{count} clients that do not read: p99 of a write {beside:?}, without them {alone:?}; memory of an idle \
         client {} KiB, of a stuck one {} KiB",
        idle.saturating_sub(before) / count as u64 / 1_024,
        stuck.saturating_sub(before) / count as u64 / 1_024,
    );
    assert!(
        stuck.saturating_sub(before) < count as u64 * MAX_BYTES_PER_CLIENT + (32 << 20),
        "{before} to {stuck}"
    );
    // A write that waited for the clients would take milliseconds; less is noise.
    assert!(beside <= 2 * alone + Duration::from_millis(1), "{beside:?} beside {alone:?}");

    let ends = timeout(TIMEOUT, join_all(streams.into_iter().map(read_end))).await;
    for end in ends.expect("all streams end") {
        assert!(end.contains("event: end"), "{end}");
        assert!(end.contains("\"code\":\"compacted\""), "{end}");
    }
}
