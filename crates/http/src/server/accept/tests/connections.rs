//! Limits of connections, total and per address.

use super::*;

async fn assert_rejected(mut client: Client) {
    let begun = Instant::now();
    // Sent before the response is read, as most clients do.
    let _ = client.0.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reply = client.reply().await;
    assert_eq!((reply.status, reply.code().as_str()), (503, "busy"));
    assert!(reply.head.contains("retry-after: 1\r\n"), "{}", reply.head);
    assert!(reply.head.contains("connection: close\r\n"), "{}", reply.head);
    assert!(reply.head.contains("x-content-type-options: nosniff\r\n"), "{}", reply.head);
    client.closed().await;
    assert!(begun.elapsed() < ms(1_000), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn connections_are_limited_in_total() {
    let server = TestServer::start(|limits| limits.max_connections = 2).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    assert_eq!(one.get("/").await.body, "ok");
    assert_eq!(two.get("/").await.body, "ok");
    assert_rejected(server.connect().await).await;
    assert_eq!(server.counts.refused_total.load(Relaxed), 1);
    drop(one);
    server.wait_for(|counts| &counts.open, 1).await;
    assert_eq!(server.connect().await.get("/").await.body, "ok");
    assert_eq!(server.counts.accepted.load(Relaxed), 3);
}

#[tokio::test]
async fn connections_are_limited_per_address() {
    let server = TestServer::start(|limits| limits.max_connections_per_address = 3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect_from(2).await;
        assert_eq!(client.get("/").await.body, "ok");
        open.push(client);
    }
    for _ in 0..5 {
        assert_rejected(server.connect_from(2).await).await;
    }
    assert_eq!(server.connect_from(3).await.get("/").await.body, "ok");
    assert_eq!(server.counts.refused_address.load(Relaxed), 5);
    open.pop();
    server.wait_for(|counts| &counts.open, 2).await;
    assert_eq!(server.connect_from(2).await.get("/").await.body, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flood_of_rejected_connections_does_not_block_others() {
    let server = TestServer::start(|limits| limits.max_connections_per_address = 2).await;
    let flood = async {
        let mut open = Vec::new();
        for _ in 0..1_000 {
            // Never read from, never closed by the client.
            open.push(server.connect_from(2).await);
        }
        open
    };
    let healthy = async {
        for _ in 0..20 {
            assert_eq!(server.connect().await.get("/").await.body, "ok");
            sleep(ms(5)).await;
        }
    };
    let (_open, ()) = tokio::join!(flood, healthy);
    server.wait_for(|counts| &counts.refused_address, 998).await;
}
