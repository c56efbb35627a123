//! HTTP/2, at the level of frames.

use std::io;

use super::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

struct Http2Client(Client);

impl Http2Client {
    /// Connects, and sets the initial window of each stream to `window` bytes.
    async fn connect(server: &TestServer, window: u32) -> Self {
        let mut client = Self(server.connect().await);
        client.0.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let mut settings = vec![0, 4];
        settings.extend(window.to_be_bytes());
        client.send(SETTINGS, 0, 0, &settings).await;
        client
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.try_send(kind, flags, stream, payload).await.unwrap();
    }

    async fn try_send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> io::Result<()> {
        let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.0.write_all(&frame).await
    }

    async fn get(&mut self, stream: u32, path: &str) {
        // From the static table of HPACK: GET, http; then :path as a literal.
        let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        self.send(HEADERS, 0x5, stream, &head).await;
    }

    /// A POST whose stream stays open for a body.
    async fn post(&mut self, stream: u32, path: &str) {
        let mut head = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        head.extend(path.as_bytes());
        self.send(HEADERS, 0x4, stream, &head).await;
    }

    /// Returns the next frame of this kind: its stream, flags and payload. Acknowledges settings and pings before it.
    async fn next(&mut self, expected: u8) -> Option<(u32, u8, Vec<u8>)> {
        let reading = async {
            loop {
                let mut head = [0; 9];
                self.0.0.read_exact(&mut head).await.ok()?;
                let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
                let mut payload = vec![0; length as usize];
                self.0.0.read_exact(&mut payload).await.ok()?;
                let (kind, flags) = (head[3], head[4]);
                if kind == SETTINGS && flags == 0 {
                    self.send(SETTINGS, 1, 0, &[]).await;
                }
                if kind == PING && flags == 0 {
                    self.send(PING, 1, 0, &payload).await;
                }
                if kind == expected {
                    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                    return Some((stream, flags, payload));
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap()
    }
}

#[tokio::test]
async fn http2_requests_are_served_and_idle_connection_is_closed() {
    let server = TestServer::start(|limits| {
        limits.header_timeout = ms(200);
        limits.idle_timeout = ms(700);
    });
    let server = server.await;
    let mut client = Http2Client::connect(&server, 65_535).await;
    for stream in [1, 3] {
        client.get(stream, "/").await;
        assert_eq!(client.next(DATA).await.unwrap(), (stream, 1, b"ok".to_vec()));
    }
    let begun = Instant::now();
    // Frames between requests are not request heads, and do not keep the connection open.
    for _ in 0..4 {
        sleep(ms(100)).await;
        client.send(PING, 0, 0, b"are you?").await;
    }
    assert!(client.next(GOAWAY).await.is_some());
    assert_within(begun.elapsed(), ms(650), ms(3_000));
    client.0.closed().await;
    server.wait_for(|counts| &counts.closed_idle, 1).await;
    assert_eq!(server.counts.closed_slow.load(Relaxed), 0);
}

#[tokio::test]
async fn http2_connection_without_a_request_is_closed() {
    let server = TestServer::start(|limits| limits.header_timeout = ms(200)).await;
    let mut client = Http2Client::connect(&server, 65_535).await;
    assert_within(client.0.closed().await, ms(190), ms(1_500));
    assert_eq!(server.counts.closed_slow.load(Relaxed), 1);
}

#[tokio::test]
async fn http2_response_without_a_window_stalls_and_is_closed() {
    let server = TestServer::start(|limits| {
        limits.write_timeout = ms(300);
        limits.idle_timeout = ms(60_000);
    });
    let server = server.await;
    let mut client = Http2Client::connect(&server, 0).await;
    client.get(1, "/big").await;
    assert_eq!(client.next(HEADERS).await.unwrap().0, 1);
    assert_eq!(server.counts.in_flight.load(Relaxed), 1);
    // Other requests on the connection do not reset the timeout.
    let mut stream = 3;
    let begun = Instant::now();
    while server.counts.closed_stalled.load(Relaxed) == 0 {
        assert!(begun.elapsed() < PATIENCE);
        // An error means that the connection was closed, which the loop waits for.
        let _ = client.try_send(HEADERS, 5, stream, &[0x82, 0x86, 0x84]).await;
        stream += 2;
        sleep(ms(30)).await;
    }
    assert_within(begun.elapsed(), ms(250), ms(2_000));
    server.wait_for(|counts| &counts.in_flight, 0).await;
    server.wait_for(|counts| &counts.open, 0).await;
}

#[tokio::test]
async fn http2_stalled_stream_is_closed_later_and_quiet_stream_is_kept() {
    let server = TestServer::start(|limits| {
        limits.write_timeout = ms(100);
        limits.idle_timeout = ms(100);
        limits.stall_timeout = ms(700);
    });
    let server = server.await;
    let mut quiet = Http2Client::connect(&server, 65_535).await;
    quiet.get(1, "/quiet").await;
    assert!(quiet.next(DATA).await.is_some());
    let begun = Instant::now();
    let mut stuck = Http2Client::connect(&server, 1_000).await;
    stuck.get(1, "/flood").await;
    server.wait_for(|counts| &counts.closed_stalled, 1).await;
    assert_within(begun.elapsed(), ms(700), ms(5_000));
    sleep(ms(300)).await;
    assert_eq!(server.counts.open.load(Relaxed), 1, "the quiet stream is still open");
}

#[tokio::test]
async fn http2_slow_body_times_out() {
    let server = TestServer::start(|limits| limits.body_timeout = ms(200)).await;
    let mut client = Http2Client::connect(&server, 65_535).await;
    client.post(1, "/length").await;
    let response = client.next(DATA).await.unwrap().2;
    let response: serde_json::Value = serde_json::from_slice(&response).unwrap();
    assert_eq!(response["code"], "timeout");
    client.get(3, "/").await;
    assert_eq!(
        client.next(DATA).await.unwrap().2,
        b"ok",
        "other requests on the connection continue"
    );
}

/// The stream and the error code of the next response.
async fn rejection(client: &mut Http2Client) -> (u32, String) {
    let (stream, _, response) = client.next(DATA).await.unwrap();
    let response: serde_json::Value = serde_json::from_slice(&response).unwrap();
    (stream, response["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn http2_streams_are_limited_like_connections() {
    let change: [fn(&mut Limits); 2] =
        [|limits| limits.max_connections = 3, |limits| limits.max_connections_per_address = 3];
    for change in change {
        let server = TestServer::start(change).await;
        let mut client = Http2Client::connect(&server, 65_535).await;
        for stream in [1, 3, 5] {
            client.get(stream, "/quiet").await;
            assert_eq!(client.next(DATA).await.unwrap().0, stream);
        }
        client.get(7, "/quiet").await;
        assert_eq!(rejection(&mut client).await, (7, "busy".into()));
        client.get(9, "/").await;
        assert_eq!(
            client.next(DATA).await.unwrap(),
            (9, 1, b"ok".to_vec()),
            "not a stream of events"
        );
        assert_eq!(server.counts.streams.load(Relaxed), 3);
        client.send(RST_STREAM, 0, 3, &8_u32.to_be_bytes()).await;
        server.wait_for(|counts| &counts.streams, 2).await;
        client.get(11, "/quiet").await;
        assert_eq!(client.next(DATA).await.unwrap().0, 11);
    }
}

#[tokio::test]
async fn http2_requests_waiting_for_bodies_are_limited_like_connections() {
    let server = TestServer::start(|limits| {
        limits.max_connections = 3;
        limits.max_requests = 2;
    });
    let server = server.await;
    let mut client = Http2Client::connect(&server, 65_535).await;
    for stream in [1, 3, 5] {
        client.post(stream, "/length").await;
    }
    server.wait_for(|counts| &counts.waiting, 3).await;
    client.post(7, "/length").await;
    assert_eq!(rejection(&mut client).await, (7, "busy".into()));
    client.send(DATA, 1, 3, b"abc").await;
    assert_eq!(client.next(DATA).await.unwrap(), (3, 1, b"3".to_vec()), "the others continue");
    client.get(9, "/").await;
    assert_eq!(client.next(DATA).await.unwrap(), (9, 1, b"ok".to_vec()));
    assert_eq!(server.counts.shed.load(Relaxed), 1);
}

#[tokio::test]
async fn http2_shutdown_finishes_current_requests() {
    let server = TestServer::start(|_| {}).await;
    let mut client = Http2Client::connect(&server, 65_535).await;
    client.get(1, "/wait").await;
    server.wait_for(|counts| &counts.in_flight, 1).await;
    server.shutdown.cancel();
    assert!(client.next(GOAWAY).await.is_some());
    server.replies.add_permits(1);
    assert_eq!(client.next(DATA).await.unwrap().2, b"waited");
    client.0.closed().await;
    assert_eq!(server.stop().await, DrainReport { cut: 0 });
}
