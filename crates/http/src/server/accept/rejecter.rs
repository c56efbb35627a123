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

/// The maximum number of rejected connections that are kept open for a moment. Further ones are closed at once.
const AT_ONCE: usize = 256;
/// The inverse of the fraction of `max_connections` that may be kept: each occupies a descriptor beyond that limit.
const FRACTION: usize = 8;
/// The minimum of that number.
const FEW: usize = 16;
/// The time for which a rejected connection is kept, so that its client can read the response: closing a socket with
/// unread bytes resets it, and usually a request has already arrived.
const KEPT: Duration = Duration::from_millis(500);

/// Rejects connections.
#[derive(Debug)]
pub(super) struct Rejecter(Arc<Semaphore>);

impl Rejecter {
    pub(super) fn new(max_connections: usize) -> Self {
        Self(Arc::new(Semaphore::new((max_connections / FRACTION).clamp(FEW, AT_ONCE))))
    }

    /// Responds 503 and closes the connection. Does not wait.
    pub(super) fn reject(&self, stream: TcpStream) {
        if let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() {
            tokio::spawn(async {
                let _permit = permit;
                send_and_close(stream, NO_CONNECTION).await;
            });
        } else if let Ok(mut stream) = stream.into_std() {
            // Most clients can still read it.
            let _ = stream.write(NO_CONNECTION);
        }
    }
}

/// Sends a response, and waits a moment until the client has read it.
pub(super) async fn send_and_close(mut stream: TcpStream, response: &[u8]) {
    let sending = async {
        let written = poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, response)).await;
        // The empty buffer of a new socket accepts the complete response, unless the connection is broken.
        if written.is_ok_and(|length| length == response.len()) {
            let _ = poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await;
            poll_fn(|cx| poll_discard(&mut stream, cx)).await;
        }
    };
    let _ = timeout(KEPT, sending).await;
}
