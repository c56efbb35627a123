//! How many connections there may be, in total and from one address.

use super::*;

async fn assert_refused(mut client: Client) {
    let begun = Instant::now();
    // Sent at once, as a client would that has not looked whether it is welcome.
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
    let site = Site::start(|limits| limits.max_connections = 2).await;
    let (mut one, mut two) = (site.connect().await, site.connect().await);
    assert_eq!(one.get("/").await.body, "ok");
    assert_eq!(two.get("/").await.body, "ok");
    assert_refused(site.connect().await).await;
    assert_eq!(site.counts.refused_total.load(Relaxed), 1);
    drop(one);
    site.until(|counts| &counts.open, 1).await;
    assert_eq!(site.connect().await.get("/").await.body, "ok");
    assert_eq!(site.counts.accepted.load(Relaxed), 3);
}

#[tokio::test]
async fn an_address_is_limited_and_others_are_not() {
    let site = Site::start(|limits| limits.max_connections_per_address = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = site.connect_from(2).await;
        assert_eq!(client.get("/").await.body, "ok");
        held.push(client);
    }
    for _ in 0..5 {
        assert_refused(site.connect_from(2).await).await;
    }
    assert_eq!(site.connect_from(3).await.get("/").await.body, "ok");
    assert_eq!(site.counts.refused_address.load(Relaxed), 5);
    held.pop();
    site.until(|counts| &counts.open, 2).await;
    assert_eq!(site.connect_from(2).await.get("/").await.body, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_connections_does_not_stop_the_loop() {
    let site = Site::start(|limits| limits.max_connections_per_address = 2).await;
    let flood = async {
        let mut held = Vec::new();
        for _ in 0..1_000 {
            // Never read from, never closed by the client.
            held.push(site.connect_from(2).await);
        }
        held
    };
    let healthy = async {
        for _ in 0..20 {
            assert_eq!(site.connect().await.get("/").await.body, "ok");
            sleep(ms(5)).await;
        }
    };
    let (_held, ()) = tokio::join!(flood, healthy);
    site.until(|counts| &counts.refused_address, 998).await;
}
