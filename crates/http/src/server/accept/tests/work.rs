//! How many requests are worked on, how long they may be, and what becomes of a panic.

use super::*;

#[tokio::test]
async fn the_address_of_the_client_is_known() {
    let site = Site::start(|_| {}).await;
    let mut client = site.connect_from(2).await;
    let own = client.0.local_addr().unwrap().to_string();
    assert_eq!(client.get("/peer").await.body, own);
}

#[tokio::test]
async fn a_long_body_is_refused_before_it_is_read() {
    let site = Site::start(|limits| limits.max_body_bytes = 1_000).await;
    let mut client = site.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));

    let mut client = site.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
    client.send(&"a".repeat(1_000)).await;
    assert_eq!(client.reply().await.body, "1000");
    assert_eq!(site.counts.too_large.load(Relaxed), 1);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_counted() {
    let site = Site::start(|limits| limits.max_body_bytes = 1_000).await;
    let mut client = site.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for _ in 0..11 {
        client.send(&format!("64\r\n{}\r\n", "a".repeat(100))).await;
    }
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
}

#[tokio::test]
async fn who_reads_only_after_sending_all_gets_the_refusal_too() {
    let site = Site::start(|_| {}).await;
    let mut client = site.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 16777216\r\n\r\n").await;
    for _ in 0..256 {
        client.send(&"a".repeat(1 << 16)).await;
    }
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "too_large"));
    client.closed().await;
}

/// Sends all of it before it reads, as simple clients do, to a server that answers before it has read all.
async fn assert_refusal_is_read(site: &Site, path: &str, framing: &str, status: u16) {
    let mut body = vec![b'a'; 10 << 20];
    let chunked = framing.starts_with("transfer-encoding");
    if chunked {
        body.splice(0..0, *b"A00000\r\n");
        body.extend(b"\r\n0\r\n\r\n");
    }
    for n in 0..25 {
        let mut client = site.connect().await;
        client.send(&format!("POST {path} HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n")).await;
        let sent = client.0.write_all(&body).await;
        assert!(sent.is_ok(), "{path} {framing}, try {n}: {sent:?}");
        assert_eq!(client.reply().await.status, status, "{path} {framing}, try {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_before_the_body_is_read_is_no_reset() {
    const LENGTH: &str = "content-length: 10485760";
    const CHUNKED: &str = "transfer-encoding: chunked";
    let site = Site::start(|_| {}).await;
    assert_refusal_is_read(&site, "/length", LENGTH, 413).await;
    assert_refusal_is_read(&site, "/length", CHUNKED, 413).await;
    assert_refusal_is_read(&site, "/nothing", CHUNKED, 404).await;

    let site = Site::start(|limits| {
        limits.max_body_bytes = 16 << 20;
        limits.max_requests = 1;
    });
    let site = site.await;
    for framing in [LENGTH, CHUNKED] {
        assert_refusal_is_read(&site, "/nothing", framing, 404).await;
        assert_refusal_is_read(&site, "/ignore", framing, 200).await;
    }
    let mut busy = site.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    site.until(|counts| &counts.in_flight, 1).await;
    for framing in [LENGTH, CHUNKED] {
        assert_refusal_is_read(&site, "/length", framing, 503).await;
    }
    site.answers.add_permits(1);
    assert_eq!(busy.reply().await.body, "waited");
}

#[tokio::test]
async fn bodies_that_never_come_are_in_nobodys_way() {
    let site = Site::start(|limits| limits.max_requests = 4).await;
    let mut stuck = Vec::new();
    for start in ["", "a"].repeat(20) {
        let mut client = site.connect_from(2).await;
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n").await;
        client.send(start).await;
        stuck.push(client);
    }
    site.until(|counts| &counts.waiting, 40).await;
    assert_eq!(site.counts.in_flight.load(Relaxed), 0);
    let mut client = site.connect().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.body, "ok");
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n").await;
        sleep(ms(2)).await;
        client.send("abc").await;
        assert_eq!(client.reply().await.body, "3");
    }
    stuck[0].send("aaaaaaaaaa").await;
    assert_eq!(stuck[0].reply().await.body, "10", "they may come later");
    drop(stuck);
    site.until(|counts| &counts.waiting, 0).await;
    site.until(|counts| &counts.in_flight, 0).await;
    assert_eq!(site.counts.shed.load(Relaxed), 0);
}

#[tokio::test]
async fn a_request_whose_body_is_there_counts() {
    let site = Site::start(|limits| limits.max_requests = 1).await;
    let post = "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n";
    let (mut early, mut large) = (site.connect().await, site.connect().await);
    early.send(post).await;
    site.until(|counts| &counts.waiting, 1).await;
    // The larger part of a body takes memory, and a place.
    large.send(post).await;
    large.send(&"a".repeat(90_000)).await;
    site.until(|counts| &counts.in_flight, 1).await;
    site.until(|counts| &counts.waiting, 1).await;
    assert_eq!(site.connect().await.get("/").await.status, 503);
    early.send(&"a".repeat(100_000)).await;
    let reply = early.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
    large.send(&"a".repeat(10_000)).await;
    assert_eq!(large.reply().await.body, "100000");
    site.until(|counts| &counts.in_flight, 0).await;
    assert_eq!(large.get("/").await.body, "ok");
    assert_eq!(site.counts.shed.load(Relaxed), 2);
}

#[tokio::test]
async fn times_without_sense_are_times_all_the_same() {
    for time in [Duration::ZERO, Duration::MAX] {
        let site = Site::start(|limits| {
            limits.drain_timeout = time;
            limits.body_timeout = time;
            limits.write_timeout = time;
            limits.stall_timeout = time;
            if time > Duration::ZERO {
                limits.header_timeout = time;
                limits.idle_timeout = time;
            }
        });
        let site = site.await;
        let mut client = site.connect().await;
        assert_eq!(client.get("/").await.body, "ok");
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
        assert_eq!(client.reply().await.body, "3");
        client.send("GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200"));
        drop(client);
        site.until(|counts| &counts.open, 0).await;
        assert_eq!(site.stop().await, DrainReport { cut: 0 });
    }
    let nothing = |limits: &mut Limits| {
        limits.header_timeout = Duration::ZERO;
        limits.idle_timeout = Duration::ZERO;
    };
    assert!(Site::start(nothing).await.connect().await.closed().await < ms(1_000));
}

#[tokio::test]
async fn a_limit_above_that_of_axum_holds() {
    let site = Site::start(|limits| limits.max_body_bytes = 8 << 20).await;
    let mut client = site.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 4194304\r\n\r\n").await;
    client.send(&"a".repeat(4 << 20)).await;
    assert_eq!(client.reply().await.body, "4194304");
}

#[tokio::test]
async fn a_body_that_nobody_reads_needs_no_time() {
    let site = Site::start(|limits| limits.body_timeout = ms(50)).await;
    let mut client = site.connect().await;
    client.send("POST /ignore HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n").await;
    assert_eq!(client.reply().await.body, "ignored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_are_answered_at_once() {
    let site = Site::start(|limits| limits.max_requests = 8).await;
    let mut busy = Vec::new();
    for _ in 0..8 {
        let mut client = site.connect().await;
        client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
        busy.push(client);
    }
    site.until(|counts| &counts.in_flight, 8).await;
    let mut client = site.connect().await;
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
    assert_eq!(site.counts.shed.load(Relaxed), 200);

    site.answers.add_permits(8);
    for client in &mut busy {
        assert_eq!(client.reply().await.body, "waited");
    }
    site.until(|counts| &counts.in_flight, 0).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn an_answer_counts_until_it_is_sent_and_a_watch_does_not() {
    let site = Site::start(|limits| limits.max_requests = 1).await;
    let mut watchers = Vec::new();
    for path in ["/quiet", "/flood", "/quiet"] {
        let mut watcher = site.connect().await;
        watcher.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(watcher.head().await.starts_with("HTTP/1.1 200"));
        watchers.push(watcher);
    }
    let mut client = site.connect().await;
    assert_eq!(client.get("/").await.status, 200);

    let mut reader = site.connect().await;
    reader.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
    reader.head().await;
    assert_eq!(client.get("/").await.status, 503);
    drop(reader);
    site.until(|counts| &counts.in_flight, 0).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let site = Site::start(|limits| limits.max_requests = 1).await;
    let mut client = site.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    site.until(|counts| &counts.in_flight, 1).await;
    drop(client);
    site.until(|counts| &counts.in_flight, 0).await;
    site.until(|counts| &counts.open, 0).await;
}

#[tokio::test]
async fn a_panic_takes_one_answer_with_it() {
    let site = Site::start(|_| {}).await;
    let mut client = site.connect().await;
    let reply = client.get("/panic").await;
    assert_eq!((reply.status, reply.code().as_str()), (500, "internal"));
    assert_eq!(client.get("/").await.body, "ok", "on the same connection");
    assert_eq!(site.counts.panicked.load(Relaxed), 1);
    site.until(|counts| &counts.in_flight, 0).await;
}
