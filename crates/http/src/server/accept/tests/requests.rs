//! Limits of concurrent requests and of bodies, and panics.

use super::*;

#[tokio::test]
async fn handler_sees_the_address_of_the_client() {
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect_from(2).await;
    let own = client.0.local_addr().unwrap().to_string();
    assert_eq!(client.get("/peer").await.body, own);
}

#[tokio::test]
async fn announced_body_beyond_the_limit_is_rejected_before_it_is_read() {
    let server = TestServer::start(|limits| limits.max_body_bytes = 1_000).await;
    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));

    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
    client.send(&"a".repeat(1_000)).await;
    assert_eq!(client.reply().await.body, "1000");
    assert_eq!(server.counts.too_large.load(Relaxed), 1);
}

#[tokio::test]
async fn chunked_body_beyond_the_limit_is_rejected() {
    let server = TestServer::start(|limits| limits.max_body_bytes = 1_000).await;
    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..11 {
        client.send(&format!("64\r\n{}\r\n", "a".repeat(100))).await;
    }
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn rejection_reaches_a_client_that_sends_its_body_first() {
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 16777216\r\n\r\n").await;
    for _ in 0..256 {
        client.send(&"a".repeat(1 << 16)).await;
    }
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    client.closed().await;
}

/// Sends the complete body before it reads, as simple clients do, to a server that responds before it has read the body.
async fn assert_response_is_read(server: &TestServer, path: &str, framing: &str, status: u16) {
    let mut body = vec![b'a'; 10 << 20];
    let chunked = framing.starts_with("transfer-encoding");
    if chunked {
        body.splice(0..0, *b"A00000\r\n");
        body.extend(b"\r\n0\r\n\r\n");
    }
    for n in 0..25 {
        let mut client = server.connect().await;
        client.send(&format!("POST {path} HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n")).await;
        let sent = client.0.write_all(&body).await;
        assert!(sent.is_ok(), "{path} {framing}, try {n}: {sent:?}");
        assert_eq!(client.reply().await.status, status, "{path} {framing}, try {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn response_before_the_body_is_read_does_not_reset_the_connection() {
    const LENGTH: &str = "content-length: 10485760";
    const CHUNKED: &str = "transfer-encoding: chunked";
    let server = TestServer::start(|_| {}).await;
    assert_response_is_read(&server, "/length", LENGTH, 413).await;
    assert_response_is_read(&server, "/length", CHUNKED, 413).await;
    assert_response_is_read(&server, "/nothing", CHUNKED, 404).await;

    let server = TestServer::start(|limits| {
        limits.max_body_bytes = 16 << 20;
        limits.max_requests = 1;
    });
    let server = server.await;
    for framing in [LENGTH, CHUNKED] {
        assert_response_is_read(&server, "/nothing", framing, 404).await;
        assert_response_is_read(&server, "/ignore", framing, 200).await;
    }
    let mut busy = server.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.wait_for(|counts| &counts.in_flight, 1).await;
    for framing in [LENGTH, CHUNKED] {
        assert_response_is_read(&server, "/length", framing, 503).await;
    }
    server.replies.add_permits(1);
    assert_eq!(busy.reply().await.body, "waited");
}

#[tokio::test]
async fn requests_waiting_for_bodies_do_not_block_others() {
    let server = TestServer::start(|limits| limits.max_requests = 4).await;
    let mut stuck = Vec::new();
    for start in ["", "a"].repeat(20) {
        let mut client = server.connect_from(2).await;
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n").await;
        client.send(start).await;
        stuck.push(client);
    }
    server.wait_for(|counts| &counts.waiting, 40).await;
    assert_eq!(server.counts.in_flight.load(Relaxed), 0);
    let mut client = server.connect().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.body, "ok");
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n").await;
        sleep(ms(2)).await;
        client.send("abc").await;
        assert_eq!(client.reply().await.body, "3");
    }
    stuck[0].send("aaaaaaaaaa").await;
    assert_eq!(stuck[0].reply().await.body, "10", "a late body is still accepted");
    drop(stuck);
    server.wait_for(|counts| &counts.waiting, 0).await;
    server.wait_for(|counts| &counts.in_flight, 0).await;
    assert_eq!(server.counts.shed.load(Relaxed), 0);
}

#[tokio::test]
async fn request_with_most_of_its_body_takes_a_permit() {
    let server = TestServer::start(|limits| limits.max_requests = 1).await;
    let post = "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n";
    let (mut early, mut large) = (server.connect().await, server.connect().await);
    early.send(post).await;
    server.wait_for(|counts| &counts.waiting, 1).await;
    // Most of a body takes memory, so the request needs a permit.
    large.send(post).await;
    large.send(&"a".repeat(90_000)).await;
    server.wait_for(|counts| &counts.in_flight, 1).await;
    server.wait_for(|counts| &counts.waiting, 1).await;
    assert_eq!(server.connect().await.get("/").await.status, 503);
    early.send(&"a".repeat(100_000)).await;
    let reply = early.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
    large.send(&"a".repeat(10_000)).await;
    assert_eq!(large.reply().await.body, "100000");
    server.wait_for(|counts| &counts.in_flight, 0).await;
    assert_eq!(large.get("/").await.body, "ok");
    assert_eq!(server.counts.shed.load(Relaxed), 2);
}

#[tokio::test]
async fn extreme_timeouts_are_accepted() {
    for time in [Duration::ZERO, Duration::MAX] {
        let server = TestServer::start(|limits| {
            limits.drain_timeout = time;
            limits.body_timeout = time;
            limits.write_timeout = time;
            limits.stall_timeout = time;
            if time > Duration::ZERO {
                limits.header_timeout = time;
                limits.idle_timeout = time;
            }
        });
        let server = server.await;
        let mut client = server.connect().await;
        assert_eq!(client.get("/").await.body, "ok");
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
        assert_eq!(client.reply().await.body, "3");
        client.send("GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200"));
        drop(client);
        server.wait_for(|counts| &counts.open, 0).await;
        assert_eq!(server.stop().await, DrainReport { cut: 0 });
    }
    let nothing = |limits: &mut Limits| {
        limits.header_timeout = Duration::ZERO;
        limits.idle_timeout = Duration::ZERO;
    };
    assert!(TestServer::start(nothing).await.connect().await.closed().await < ms(1_000));
}

#[tokio::test]
async fn body_limit_may_exceed_the_default_of_axum() {
    let server = TestServer::start(|limits| limits.max_body_bytes = 8 << 20).await;
    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 4194304\r\n\r\n").await;
    client.send(&"a".repeat(4 << 20)).await;
    assert_eq!(client.reply().await.body, "4194304");
}

#[tokio::test]
async fn body_that_no_handler_reads_does_not_time_out() {
    let server = TestServer::start(|limits| limits.body_timeout = ms(50)).await;
    let mut client = server.connect().await;
    client.send("POST /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "ignored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_limit_are_rejected_at_once() {
    let server = TestServer::start(|limits| limits.max_requests = 8).await;
    let mut busy = Vec::new();
    for _ in 0..8 {
        let mut client = server.connect().await;
        client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
        busy.push(client);
    }
    server.wait_for(|counts| &counts.in_flight, 8).await;
    let mut client = server.connect().await;
    let mut took = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let reply = client.get("/").await;
        took.push(begun.elapsed());
        assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
        assert!(reply.head.contains("retry-after: 1\r\n"), "{}", reply.head);
    }
    took.sort();
    assert!(took[190] < ms(10), "p95 {:?}, worst {:?}", took[190], took[199]);
    assert_eq!(server.counts.shed.load(Relaxed), 200);

    server.replies.add_permits(8);
    for client in &mut busy {
        assert_eq!(client.reply().await.body, "waited");
    }
    server.wait_for(|counts| &counts.in_flight, 0).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn response_occupies_a_permit_until_it_is_sent_but_a_stream_does_not() {
    let server = TestServer::start(|limits| limits.max_requests = 1).await;
    let mut watchers = Vec::new();
    for path in ["/quiet", "/flood", "/quiet"] {
        let mut watcher = server.connect().await;
        watcher.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(watcher.head().await.starts_with("HTTP/1.1 200"));
        watchers.push(watcher);
    }
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.status, 200);

    let mut reader = server.connect().await;
    reader.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
    reader.head().await;
    assert_eq!(client.get("/").await.status, 503);
    drop(reader);
    server.wait_for(|counts| &counts.in_flight, 0).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn disconnect_releases_the_permit() {
    let server = TestServer::start(|limits| limits.max_requests = 1).await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.wait_for(|counts| &counts.in_flight, 1).await;
    drop(client);
    server.wait_for(|counts| &counts.in_flight, 0).await;
    server.wait_for(|counts| &counts.open, 0).await;
}

#[tokio::test]
async fn panic_affects_only_its_request() {
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    let reply = client.get("/panic").await;
    assert_eq!((reply.status, reply.code().as_str()), (500, "internal"));
    assert_eq!(client.get("/").await.body, "ok", "on the same connection");
    assert_eq!(server.counts.panicked.load(Relaxed), 1);
    server.wait_for(|counts| &counts.in_flight, 0).await;
}
