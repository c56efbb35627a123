//! A server that says what a test wants it to say.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring_http::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// What is done to one request.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// These bytes, and the connection is closed.
    Bytes(Vec<u8>),
    /// These pieces, with a pause after each, and the connection is closed.
    Pieces(Vec<Vec<u8>>),
    /// Nothing, and the connection is closed.
    Nothing,
    /// Nothing, and the connection stays.
    Hang,
    /// These bytes, and the connection stays.
    Stay(Vec<u8>),
}

/// A server that answers each request with the next of what it was given, and the last again and again.
pub(crate) struct Liar {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Liar {
    pub(crate) async fn new(says: impl IntoIterator<Item = Say>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::default();
        let says: Vec<Say> = says.into_iter().collect();
        let task = tokio::spawn(answer_all(listener, says, Arc::clone(&requests)));
        Self { url, requests, task: task.abort_handle() }
    }

    /// One try, unless a test is about tries; and nobody waits for long.
    pub(crate) fn client(&self) -> Client<String> {
        self.client_with(1)
    }

    pub(crate) fn client_with(&self, tries: usize) -> Client<String> {
        self.client_within(Duration::from_millis(500), tries)
    }

    /// A client that waits this long for an answer, and for the next bytes of a stream.
    pub(crate) fn client_within(&self, limit: Duration, tries: usize) -> Client<String> {
        Client::builder(&self.url).tries(tries).timeout(limit).silence(limit).connect().unwrap()
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_all(listener: TcpListener, says: Vec<Say>, requests: Arc<Mutex<Vec<String>>>) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let request = request(&mut socket).await;
        let say = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            says[(requests.len() - 1).min(says.len() - 1)].clone()
        };
        tokio::spawn(async move {
            match say {
                Say::Nothing => {}
                Say::Hang => sleep(Duration::from_secs(60)).await,
                // A client that has left is no matter.
                Say::Bytes(bytes) => drop(socket.write_all(&bytes).await),
                Say::Stay(bytes) => {
                    let _ = socket.write_all(&bytes).await;
                    sleep(Duration::from_secs(60)).await;
                }
                Say::Pieces(pieces) => {
                    for piece in pieces {
                        let _ = socket.write_all(&piece).await;
                        sleep(Duration::from_millis(2)).await;
                    }
                }
            }
        });
    }
}

/// The head of a request, and as much of its body as its length says.
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

/// A whole answer.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

pub(crate) fn json(status: &str, body: &str) -> Vec<u8> {
    answer(status, "application/json", body)
}

pub(crate) fn problem(status: &str, code: &str) -> Vec<u8> {
    json(status, &format!(r#"{{"code":"{code}","message":"because"}}"#))
}

/// The beginning of a stream of events, which ends with the connection.
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

/// A change, as it is told.
pub(crate) fn change(revision: u64, value: &str) -> String {
    format!(
        "id: {STORE}-{revision}\nevent: change\ndata: {{\"revision\":{revision},\"time\":\"{TIME}\",\"key\":\"k\",\
         \"change\":\"set\",\"value\":\"{value}\",\"kind\":\"string\",\"ttl\":null}}\n\n"
    )
}
