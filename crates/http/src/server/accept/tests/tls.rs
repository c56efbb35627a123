//! The same limits when everything is encrypted, and clients that do not get that far.

use mainspring_testing::certificates::Authority;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::server::Tls;

struct Secret {
    site: Site,
    authority: Authority,
}

impl Secret {
    async fn start(change: impl FnOnce(&mut Limits)) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let authority = Authority::new();
        let pair = authority.sign();
        let name = format!("mainspring-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        let (pem, key) = (path.with_extension("pem"), path.with_extension("key"));
        std::fs::write(&pem, pair.certificate).unwrap();
        std::fs::write(&key, pair.key).unwrap();
        let mut options = ServerOptions::default();
        change(&mut options.limits);
        options.tls = Some(Tls::from_files(&pem, &key).unwrap());
        std::fs::remove_file(pem).unwrap();
        std::fs::remove_file(key).unwrap();
        Self { site: Site::of(options).await, authority }
    }

    async fn connect(&self) -> Client<TlsStream<TcpStream>> {
        self.connect_with(&["http/1.1"]).await
    }

    async fn connect_with(&self, protocols: &[&str]) -> Client<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.authority.client(protocols)));
        let stream = TcpStream::connect(self.site.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Client(connector.connect(name, stream).await.unwrap())
    }
}

#[tokio::test]
async fn both_protocols_are_spoken() {
    let secret = Secret::start(|_| {}).await;
    let mut client = secret.connect().await;
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let reply = client.get("/").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    assert!(reply.head.contains("strict-transport-security: max-age="), "{}", reply.head);
    let own = client.0.get_ref().0.local_addr().unwrap();
    assert_eq!(client.get("/peer").await.body, own.to_string());

    let mut client = secret.connect_with(&["h2", "http/1.1"]).await;
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    timeout(PATIENCE, client.0.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4, "its settings");
}

#[tokio::test]
async fn a_handshake_has_the_time_of_a_head() {
    let secret = Secret::start(|limits| limits.header_timeout = ms(300)).await;
    let site = &secret.site;
    // Nothing at all, and the beginning of a handshake.
    for (n, start) in [&b""[..], b"\x16\x03\x01\x02\x00\x01"].into_iter().enumerate() {
        let mut client = site.connect().await;
        client.0.write_all(start).await.unwrap();
        site.until(|counts| &counts.open, 1).await;
        assert_within(client.closed().await, ms(250), ms(2_000));
        site.until(|counts| &counts.closed_slow, n + 1).await;
        site.until(|counts| &counts.open, 0).await;
    }
    // What is left after the handshake is for the head.
    let mut client = secret.connect().await;
    assert_within(client.closed().await, ms(200), ms(2_000));
    site.until(|counts| &counts.closed_slow, 3).await;
}

#[tokio::test]
async fn who_does_not_encrypt_is_told_so() {
    let secret = Secret::start(|_| {}).await;
    let mut client = secret.site.connect().await;
    let reply = client.get("/").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_request"));
    assert!(reply.body.contains("https://"), "{reply:?}");
    assert!(client.closed().await < ms(2_000));
    secret.site.until(|counts| &counts.closed_handshake, 1).await;

    let mut client = secret.site.connect().await;
    client.0.write_all(b"\x16nonsense that is no handshake at all").await.unwrap();
    assert!(client.closed().await < ms(2_000));
    secret.site.until(|counts| &counts.closed_handshake, 2).await;

    // That is not the end of it, and neither is one who comes and goes.
    drop(secret.site.connect().await);
    secret.site.until(|counts| &counts.open, 0).await;
    assert_eq!(secret.connect().await.get("/").await.body, "ok");
    assert_eq!(secret.site.counts.closed_handshake.load(Relaxed), 2);
    assert_eq!(secret.site.stop().await, DrainReport { cut: 0 });
}

#[tokio::test]
async fn a_handshake_takes_a_seat() {
    let secret = Secret::start(|limits| limits.max_connections = 1).await;
    let first = secret.site.connect().await;
    secret.site.until(|counts| &counts.open, 1).await;
    let mut second = secret.site.connect().await;
    assert!(second.closed().await < ms(2_000));
    secret.site.until(|counts| &counts.refused_total, 1).await;
    drop(first);
    secret.site.until(|counts| &counts.open, 0).await;
    assert_eq!(secret.connect().await.get("/").await.body, "ok");
}

#[tokio::test]
async fn who_is_slow_or_idle_is_closed() {
    let secret = Secret::start(|limits| {
        limits.header_timeout = ms(300);
        limits.idle_timeout = ms(700);
        limits.body_timeout = ms(300);
    });
    let secret = secret.await;
    let mut client = secret.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    client.send("GET / HT").await;
    assert_within(client.closed().await, ms(250), ms(2_000));
    secret.site.until(|counts| &counts.closed_slow, 1).await;

    let mut client = secret.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    assert_within(client.closed().await, ms(600), ms(2_500));
    secret.site.until(|counts| &counts.closed_idle, 1).await;

    let mut client = secret.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nab").await;
    assert_eq!(client.reply().await.status, 408);
    client.closed().await;
    secret.site.until(|counts| &counts.timed_out, 1).await;
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_who_reads_is_not() {
    let secret = Secret::start(|limits| {
        limits.write_timeout = ms(400);
        limits.stall_timeout = ms(800);
        limits.idle_timeout = ms(400);
    });
    let secret = secret.await;
    for (n, path) in ["/big", "/endless", "/flood"].into_iter().enumerate() {
        let mut client = secret.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        secret.site.until(|counts| &counts.closed_stalled, n + 1).await;
        secret.site.until(|counts| &counts.open, 0).await;
    }
    let mut client = secret.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.head().await;
    let mut part = vec![0; BIG / 16];
    for _ in 0..16 {
        client.0.read_exact(&mut part).await.unwrap();
        sleep(ms(80)).await;
    }
    assert_eq!(client.get("/").await.body, "ok");
    let mut quiet = secret.connect().await;
    quiet.send("GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n").await;
    quiet.head().await;
    sleep(ms(1_200)).await;
    assert_eq!(secret.site.counts.streams.load(Relaxed), 1, "it may be quiet for ever");
}

#[tokio::test]
async fn a_drain_ends_everything() {
    let secret = Secret::start(|limits| limits.drain_timeout = ms(5_000)).await;
    let (mut idle, mut busy) = (secret.connect().await, secret.connect().await);
    assert_eq!(idle.get("/").await.body, "ok");
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut shaking = secret.site.connect().await;
    secret.site.until(|counts| &counts.in_flight, 1).await;
    secret.site.until(|counts| &counts.open, 3).await;
    secret.site.shutdown.cancel();
    assert!(idle.closed().await < ms(2_000));
    assert!(shaking.closed().await < ms(2_000));
    secret.site.answers.add_permits(1);
    assert_eq!(busy.reply().await.body, "waited");
    assert_eq!(secret.site.stop().await, DrainReport { cut: 0 });

    let secret = Secret::start(|limits| limits.drain_timeout = ms(300)).await;
    let mut busy = secret.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    secret.site.until(|counts| &counts.in_flight, 1).await;
    assert_eq!(secret.site.stop().await, DrainReport { cut: 1 });
}
