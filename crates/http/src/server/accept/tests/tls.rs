//! The same limits with TLS, and clients that fail the handshake.

use mainspring_testing::certificates::Authority;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::server::Tls;

struct TlsServer {
    server: TestServer,
    authority: Authority,
}

impl TlsServer {
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
        Self { server: TestServer::start_with(options).await, authority }
    }

    async fn connect(&self) -> Client<TlsStream<TcpStream>> {
        self.connect_with(&["http/1.1"]).await
    }

    async fn connect_with(&self, protocols: &[&str]) -> Client<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::new(self.authority.client(protocols)));
        let stream = TcpStream::connect(self.server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Client(connector.connect(name, stream).await.unwrap())
    }
}

#[tokio::test]
async fn tls_serves_http1_and_http2() {
    let tls = TlsServer::start(|_| {}).await;
    let mut client = tls.connect().await;
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let reply = client.get("/").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    assert!(reply.head.contains("strict-transport-security: max-age="), "{}", reply.head);
    let own = client.0.get_ref().0.local_addr().unwrap();
    assert_eq!(client.get("/peer").await.body, own.to_string());

    let mut client = tls.connect_with(&["h2", "http/1.1"]).await;
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    client.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    timeout(PATIENCE, client.0.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4, "its settings");
}

#[tokio::test]
async fn handshake_counts_toward_the_header_timeout() {
    let tls = TlsServer::start(|limits| limits.header_timeout = ms(300)).await;
    let server = &tls.server;
    // No bytes at all, and an incomplete handshake.
    for (n, start) in [&b""[..], b"\x16\x03\x01\x02\x00\x01"].into_iter().enumerate() {
        let mut client = server.connect().await;
        client.0.write_all(start).await.unwrap();
        server.wait_for(|counts| &counts.open, 1).await;
        assert_within(client.closed().await, ms(250), ms(2_000));
        server.wait_for(|counts| &counts.closed_slow, n + 1).await;
        server.wait_for(|counts| &counts.open, 0).await;
    }
    // The time that remains after the handshake is for the request head.
    let mut client = tls.connect().await;
    assert_within(client.closed().await, ms(200), ms(2_000));
    server.wait_for(|counts| &counts.closed_slow, 3).await;
}

#[tokio::test]
async fn plain_http_on_a_tls_port_is_rejected() {
    let tls = TlsServer::start(|_| {}).await;
    let mut client = tls.server.connect().await;
    let reply = client.get("/").await;
    assert_eq!((reply.status, reply.code().as_str()), (400, "invalid_request"));
    assert!(reply.body.contains("https://"), "{reply:?}");
    assert!(client.closed().await < ms(2_000));
    tls.server.wait_for(|counts| &counts.closed_handshake, 1).await;

    let mut client = tls.server.connect().await;
    client.0.write_all(b"\x16nonsense that is no handshake at all").await.unwrap();
    assert!(client.closed().await < ms(2_000));
    tls.server.wait_for(|counts| &counts.closed_handshake, 2).await;

    // The server continues, and a client that only connects and disconnects is not counted.
    drop(tls.server.connect().await);
    tls.server.wait_for(|counts| &counts.open, 0).await;
    assert_eq!(tls.connect().await.get("/").await.body, "ok");
    assert_eq!(tls.server.counts.closed_handshake.load(Relaxed), 2);
    assert_eq!(tls.server.stop().await, DrainReport { cut: 0 });
}

#[tokio::test]
async fn handshake_occupies_a_connection_slot() {
    let tls = TlsServer::start(|limits| limits.max_connections = 1).await;
    let first = tls.server.connect().await;
    tls.server.wait_for(|counts| &counts.open, 1).await;
    let mut second = tls.server.connect().await;
    assert!(second.closed().await < ms(2_000));
    tls.server.wait_for(|counts| &counts.refused_total, 1).await;
    drop(first);
    tls.server.wait_for(|counts| &counts.open, 0).await;
    assert_eq!(tls.connect().await.get("/").await.body, "ok");
}

#[tokio::test]
async fn tls_slow_and_idle_clients_are_closed() {
    let tls = TlsServer::start(|limits| {
        limits.header_timeout = ms(300);
        limits.idle_timeout = ms(700);
        limits.body_timeout = ms(300);
    });
    let tls = tls.await;
    let mut client = tls.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    client.send("GET / HT").await;
    assert_within(client.closed().await, ms(250), ms(2_000));
    tls.server.wait_for(|counts| &counts.closed_slow, 1).await;

    let mut client = tls.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    assert_within(client.closed().await, ms(600), ms(2_500));
    tls.server.wait_for(|counts| &counts.closed_idle, 1).await;

    let mut client = tls.connect().await;
    client.send("POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nab").await;
    assert_eq!(client.reply().await.status, 408);
    client.closed().await;
    tls.server.wait_for(|counts| &counts.timed_out, 1).await;
}

#[tokio::test]
async fn tls_client_that_does_not_read_is_closed_and_slow_reader_is_not() {
    let tls = TlsServer::start(|limits| {
        limits.write_timeout = ms(400);
        limits.stall_timeout = ms(800);
        limits.idle_timeout = ms(400);
    });
    let tls = tls.await;
    for (n, path) in ["/big", "/endless", "/flood"].into_iter().enumerate() {
        let mut client = tls.connect().await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        tls.server.wait_for(|counts| &counts.closed_stalled, n + 1).await;
        tls.server.wait_for(|counts| &counts.open, 0).await;
    }
    let mut client = tls.connect().await;
    client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.head().await;
    let mut part = vec![0; BIG / 16];
    for _ in 0..16 {
        client.0.read_exact(&mut part).await.unwrap();
        sleep(ms(80)).await;
    }
    assert_eq!(client.get("/").await.body, "ok");
    let mut quiet = tls.connect().await;
    quiet.send("GET /quiet HTTP/1.1\r\nhost: a\r\n\r\n").await;
    quiet.head().await;
    sleep(ms(1_200)).await;
    assert_eq!(tls.server.counts.streams.load(Relaxed), 1, "a quiet stream has no time limit");
}

#[tokio::test]
async fn drain_ends_tls_connections_and_handshakes() {
    let tls = TlsServer::start(|limits| limits.drain_timeout = ms(5_000)).await;
    let (mut idle, mut busy) = (tls.connect().await, tls.connect().await);
    assert_eq!(idle.get("/").await.body, "ok");
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut shaking = tls.server.connect().await;
    tls.server.wait_for(|counts| &counts.in_flight, 1).await;
    tls.server.wait_for(|counts| &counts.open, 3).await;
    tls.server.shutdown.cancel();
    assert!(idle.closed().await < ms(2_000));
    assert!(shaking.closed().await < ms(2_000));
    tls.server.replies.add_permits(1);
    assert_eq!(busy.reply().await.body, "waited");
    assert_eq!(tls.server.stop().await, DrainReport { cut: 0 });

    let tls = TlsServer::start(|limits| limits.drain_timeout = ms(300)).await;
    let mut busy = tls.connect().await;
    busy.send("GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tls.server.wait_for(|counts| &counts.in_flight, 1).await;
    assert_eq!(tls.server.stop().await, DrainReport { cut: 1 });
}
