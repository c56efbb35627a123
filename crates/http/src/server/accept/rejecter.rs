//! Rejects connections beyond the limits, at little cost.

use std::future::poll_fn;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::rejections::NO_CONNECTION;
use super::socket::poll_discard;

/// Refused connections that are kept for a moment at once, at most. Those beyond are closed at once.
const AT_ONCE: usize = 256;
/// Not more than one of so many that are taken: each has a descriptor, and those are counted by `max_connections`.
const PART: usize = 8;
const FEW: usize = 16;
/// How long one is kept, so that its client reads the answer: closing a socket with unread bytes
/// resets it, and a request is mostly on its way by then.
const KEPT: Duration = Duration::from_millis(500);

/// Rejects connections.
#[derive(Debug)]
pub(super) struct Rejecter(Arc<Semaphore>);

impl Rejecter {
    pub(super) fn new(max_connections: usize) -> Self {
        Self(Arc::new(Semaphore::new((max_connections / PART).clamp(FEW, AT_ONCE))))
    }

    /// Answer 503 and close. Never waits.
    pub(super) fn reject(&self, stream: TcpStream) {
        if let Ok(room) = Arc::clone(&self.0).try_acquire_owned() {
            tokio::spawn(async {
                let _room = room;
                last_words(stream, NO_CONNECTION).await;
            });
        } else if let Ok(mut stream) = stream.into_std() {
            // Most clients still get to read it.
            let _ = stream.write(NO_CONNECTION);
        }
    }
}

/// Say something, and wait a moment until the client has read it.
pub(super) async fn last_words(mut stream: TcpStream, words: &[u8]) {
    let said = async {
        let written = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, words)).await;
        // The buffer of a new socket takes it whole, or something is wrong with it.
        if written.is_ok_and(|length| length == words.len()) {
            let _ = poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await;
            poll_fn(|cx| poll_discard(&mut stream, cx)).await;
        }
    };
    let _ = timeout(KEPT, said).await;
}
