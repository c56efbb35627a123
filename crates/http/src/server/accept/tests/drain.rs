//! Shutdown: current requests are finished, idle connections are closed.

use super::*;

#[tokio::test]
async fn shutdown_finishes_current_requests() {
    let server = TestServer::start(|_| {}).await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    let mut new = server.connect().await;
    assert_eq!(idle.get("/").await.body, "ok");
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.wait_for(|counts| &counts.in_flight, 1).await;
    server.wait_for(|counts| &counts.open, 3).await;
    server.shutdown.cancel();
    assert_within(idle.closed().await, ms(0), ms(900));
    assert_within(new.closed().await, ms(0), ms(900));
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");

    server.replies.add_permits(1);
    let reply = busy.reply().await;
    assert_eq!(reply.body, "waited");
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_within(busy.closed().await, ms(0), ms(900));
    assert_eq!(server.stop().await, DrainReport { cut: 0 });
}

#[tokio::test]
async fn drain_timeout_closes_and_counts_the_remaining_connections() {
    let server = TestServer::start(|limits| limits.drain_timeout = ms(300)).await;
    let mut clients = Vec::new();
    for path in ["/wait", "/wait", "/quiet", "/flood"] {
        let mut client = server.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        clients.push(client);
    }
    clients[2].head().await;
    clients[3].head().await;
    server.wait_for(|counts| &counts.in_flight, 2).await;
    let counts = Arc::clone(&server.counts);
    let begun = Instant::now();
    assert_eq!(server.stop().await, DrainReport { cut: 4 });
    assert_within(begun.elapsed(), ms(300), ms(1_500));
    assert_eq!(counts.open.load(Relaxed), 0);
    assert_eq!(counts.in_flight.load(Relaxed), 0);
}

#[tokio::test]
async fn incomplete_request_head_does_not_delay_a_shutdown() {
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    client.send("GET / HT").await;
    sleep(ms(50)).await;
    let begun = Instant::now();
    assert_eq!(server.stop().await, DrainReport { cut: 0 });
    assert!(begun.elapsed() < ms(3_000), "{:?}", begun.elapsed());
}
