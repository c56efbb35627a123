//! The cost of the limits per request, compared with hyper and axum alone on the same thread.
//!
//! `cargo test --release --features server --lib overhead -- --ignored --nocapture --test-threads 1`

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use super::*;
use crate::server::accept::Server;
use crate::server::accept::request::ActiveRequest;
use crate::server::accept::request_id::REQUEST_ID;

const ROUNDS: usize = 21;
const REQUESTS: u32 = 10_000;

#[tokio::test]
#[ignore = "measures, and asserts little"]
async fn overhead() {
    let server = TestServer::start(|_| {}).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service =
            TowerToHyperService::new(app(Arc::new(Semaphore::new(0))).with_state::<()>(()));
        let builder = auto::Builder::new(TokioExecutor::new());
        builder.serve_connection(TokioIo::new(stream), service).await.unwrap();
    });
    let mut bare = TcpStream::connect(address).await.unwrap();
    let mut limited = server.connect().await.0;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(&mut bare).await);
        with.push(round(&mut limited).await);
    }
    without.sort();
    with.sort();
    let (without, with) = (without[ROUNDS / 2], with[ROUNDS / 2]);
    println!("a request: {without:?} bare, {with:?} with limits (medians of {ROUNDS} rounds)");
    assert!(with < without * 2);
}

/// The time of one request.
async fn round(client: &mut TcpStream) -> Duration {
    let mut buf = [0; 1024];
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        // A response this short arrives in one piece.
        let read = client.read(&mut buf).await.unwrap();
        assert!(buf[..read].ends_with(b"\r\n\r\nok"));
    }
    begun.elapsed() / REQUESTS
}

/// The cost of ids, metrics and a disabled log per request: on one thread, and on two that update the same counters.
#[test]
#[ignore = "measures, and asserts little"]
fn bookkeeping() {
    const REQUESTS: u32 = 1_000_000;
    let server = Arc::new(Server::new(Router::new(), &ServerOptions::default()));
    let work = |server: &Server| {
        let request = Request::get("/api/v1/some%20key").body(()).unwrap();
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        let begun = std::time::Instant::now();
        for _ in 0..REQUESTS {
            let active = ActiveRequest::new(server, &request);
            let _span = active.span().entered();
            active.finish(server, &mut response);
            response.headers_mut().remove(REQUEST_ID);
        }
        begun.elapsed() / REQUESTS
    };
    let alone = (0..ROUNDS).map(|_| work(&server)).min().unwrap();
    let beside = (0..ROUNDS).map(|_| {
        let other = Arc::clone(&server);
        std::thread::scope(|scope| {
            let other = scope.spawn(move || work(&other));
            work(&server).max(other.join().unwrap())
        })
    });
    let beside = beside.min().unwrap();
    println!("a request: {alone:?} on one thread, {beside:?} on each of two (best of {ROUNDS})");
    assert!(alone < Duration::from_micros(10));
}
