//! Connections with or without TLS, and the TLS handshake.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::Server;
use super::rejecter::send_and_close;
use super::rejections::NOT_ENCRYPTED;
use super::socket::Socket;
use super::timeouts::Timeouts;
use crate::server::Tls;

/// A connection without or with TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Encrypted(Box<TlsStream<Socket>>),
}

impl Stream {
    /// Returns the connection, after the handshake if TLS is enabled; `None` if the handshake failed.
    pub(super) async fn open(
        server: &Server,
        stream: TcpStream,
        timeouts: &Arc<Timeouts>,
        shutdown: &CancellationToken,
    ) -> Option<Self> {
        let Some(tls) = &server.tls else {
            return Some(Self::Plain(Socket::new(stream, Arc::clone(timeouts))));
        };
        // The handshake is within the time limit of the first request head.
        let handshake = timeout(server.limits.header_timeout, handshake(tls, stream, timeouts));
        match shutdown.run_until_cancelled(handshake).await? {
            Ok(Ok(stream)) => Some(Self::Encrypted(Box::new(stream))),
            // A client that disconnects, such as a port check, is not counted as closed by the server.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                server.counts.closed_handshake.fetch_add(1, Relaxed);
                None
            }
            Err(_) => {
                server.counts.closed_slow.fetch_add(1, Relaxed);
                None
            }
        }
    }
}

async fn handshake(
    tls: &Tls,
    stream: TcpStream,
    timeouts: &Arc<Timeouts>,
) -> io::Result<TlsStream<Socket>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    // A TLS record begins with 22, and an HTTP method with a letter.
    if first[0].is_ascii_uppercase() {
        send_and_close(stream, NOT_ENCRYPTED).await;
        return Err(io::Error::other("the client does not use TLS"));
    }
    tls.acceptor().accept(Socket::new(stream, Arc::clone(timeouts))).await
}

/// Evaluates an expression with the pinned inner stream.
macro_rules! with {
    ($self:ident, $stream:ident => $do:expr) => {
        match $self.get_mut() {
            Self::Plain($stream) => {
                let $stream = Pin::new($stream);
                $do
            }
            Self::Encrypted($stream) => {
                let $stream = Pin::new($stream.as_mut());
                $do
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        with!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with!(self, stream => stream.poll_shutdown(cx))
    }
}
