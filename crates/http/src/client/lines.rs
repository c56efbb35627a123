//! The lines of a stream of events: one by one, whole, and not too many of them for one event.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{EventStream, EventStreamError};
use futures_util::{Stream, StreamExt, stream};
use reqwest::Response;
use tokio::time::timeout;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Why no more lines come.
#[derive(Debug)]
pub(super) enum Cut {
    /// The connection is gone.
    Lost(reqwest::Error),
    /// Nothing came for so long.
    Silent(Duration),
    /// An event is longer than this client takes.
    TooLong {
        /// The key that it is of, or the first of a batch.
        key: Option<String>,
        /// How long it is, unless it did not end in time.
        bytes: Option<usize>,
        limit: usize,
    },
}

pub(super) type Events = EventStream<Pin<Box<dyn Stream<Item = Result<Bytes, Cut>> + Send>>>;
pub(super) type EventError = EventStreamError<Cut>;

/// The events of an answer, read as they are asked for.
///
/// The parser gets them line by line: it looks at what it has from the beginning whenever more comes, and moves the
/// rest up after each line, so that larger pieces would cost it the square of their size; its memory has no limit; and
/// it cannot do with a byte order mark.
pub(super) fn events(answer: Response, silence: Duration, max_event_bytes: usize) -> Events {
    let chunks = stream::unfold(answer, |mut answer| async move {
        answer.chunk().await.transpose().map(|chunk| (chunk, answer))
    });
    EventStream::new(lines(Box::pin(chunks), silence, max_event_bytes).boxed())
}

struct Lines<S> {
    chunks: S,
    silence: Duration,
    max_event_bytes: usize,
    /// What came and was not looked at.
    chunk: Bytes,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    /// The bytes of the event so far.
    event_bytes: usize,
    is_first: bool,
}

fn lines<S>(
    chunks: S,
    silence: Duration,
    max_event_bytes: usize,
) -> impl Stream<Item = Result<Bytes, Cut>>
where
    S: Stream<Item = reqwest::Result<Bytes>> + Unpin,
{
    let lines = Lines {
        chunks,
        silence,
        max_event_bytes,
        chunk: Bytes::new(),
        begun: Vec::new(),
        event_bytes: 0,
        is_first: true,
    };
    // A fault is the last that is told.
    stream::unfold(Some(lines), |lines| async move {
        let mut lines = lines?;
        let line = lines.next().await?;
        let rest = line.is_ok().then_some(lines);
        Some((line, rest))
    })
}

impl<S: Stream<Item = reqwest::Result<Bytes>> + Unpin> Lines<S> {
    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
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
                self.begun.extend_from_slice(&self.chunk);
                self.chunk.clear();
                let begun = std::mem::take(&mut self.begun);
                return Some(Err(self.too_long(&begun).await));
            }
            self.begun.extend_from_slice(&self.chunk);
            self.chunk.clear();
            // A line that is not whole at the end of the stream is no line.
            match timeout(self.silence, self.chunks.next()).await {
                Ok(chunk) => match chunk? {
                    Ok(chunk) => self.chunk = chunk,
                    Err(error) => return Some(Err(Cut::Lost(error))),
                },
                Err(_) => return Some(Err(Cut::Silent(self.silence))),
            }
        }
    }

    fn line(&mut self, rest: Bytes) -> Bytes {
        self.event_bytes += rest.len();
        let mut line = rest;
        if !self.begun.is_empty() {
            self.begun.extend_from_slice(&line);
            line = std::mem::take(&mut self.begun).into();
        }
        if std::mem::take(&mut self.is_first) && line.starts_with(BYTE_ORDER_MARK) {
            line = line.slice(BYTE_ORDER_MARK.len()..);
        }
        line
    }

    /// What is wrong with an event of which this line, or a part of it, is more than this client takes.
    async fn too_long(&mut self, line: &[u8]) -> Cut {
        let is_at_start = line.ends_with(b"\n");
        let bytes = timeout(self.silence, self.rest_of_event(is_at_start)).await.ok().flatten();
        let bytes = bytes.map(|rest| self.event_bytes + rest);
        Cut::TooLong { key: key_of(line), bytes, limit: self.max_event_bytes }
    }

    /// How many bytes are left of an event. Keeps none of them.
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

/// The key of an entry or a change, or the first of a batch, by the beginning of its JSON: nothing that others have
/// written stands before it.
fn key_of(line: &[u8]) -> Option<String> {
    const MEMBER: &[u8] = b"\"key\":";
    let at = line.windows(MEMBER.len()).take(256).position(|part| part == MEMBER)?;
    let text = &line[at + MEMBER.len()..];
    serde_json::Deserializer::from_slice(text).into_iter::<String>().next()?.ok()
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(error) => write!(f, "the connection is lost: {error}"),
            Self::Silent(silence) => write!(f, "nothing came for {silence:?}"),
            Self::TooLong { key, bytes, limit } => {
                match key {
                    Some(key) => write!(f, "an event of the key {key:?}")?,
                    None => f.write_str("an event")?,
                }
                write!(f, " is longer than {limit} bytes, the most that this client takes")?;
                if let Some(bytes) = bytes {
                    write!(f, " (it has {bytes})")?;
                }
                f.write_str(": raise its max_event_bytes")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a text that comes in pieces of so many bytes.
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
    async fn pieces_of_any_size_make_the_same_events() {
        let text = "\u{feff}: hello\n\nid: 1\ndata: é\u{1F600}\n\n:\n\ndata:a\r\ndata: b\r\n\r\n\
            id: 2\n\ndata: c\n\ndata: cut"
            .as_bytes();
        for piece in 1..text.len() {
            let told: Vec<_> =
                read(text, piece, 100).await.into_iter().map(Result::unwrap).collect();
            let told: Vec<_> = told.iter().map(|(id, data)| (&**id, &**data)).collect();
            // An event without an id has that of the one before: WHATWG, 9.2.6.
            assert_eq!(told, [("1", "é\u{1F600}"), ("1", "a\nb"), ("2", "c")], "pieces of {piece}");
        }
    }

    #[tokio::test]
    async fn an_event_has_a_limit() {
        for text in
            [&b"data: 0123456789\n\n"[..], b"data: 01\ndata: 23\n\n", b"data: 01234567890123"]
        {
            for piece in [1, 5, 100] {
                let told = read(text, piece, 12).await;
                assert!(told[0].as_ref().unwrap_err().contains("longer than 12"), "{told:?}");
            }
        }
        let many = read(b"data: 1\n\ndata: 2\n\n: 34567\n\ndata: 4\n\n", 100, 12).await;
        assert_eq!(many.len(), 3, "each by itself: {many:?}");
    }

    #[tokio::test]
    async fn what_is_no_text_is_an_error() {
        let told = read(b"data: \xff\xfe\n\n", 100, 100).await;
        assert!(told[0].is_err(), "{told:?}");
    }
}
