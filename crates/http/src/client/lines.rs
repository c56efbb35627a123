//! Splits a stream of events into lines, with a limit for the size of an event.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{EventStream, EventStreamError};
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use tokio::time::timeout;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why a stream has ended.
#[derive(Debug)]
pub(super) enum StreamError {
    /// The connection is lost.
    Lost(reqwest::Error),
    /// No data arrived for this time.
    Silent(Duration),
    /// An event is longer than the limit of the client.
    TooLong {
        /// The key of the event; of a batch, its first key.
        key: Option<String>,
        /// The length of the event, if its end arrived in time.
        bytes: Option<usize>,
        limit: usize,
    },
}

pub(super) type Events =
    EventStream<Pin<Box<dyn Stream<Item = Result<Bytes, StreamError>> + Send>>>;
pub(super) type EventError = EventStreamError<StreamError>;

/// The events of a response, read on demand.
///
/// The parser gets them line by line. It scans its buffer from the beginning whenever data arrives, and moves the rest
/// after each line, so larger pieces would take quadratic time; its buffer has no limit; and it does not handle a byte
/// order mark.
pub(super) fn events(response: Response, silence: Duration, max_event_bytes: usize) -> Events {
    let chunks = stream::unfold(response, |mut response| async move {
        response.chunk().await.transpose().map(|chunk| (chunk, response))
    });
    EventStream::new(lines(Box::pin(chunks), silence, max_event_bytes).boxed())
}

struct LineReader<S> {
    chunks: S,
    silence: Duration,
    max_event_bytes: usize,
    /// Received bytes that are not split into lines yet.
    chunk: Bytes,
    /// The beginning of a line whose end has not arrived.
    partial: Vec<u8>,
    /// The bytes of the current event so far.
    event_bytes: usize,
    is_first: bool,
}

fn lines<S>(
    chunks: S,
    silence: Duration,
    max_event_bytes: usize,
) -> impl Stream<Item = Result<Bytes, StreamError>>
where
    S: Stream<Item = reqwest::Result<Bytes>> + Unpin,
{
    let lines = LineReader {
        chunks,
        silence,
        max_event_bytes,
        chunk: Bytes::new(),
        partial: Vec::new(),
        event_bytes: 0,
        is_first: true,
    };
    // The stream ends after an error.
    stream::unfold(Some(lines), |lines| async move {
        let mut lines = lines?;
        let line = lines.next().await?;
        let rest = line.is_ok().then_some(lines);
        Some((line, rest))
    })
}

impl<S: Stream<Item = reqwest::Result<Bytes>> + Unpin> LineReader<S> {
    async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        loop {
            if let Some(end) = self.chunk.iter().position(|&byte| byte == b'\n') {
                let rest = self.chunk.split_to(end + 1);
                let line = self.line(rest);
                if self.event_bytes > self.max_event_bytes {
                    return Some(Err(self.too_long(&line).await));
                }
                if matches!(&*line, b"\n" | b"\r\n") {
                    self.event_bytes = 0;
                }
                return Some(Ok(line));
            }
            self.event_bytes += self.chunk.len();
            if self.event_bytes > self.max_event_bytes {
                self.partial.extend_from_slice(&self.chunk);
                self.chunk.clear();
                let partial = std::mem::take(&mut self.partial);
                return Some(Err(self.too_long(&partial).await));
            }
            self.partial.extend_from_slice(&self.chunk);
            self.chunk.clear();
            // An incomplete line at the end of the stream is discarded.
            match timeout(self.silence, self.chunks.next()).await {
                Ok(chunk) => match chunk? {
                    Ok(chunk) => self.chunk = chunk,
                    Err(error) => return Some(Err(StreamError::Lost(error))),
                },
                Err(_) => return Some(Err(StreamError::Silent(self.silence))),
            }
        }
    }

    fn line(&mut self, rest: Bytes) -> Bytes {
        self.event_bytes += rest.len();
        let mut line = rest;
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&line);
            line = std::mem::take(&mut self.partial).into();
        }
        if std::mem::take(&mut self.is_first) && line.starts_with(BYTE_ORDER_MARK) {
            line = line.slice(BYTE_ORDER_MARK.len()..);
        }
        line
    }

    /// The error for an event that exceeds the limit with this line or part of a line.
    async fn too_long(&mut self, line: &[u8]) -> StreamError {
        let is_at_start = line.ends_with(b"\n");
        let bytes = timeout(self.silence, self.rest_of_event(is_at_start)).await.ok().flatten();
        let bytes = bytes.map(|rest| self.event_bytes + rest);
        StreamError::TooLong { key: key_of(line), bytes, limit: self.max_event_bytes }
    }

    /// Counts the remaining bytes of an event, and discards them.
    async fn rest_of_event(&mut self, mut is_at_start: bool) -> Option<usize> {
        let mut bytes = 0;
        loop {
            for &byte in &self.chunk {
                bytes += 1;
                match byte {
                    b'\n' if is_at_start => return Some(bytes),
                    b'\n' => is_at_start = true,
                    b'\r' => {}
                    _ => is_at_start = false,
                }
            }
            self.chunk = self.chunks.next().await?.ok()?;
        }
    }
}

/// Finds the key of an entry or a change, or the first key of a batch, near the beginning of its JSON. No text of users
/// precedes it.
fn key_of(line: &[u8]) -> Option<String> {
    const MEMBER: &[u8] = b"\"key\":";
    let at = line.windows(MEMBER.len()).take(256).position(|part| part == MEMBER)?;
    let text = &line[at + MEMBER.len()..];
    serde_json::Deserializer::from_slice(text).into_iter::<String>().next()?.ok()
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(error) => write!(f, "the connection is lost: {error}"),
            Self::Silent(silence) => write!(f, "no data for {silence:?}"),
            Self::TooLong { key, bytes, limit } => {
                match key {
                    Some(key) => write!(f, "an event of the key {key:?}")?,
                    None => f.write_str("an event")?,
                }
                write!(f, " is longer than the limit of {limit} bytes")?;
                if let Some(bytes) = bytes {
                    write!(f, " (it has {bytes})")?;
                }
                f.write_str("; raise max_event_bytes of the client")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a text that arrives in pieces of this size.
    async fn read(
        text: &'static [u8],
        piece: usize,
        limit: usize,
    ) -> Vec<Result<(String, String), String>> {
        let pieces = text.chunks(piece).map(|piece| Ok(Bytes::from_static(piece)));
        let lines = lines(stream::iter(pieces), Duration::from_secs(1), limit);
        EventStream::new(lines.boxed())
            .map(|event| {
                event.map(|event| (event.id, event.data)).map_err(|error| error.to_string())
            })
            .collect()
            .await
    }

    #[tokio::test]
    async fn events_do_not_depend_on_the_size_of_chunks() {
        let text = "\u{feff}: hello\n\nid: 1\ndata: é\u{1F600}\n\n:\n\ndata:a\r\ndata: b\r\n\r\n\
            id: 2\n\ndata: c\n\ndata: cut"
            .as_bytes();
        for piece in 1..text.len() {
            let events: Vec<_> =
                read(text, piece, 100).await.into_iter().map(Result::unwrap).collect();
            let events: Vec<_> = events.iter().map(|(id, data)| (&**id, &**data)).collect();
            // An event without an id has the id of the previous one: WHATWG, 9.2.6.
            assert_eq!(
                events,
                [("1", "é\u{1F600}"), ("1", "a\nb"), ("2", "c")],
                "pieces of {piece}"
            );
        }
    }

    #[tokio::test]
    async fn event_longer_than_the_limit_is_an_error() {
        for text in
            [&b"data: 0123456789\n\n"[..], b"data: 01\ndata: 23\n\n", b"data: 01234567890123"]
        {
            for piece in [1, 5, 100] {
                let events = read(text, piece, 12).await;
                let error = events[0].as_ref().unwrap_err();
                assert!(error.contains("longer than the limit of 12"), "{events:?}");
            }
        }
        let many = read(b"data: 1\n\ndata: 2\n\n: 34567\n\ndata: 4\n\n", 100, 12).await;
        assert_eq!(many.len(), 3, "the limit applies to each event: {many:?}");
    }

    #[tokio::test]
    async fn invalid_utf8_is_an_error() {
        let events = read(b"data: \xff\xfe\n\n", 100, 100).await;
        assert!(events[0].is_err(), "{events:?}");
    }
}
