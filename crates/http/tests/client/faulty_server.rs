//! A server that responds to requests as a test specifies.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_http::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// What the server does after a request.
#[derive(Debug, Clone)]
pub(crate) enum Behavior {
    /// Sends these bytes, and closes the connection.
    Send(Vec<u8>),
    /// Sends these pieces, with a pause after each, and closes the connection.
    SendInPieces(Vec<Vec<u8>>),
    /// Closes the connection.
    Close,
    /// Sends nothing, and keeps the connection open.
    Hang,
    /// Sends these bytes, and keeps the connection open.
    SendAndHang(Vec<u8>),
}

/// A server with one behavior per request. The last one is repeated.
pub(crate) struct FaultyServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl FaultyServer {
    pub(crate) async fn new(behaviors: impl IntoIterator<Item = Behavior>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::default();
        let behaviors: Vec<Behavior> = behaviors.into_iter().collect();
        let task = tokio::spawn(serve(listener, behaviors, Arc::clone(&requests)));
        Self { url, requests, task: task.abort_handle() }
    }

    /// A client with one try and a short timeout.
    pub(crate) fn client(&self) -> Client<String> {
        self.client_with(1)
    }

    pub(crate) fn client_with(&self, tries: usize) -> Client<String> {
        self.client_within(Duration::from_millis(500), tries)
    }

    /// A client with this timeout for a response, and for the next bytes of a stream.
    pub(crate) fn client_within(&self, limit: Duration, tries: usize) -> Client<String> {
        Client::builder(&self.url).tries(tries).timeout(limit).silence(limit).connect().unwrap()
    }

    /// The requests received so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, behaviors: Vec<Behavior>, requests: Arc<Mutex<Vec<String>>>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let request = request(&mut socket).await;
        let behavior = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            behaviors[(requests.len() - 1).min(behaviors.len() - 1)].clone()
        };
        tokio::spawn(async move {
            match behavior {
                Behavior::Close => {}
                Behavior::Hang => sleep(Duration::from_secs(60)).await,
                // The client may have disconnected.
                Behavior::Send(bytes) => drop(socket.write_all(&bytes).await),
                Behavior::SendAndHang(bytes) => {
                    let _ = socket.write_all(&bytes).await;
                    sleep(Duration::from_secs(60)).await;
                }
                Behavior::SendInPieces(pieces) => {
                    for piece in pieces {
                        let _ = socket.write_all(&piece).await;
                        sleep(Duration::from_millis(2)).await;
                    }
                }
            }
        });
    }
}

/// Reads the head of a request, and its body by its content-length.
async fn request(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut some = [0; 4096];
        match socket.read(&mut some).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&some[..n]),
            _ => break,
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            break;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A complete response.
pub(crate) fn response(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

pub(crate) fn json(status: &str, body: &str) -> Vec<u8> {
    response(status, "application/json", body)
}

pub(crate) fn problem(status: &str, code: &str) -> Vec<u8> {
    json(status, &format!(r#"{{"code":"{code}","message":"because"}}"#))
}

/// The beginning of a stream of events. The stream ends with the connection.
pub(crate) fn stream(resume: Option<u64>, events: &str) -> Vec<u8> {
    let resume = resume
        .map_or(String::new(), |revision| format!("mainspring-resume: {STORE}-{revision}\r\n"));
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nmainspring-store: {STORE}\r\n{resume}\r\n{events}"
    )
    .into_bytes()
}

pub(crate) const STORE: &str = "0123456789abcdef";
pub(crate) const TIME: &str = "2026-01-01T00:00:00Z";

/// A change as a server-sent event.
pub(crate) fn change(revision: u64, value: &str) -> String {
    format!(
        "id: {STORE}-{revision}\nevent: change\ndata: {{\"revision\":{revision},\"time\":\"{TIME}\",\"key\":\"k\",\
         \"change\":\"set\",\"value\":\"{value}\",\"kind\":\"string\",\"ttl\":null}}\n\n"
    )
}
