//! Clients that are slow to send and slow to read.

use super::*;

#[tokio::test]
async fn silent_connection_is_closed() {
    let server = TestServer::start(|limits| limits.header_timeout = ms(200)).await;
    assert_within(server.connect().await.closed().await, ms(200), ms(1_500));
    server.wait_for(|counts| &counts.closed_slow, 1).await;
    server.wait_for(|counts| &counts.open, 0).await;
}

#[tokio::test]
async fn slow_request_head_is_closed_despite_new_bytes() {
    for start in ["GET /", "PRI * HTTP/2.0\r\n\r\nSM", "\r\n"] {
        let server = TestServer::start(|limits| limits.header_timeout = ms(300)).await;
        let mut client = server.connect().await;
        let begun = Instant::now();
        let mut bytes = start.bytes().chain(std::iter::repeat(b'a'));
        // A write error shows that the connection was closed; it occurs on the write after the reset.
        while client.0.write_u8(bytes.next().unwrap()).await.is_ok() {
            sleep(ms(20)).await;
            assert!(begun.elapsed() < PATIENCE);
        }
        assert_within(begun.elapsed(), ms(300), ms(2_000));
        server.wait_for(|counts| &counts.closed_slow, 1).await;
    }
}

#[tokio::test]
async fn header_timeout_of_a_later_request_starts_with_its_first_byte() {
    let server = TestServer::start(|limits| limits.header_timeout = ms(250)).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    // The idle time does not count.
    sleep(ms(500)).await;
    assert_eq!(client.get("/").await.body, "ok");
    sleep(ms(500)).await;
    client.send("GET / HT").await;
    assert_within(client.closed().await, ms(250), ms(1_500));
    assert_eq!(server.counts.closed_slow.load(Relaxed), 1);
}

#[tokio::test]
async fn idle_connection_is_closed_after_the_idle_timeout() {
    let server = TestServer::start(|limits| {
        limits.header_timeout = ms(100);
        limits.idle_timeout = ms(600);
    });
    let server = server.await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    assert_within(client.closed().await, ms(590), ms(2_500));
    server.wait_for(|counts| &counts.closed_idle, 1).await;
    assert_eq!(server.counts.closed_slow.load(Relaxed), 0);
}

#[tokio::test]
async fn handling_a_request_is_not_idle() {
    let server = TestServer::start(|limits| {
        limits.header_timeout = ms(50);
        limits.idle_timeout = ms(50);
        limits.body_timeout = ms(50);
        limits.write_timeout = ms(50);
    });
    let server = server.await;
    let mut client = server.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(ms(300)).await;
    server.replies.add_permits(1);
    assert_eq!(client.reply().await.body, "waited");
}

#[tokio::test]
async fn slow_body_times_out() {
    let server = TestServer::start(|limits| limits.body_timeout = ms(300)).await;
    let mut client = server.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
    let begun = Instant::now();
    let (mut from, mut to) = client.0.split();
    let drip = async {
        while to.write_u8(b'a').await.is_ok() {
            sleep(ms(30)).await;
        }
    };
    let first = tokio::select! {
        () = drip => panic!("the connection was closed without a response"),
        first = from.read_u8() => first.unwrap(),
    };
    assert_eq!(first, b'H');
    assert_within(begun.elapsed(), ms(300), ms(1_500));
    let head = client.head().await;
    assert!(head.starts_with("TTP/1.1 408"), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(server.counts.timed_out.load(Relaxed), 1);
    client.closed().await;
}

#[tokio::test]
async fn body_in_parts_within_the_timeout_is_accepted() {
    let server = TestServer::start(|limits| limits.body_timeout = ms(2_000)).await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab").await;
        sleep(ms(100)).await;
        client.send("cd").await;
        assert_eq!(client.reply().await.body, "4");
    }
}

#[tokio::test]
async fn client_that_does_not_read_is_closed() {
    for path in ["/big", "/endless"] {
        let server = TestServer::start(|limits| limits.write_timeout = ms(300)).await;
        let mut client = server.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        server.wait_for(|counts| &counts.closed_stalled, 1).await;
        server.wait_for(|counts| &counts.open, 0).await;
        server.wait_for(|counts| &counts.in_flight, 0).await;
    }
}

#[tokio::test]
async fn slow_reader_is_not_closed() {
    let server = TestServer::start(|limits| {
        limits.write_timeout = ms(400);
        limits.idle_timeout = ms(400);
    });
    let server = server.await;
    let mut client = server.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.head().await;
    let mut part = vec![0; BIG / 16];
    let begun = Instant::now();
    for _ in 0..16 {
        client.0.read_exact(&mut part).await.unwrap();
        sleep(ms(80)).await;
    }
    assert!(begun.elapsed() > ms(1_000), "longer than both timeouts");
    assert_eq!(client.get("/").await.body, "ok");
}

#[tokio::test]
async fn stalled_stream_is_closed_later_and_quiet_stream_is_kept() {
    let server = TestServer::start(|limits| {
        limits.write_timeout = ms(100);
        limits.idle_timeout = ms(100);
        limits.stall_timeout = ms(700);
    });
    let server = server.await;
    let (mut quiet, mut stuck) = (server.connect().await, server.connect().await);
    quiet.send("GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n").await;
    quiet.head().await;
    let begun = Instant::now();
    stuck.send("GET /flood HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stuck.head().await;
    server.wait_for(|counts| &counts.closed_stalled, 1).await;
    assert_within(begun.elapsed(), ms(700), ms(5_000));
    sleep(ms(300)).await;
    assert_eq!(server.counts.open.load(Relaxed), 1, "the quiet stream is still open");
}
