//! Entries and events as lines of JSON, for programs that print and parse them: exports, and the command line.

use std::io::Write as _;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::decode::Decoder;
use super::encode::put_row;
use super::error::Unreadable;
use super::event::{event_name, write_event};
use super::record::Record;
use super::time::format_time;
use super::value::parse_value;
use crate::model::duration::{LONGEST_DURATION, format_duration, parse_duration};
use crate::model::{Entry, Event, Key, Timestamp, Value};

/// Error of encoding or decoding a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidLine(Box<str>);

impl InvalidLine {
    #[doc(hidden)]
    #[allow(clippy::needless_pass_by_value, reason = "for map_err")]
    pub fn new(why: impl ToString) -> Self {
        Self(why.to_string().into())
    }
}

fn line(put: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>) -> Result<String, InvalidLine> {
    let mut out = Vec::new();
    put(&mut out).map_err(InvalidLine::new)?;
    String::from_utf8(out).map_err(InvalidLine::new)
}

/// Encodes an entry as a row of JSON, in one line: `key`, `kind`, `value`, `revision`, `ttl`, `created_at`,
/// `updated_at`.
///
/// # Errors
///
/// If its elements cannot be encoded as JSON.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::{Store, wire};
///
/// let store = Store::<u32>::builder().spawn();
/// store.set("k", vec![1, 2]).await?;
/// let entry = store.get("k").await?.unwrap();
/// let row = wire::row_line("k", &entry)?;
/// assert!(row.starts_with(r#"{"key":"k","kind":"json_slice","value":[1,2],"revision":1,"ttl":null,"#));
/// # Ok(()) }
/// ```
pub fn row_line<T: Serialize>(key: &str, entry: &Entry<T>) -> Result<String, InvalidLine> {
    line(|out| {
        put_row(out, key, entry)?;
        out.push(b'}');
        Ok(())
    })
}

/// Encodes an entry as a line of an export made at `now`: its row, and if it has a deadline, the remaining time to
/// live as `expires_in`. An import sets the same time to live again.
///
/// # Errors
///
/// If its elements cannot be encoded as JSON.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::{Store, wire};
///
/// let store = Store::<u32>::builder().spawn();
/// store.set("k", 1).ttl(Duration::from_secs(90)).await?;
/// let entry = store.get("k").await?.unwrap();
/// let line = wire::export_line("k", &entry, entry.created_at)?;
/// assert!(line.ends_with(r#","expires_in":"1m30s"}"#));
/// # Ok(()) }
/// ```
pub fn export_line<T: Serialize>(
    key: &str,
    entry: &Entry<T>,
    now: Timestamp,
) -> Result<String, InvalidLine> {
    line(|out| put_exported(out, key, entry, now))
}

/// Appends a line of an export made at `now`: the row of an entry and its remaining time to live.
pub(crate) fn put_exported<T: Serialize>(
    out: &mut Vec<u8>,
    key: &str,
    entry: &Entry<T>,
    now: Timestamp,
) -> serde_json::Result<()> {
    put_row(out, key, entry)?;
    let left = entry.expires_at.map(|deadline| deadline.saturating_since(now));
    // A longer duration could not be parsed again, so the line has only the deadline.
    if let Some(left) = left.filter(|left| *left <= LONGEST_DURATION) {
        let _ = write!(out, ",\"expires_in\":\"{}\"", format_duration(left));
    }
    out.push(b'}');
    Ok(())
}

/// Decodes a line of an export into an entry and its remaining time to live. That is `None` if the entry has no
/// deadline, or if the line has only the deadline, as in exports of older versions.
pub(crate) fn read_exported<T: DeserializeOwned>(
    line: &str,
) -> Result<(Key, Entry<T>, Option<Duration>), Unreadable> {
    #[derive(Deserialize)]
    struct TimeLeft {
        #[serde(default)]
        expires_in: Option<String>,
    }
    let record = serde_json::from_str::<Record<'_>>(line)?;
    let (key, entry) = Decoder::default().entry(&record)?;
    let TimeLeft { expires_in } = serde_json::from_str(line)?;
    let left = expires_in.as_deref().map(parse_duration).transpose();
    Ok((key, entry, left.map_err(|error| Unreadable(format!("invalid expires_in: {error}")))?))
}

/// Encodes an event of a subscription as JSON, in one line: the data that a server sends, and the name of the event as
/// `event`.
///
/// # Errors
///
/// If its elements cannot be encoded as JSON.
///
/// # Examples
///
/// ```
/// use mainspring::{Event, wire};
///
/// let event: Event<u32> = Event::SnapshotEnd { revision: 7 };
/// assert_eq!(wire::event_line(&event)?, r#"{"event":"snapshot_end","revision":7}"#);
/// # Ok::<(), wire::InvalidLine>(())
/// ```
pub fn event_line<T: Serialize>(event: &Event<T>) -> Result<String, InvalidLine> {
    let data = line(|out| write_event(out, event))?;
    let rest = data.strip_prefix('{').unwrap_or(&data);
    Ok(format!("{{\"event\":\"{}\",{rest}", event_name(event)))
}

/// Decodes a value from JSON: a list if the text begins with a bracket, otherwise an item.
///
/// # Errors
///
/// If the JSON is `null`, contains a list inside a list, or does not match the element type.
///
/// # Examples
///
/// ```
/// use mainspring::{Value, wire};
///
/// assert_eq!(wire::read_value("7"), Ok(Value::Item(7)));
/// assert_eq!(wire::read_value("[7, 8]"), Ok(Value::List(vec![7, 8])));
/// assert!(wire::read_value::<u32>("null").is_err());
/// ```
pub fn read_value<T: DeserializeOwned>(text: &str) -> Result<Value<T>, InvalidLine> {
    let raw: &RawValue = serde_json::from_str(text).map_err(InvalidLine::new)?;
    parse_value(raw).map_err(InvalidLine::new)
}

/// Formats a timestamp as RFC 3339, in UTC.
///
/// # Examples
///
/// ```
/// use mainspring::{Timestamp, wire};
///
/// let time = Timestamp::from_nanos(1_800_000_000_000_000_001);
/// assert_eq!(wire::time_text(time), "2027-01-15T08:00:00.000000001Z");
/// ```
pub fn time_text(time: Timestamp) -> String {
    format_time(time)
}
