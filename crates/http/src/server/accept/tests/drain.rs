//! A shutdown: what is worked on is finished, the rest is closed.

use super::*;

#[tokio::test]
async fn a_shutdown_finishes_what_is_worked_on() {
    let site = Site::start(|_| {}).await;
    let (mut busy, mut idle) = (site.connect().await, site.connect().await);
    let mut new = site.connect().await;
    assert_eq!(idle.get("/").await.body, "ok");
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    site.until(|counts| &counts.in_flight, 1).await;
    site.until(|counts| &counts.open, 3).await;
    site.shutdown.cancel();
    assert_within(idle.closed().await, ms(0), ms(900));
    assert_within(new.closed().await, ms(0), ms(900));
    assert!(TcpStream::connect(site.address).await.is_err(), "nobody listens");

    site.answers.add_permits(1);
    let reply = busy.reply().await;
    assert_eq!(reply.body, "waited");
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_within(busy.closed().await, ms(0), ms(900));
    assert_eq!(site.stop().await, DrainReport { cut: 0 });
}

#[tokio::test]
async fn the_drain_timeout_cuts_the_rest_and_says_how_many() {
    let site = Site::start(|limits| limits.drain_timeout = ms(300)).await;
    let mut clients = Vec::new();
    for path in ["/wait", "/wait", "/quiet", "/flood"] {
        let mut client = site.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        clients.push(client);
    }
    clients[2].head().await;
    clients[3].head().await;
    site.until(|counts| &counts.in_flight, 2).await;
    let counts = Arc::clone(&site.counts);
    let begun = Instant::now();
    assert_eq!(site.stop().await, DrainReport { cut: 4 });
    assert_within(begun.elapsed(), ms(300), ms(1_500));
    assert_eq!(counts.open.load(Relaxed), 0);
    assert_eq!(counts.in_flight.load(Relaxed), 0);
}

#[tokio::test]
async fn half_a_head_does_not_hold_a_shutdown_up() {
    let site = Site::start(|_| {}).await;
    let mut client = site.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    client.send("GET / HT").await;
    sleep(ms(50)).await;
    let begun = Instant::now();
    assert_eq!(site.stop().await, DrainReport { cut: 0 });
    assert!(begun.elapsed() < ms(3_000), "{:?}", begun.elapsed());
}
