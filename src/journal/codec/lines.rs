//! Entries and events as lines of JSON, for programs that print and read them: exports, and the command line.

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

/// A line that cannot be written, or cannot be read.
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

/// An entry as a row of JSON, in one line: `key`, `kind`, `value`, `revision`, `ttl`, `created_at`, `updated_at`.
///
/// # Errors
///
/// If its elements cannot be written as JSON.
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

/// An entry as a line of an export that is made at `now`: its row, and if it has a deadline, how long it has left as
/// `expires_in`. An import gives it as long again.
///
/// # Errors
///
/// If its elements cannot be written as JSON.
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

/// Write a line of an export that is made at `now`: the row of an entry, and how long the entry has left, so that an
/// import can give it as long again.
pub(crate) fn put_exported<T: Serialize>(
    out: &mut Vec<u8>,
    key: &str,
    entry: &Entry<T>,
    now: Timestamp,
) -> serde_json::Result<()> {
    put_row(out, key, entry)?;
    let left = entry.expires_at.map(|deadline| deadline.saturating_since(now));
    // A longer one could not be read again. Then the deadline itself has to do.
    if let Some(left) = left.filter(|left| *left <= LONGEST_DURATION) {
        let _ = write!(out, ",\"expires_in\":\"{}\"", format_duration(left));
    }
    out.push(b'}');
    Ok(())
}

/// Read a line of an export: an entry, and how long it had left. That is `None` if it had no deadline, or if the line
/// gives only the deadline, as exports of older versions do.
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
    Ok((key, entry, left.map_err(|error| Unreadable(format!("its expires_in: {error}")))?))
}

/// An event of a subscription as JSON, in one line: the data that a server sends, and the name of the event as
/// `event`.
///
/// # Errors
///
/// If its elements cannot be written as JSON.
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

/// A value as JSON: a list if it begins with a bracket, otherwise an item.
///
/// # Errors
///
/// If it is `null`, a list inside a list, or not of the element type.
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

/// A timestamp as RFC 3339, in UTC.
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
