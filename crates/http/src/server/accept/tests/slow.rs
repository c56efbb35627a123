//! Clients that are slow to send and slow to read.

use super::*;

#[tokio::test]
async fn who_says_nothing_is_closed() {
    let site = Site::start(|limits| limits.header_timeout = ms(200)).await;
    assert_within(site.connect().await.closed().await, ms(200), ms(1_500));
    site.until(|counts| &counts.closed_slow, 1).await;
    site.until(|counts| &counts.open, 0).await;
}

#[tokio::test]
async fn bytes_do_not_put_off_the_head() {
    for start in ["GET /", "PRI * HTTP/2.0\r\n\r\nSM", "\r\n"] {
        let site = Site::start(|limits| limits.header_timeout = ms(300)).await;
        let mut client = site.connect().await;
        let begun = Instant::now();
        let mut bytes = start.bytes().chain(std::iter::repeat(b'a'));
        // An error is what tells it of the end here; the closing itself brings the byte after.
        while client.0.write_u8(bytes.next().unwrap()).await.is_ok() {
            sleep(ms(20)).await;
            assert!(begun.elapsed() < PATIENCE);
        }
        assert_within(begun.elapsed(), ms(300), ms(2_000));
        site.until(|counts| &counts.closed_slow, 1).await;
    }
}

#[tokio::test]
async fn a_later_head_has_its_time_from_its_first_byte() {
    let site = Site::start(|limits| limits.header_timeout = ms(250)).await;
    let mut client = site.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    // Idle is not slow.
    sleep(ms(500)).await;
    assert_eq!(client.get("/").await.body, "ok");
    sleep(ms(500)).await;
    client.send("GET / HT").await;
    assert_within(client.closed().await, ms(250), ms(1_500));
    assert_eq!(site.counts.closed_slow.load(Relaxed), 1);
}

#[tokio::test]
async fn an_idle_connection_is_closed_later_than_a_slow_one() {
    let site = Site::start(|limits| {
        limits.header_timeout = ms(100);
        limits.idle_timeout = ms(600);
    });
    let site = site.await;
    let mut client = site.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    assert_within(client.closed().await, ms(590), ms(2_500));
    site.until(|counts| &counts.closed_idle, 1).await;
    assert_eq!(site.counts.closed_slow.load(Relaxed), 0);
}

#[tokio::test]
async fn work_is_not_idleness() {
    let site = Site::start(|limits| {
        limits.header_timeout = ms(50);
        limits.idle_timeout = ms(50);
        limits.body_timeout = ms(50);
        limits.write_timeout = ms(50);
    });
    let site = site.await;
    let mut client = site.connect().await;
    client.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(ms(300)).await;
    site.answers.add_permits(1);
    assert_eq!(client.reply().await.body, "waited");
}

#[tokio::test]
async fn a_slow_body_is_told_so() {
    let site = Site::start(|limits| limits.body_timeout = ms(300)).await;
    let mut client = site.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
    let begun = Instant::now();
    let (mut from, mut to) = client.0.split();
    let drip = async {
        while to.write_u8(b'a').await.is_ok() {
            sleep(ms(30)).await;
        }
    };
    let first = tokio::select! {
        () = drip => panic!("no answer"),
        first = from.read_u8() => first.unwrap(),
    };
    assert_eq!(first, b'H');
    assert_within(begun.elapsed(), ms(300), ms(1_500));
    let head = client.head().await;
    assert!(head.starts_with("TTP/1.1 408"), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(site.counts.timed_out.load(Relaxed), 1);
    client.closed().await;
}

#[tokio::test]
async fn a_body_that_comes_in_parts_in_time_is_taken() {
    let site = Site::start(|limits| limits.body_timeout = ms(2_000)).await;
    let mut client = site.connect().await;
    for _ in 0..2 {
        client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab").await;
        sleep(ms(100)).await;
        client.send("cd").await;
        assert_eq!(client.reply().await.body, "4");
    }
}

#[tokio::test]
async fn who_does_not_read_an_answer_is_closed() {
    for path in ["/big", "/endless"] {
        let site = Site::start(|limits| limits.write_timeout = ms(300)).await;
        let mut client = site.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        site.until(|counts| &counts.closed_stalled, 1).await;
        site.until(|counts| &counts.open, 0).await;
        site.until(|counts| &counts.in_flight, 0).await;
    }
}

#[tokio::test]
async fn who_reads_slowly_is_not_closed() {
    let site = Site::start(|limits| {
        limits.write_timeout = ms(400);
        limits.idle_timeout = ms(400);
    });
    let site = site.await;
    let mut client = site.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.head().await;
    let mut part = vec![0; BIG / 16];
    let begun = Instant::now();
    for _ in 0..16 {
        client.0.read_exact(&mut part).await.unwrap();
        sleep(ms(80)).await;
    }
    assert!(begun.elapsed() > ms(1_000), "longer than both time-outs");
    assert_eq!(client.get("/").await.body, "ok");
}

#[tokio::test]
async fn a_stuck_watcher_has_longer_and_a_quiet_one_for_ever() {
    let site = Site::start(|limits| {
        limits.write_timeout = ms(100);
        limits.idle_timeout = ms(100);
        limits.stall_timeout = ms(700);
    });
    let site = site.await;
    let (mut quiet, mut stuck) = (site.connect().await, site.connect().await);
    quiet.send("GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n").await;
    quiet.head().await;
    let begun = Instant::now();
    stuck.send("GET /flood HTTP/1.1\r\nhost: a\r\n\r\n").await;
    stuck.head().await;
    site.until(|counts| &counts.closed_stalled, 1).await;
    assert_within(begun.elapsed(), ms(700), ms(5_000));
    sleep(ms(300)).await;
    assert_eq!(site.counts.open.load(Relaxed), 1, "the quiet one is still there");
}
