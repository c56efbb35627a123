//! The accept loop over real sockets: a test server, and a client that can misbehave.

mod connections;
mod descriptors;
mod drain;
mod http2;
mod many_slow_clients;
mod overhead;
mod requests;
mod slow;
#[cfg(feature = "tls")]
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures_util::stream::{self, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Counts, DrainReport, accept};
use crate::server::{Limits, ServerOptions};

/// More than the socket buffers on both sides hold.
const BIG: usize = 64 << 20;
/// Longer than any step of these tests, so that a hanging test fails.
const PATIENCE: Duration = Duration::from_secs(20);

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct TestServer {
    address: SocketAddr,
    counts: Arc<Counts>,
    shutdown: CancellationToken,
    server: JoinHandle<DrainReport>,
    /// Each permit lets one request to `/wait` finish.
    replies: Arc<Semaphore>,
}

impl TestServer {
    async fn start(change: impl FnOnce(&mut Limits)) -> Self {
        let mut options = ServerOptions::default();
        change(&mut options.limits);
        Self::start_with(options).await
    }

    async fn start_with(options: ServerOptions) -> Self {
        let listener = TcpSocket::new_v4().unwrap();
        listener.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = listener.listen(4_096).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let counts = Arc::clone(options.metrics.counts());
        let replies = Arc::new(Semaphore::new(0));
        let (app, stop) = (app(replies.clone()), shutdown.clone());
        let server = tokio::spawn(async move { accept(listener, app, &options, stop).await });
        Self { address, counts, shutdown, server, replies }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn connect_from(&self, last: u8) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
        Client(socket.connect(self.address).await.unwrap())
    }

    /// Waits until a count has a value.
    async fn wait_for(&self, count: impl Fn(&Counts) -> &AtomicUsize, value: usize) {
        let reached = async {
            while count(&self.counts).load(Relaxed) != value {
                sleep(ms(2)).await;
            }
        };
        let last = || count(&self.counts).load(Relaxed);
        assert!(timeout(PATIENCE, reached).await.is_ok(), "{}, expected {value}", last());
    }

    async fn stop(self) -> DrainReport {
        self.shutdown.cancel();
        timeout(PATIENCE, self.server).await.unwrap().unwrap()
    }
}

fn app(replies: Arc<Semaphore>) -> Router {
    let wait = || async move {
        replies.acquire().await.unwrap().forget();
        "waited"
    };
    let sse = || [(CONTENT_TYPE, "text/event-stream")];
    let event = || Ok::<_, std::io::Error>(Bytes::from("data: hello\n\n".repeat(1_000)));
    let quiet = move || stream::once(async move { event() }).chain(stream::pending());
    let flood = move || stream::repeat_with(event);
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route(
            "/peer",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
        )
        .route("/length", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/ignore", post(|| async { "ignored" }))
        .route("/wait", get(wait))
        .route("/panic", get(panics))
        .route("/big", get(|| async { Bytes::from(vec![7; BIG]) }))
        .route("/endless", get(move || async move { Body::from_stream(flood()) }))
        .route("/quiet", get(move || async move { (sse(), Body::from_stream(quiet())) }))
        .route("/flood", get(move || async move { (sse(), Body::from_stream(flood())) }))
}

async fn panics() -> impl IntoResponse {
    if true {
        panic!("of the test");
    }
}

/// A client that sends arbitrary bytes.
struct Client<S = TcpStream>(S);

#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(!body["message"].as_str().unwrap().is_empty());
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        body["code"].as_str().unwrap().to_owned()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        self.reply().await
    }

    /// Reads the head of a response.
    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        let reading = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(
                    self.0.read_u8().await.expect("the connection was closed before a response"),
                );
            }
        };
        timeout(PATIENCE, reading).await.unwrap();
        String::from_utf8(head).unwrap()
    }

    /// Reads a response with a content-length.
    async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        timeout(PATIENCE, self.0.read_exact(&mut body)).await.unwrap().unwrap();
        let status = head[9..12].parse().unwrap();
        Reply { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// Returns the time until the connection is closed, and discards what is read until then.
    async fn closed(&mut self) -> Duration {
        let begun = Instant::now();
        let mut waste = vec![0; 1 << 16];
        let reading = async { while self.0.read(&mut waste).await.is_ok_and(|read| read > 0) {} };
        timeout(PATIENCE, reading).await.expect("the connection was not closed in time");
        begun.elapsed()
    }
}

fn assert_within(took: Duration, from: Duration, to: Duration) {
    // Timers have a resolution of one millisecond.
    assert!(took + ms(2) >= from && took < to, "{took:?} is not within {from:?} and {to:?}");
}
