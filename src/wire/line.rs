//! Entries, events and writes as lines of JSON: for programs that print and read them, as the command line does.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{event_name, put_exported, put_row, text_of, value_of, write_event};
use crate::protocol::{Command, Problem};
use crate::{Entry, Event, Timestamp, Value, Write};

/// A line that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidLine(Box<str>);

impl InvalidLine {
    #[allow(clippy::needless_pass_by_value, reason = "for map_err")]
    fn new(why: impl ToString) -> Self {
        Self(why.to_string().into())
    }

    fn of(problem: Problem) -> Self {
        Self(problem.message.into())
    }
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
    let mut out = Vec::new();
    put_row(&mut out, key, entry).map_err(InvalidLine::new)?;
    out.push(b'}');
    String::from_utf8(out).map_err(InvalidLine::new)
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
    let mut out = Vec::new();
    put_exported(&mut out, key, entry, now).map_err(InvalidLine::new)?;
    String::from_utf8(out).map_err(InvalidLine::new)
}

/// What a subscription tells, as JSON in one line: what a server sends as the data of an event, and its name as
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
    let mut data = Vec::new();
    write_event(&mut data, event).map_err(InvalidLine::new)?;
    let data = String::from_utf8(data).map_err(InvalidLine::new)?;
    let rest = data.strip_prefix('{').unwrap_or(&data);
    Ok(format!("{{\"event\":\"{}\",{rest}", event_name(event)))
}

/// A write as it is an element of a batch: an object of `command`, `key`, and what belongs to the command.
///
/// # Errors
///
/// If it is no such object; the error says what is wrong.
///
/// # Examples
///
/// ```
/// use mainspring::{Write, wire};
///
/// let write = wire::read_write(r#"{"command":"push","key":"list","value":7,"if_present":true}"#);
/// assert_eq!(write, Ok(Write::push("list", 7).if_present()));
///
/// let wrong = wire::read_write::<u32>(r#"{"command":"jump","key":"k"}"#).unwrap_err();
/// assert!(wrong.to_string().starts_with(r#""jump" is no command"#));
/// ```
pub fn read_write<T: DeserializeOwned>(line: &str) -> Result<Write<T>, InvalidLine> {
    let command = Command::read(line.as_bytes()).map_err(InvalidLine::of)?;
    let key = command.key().map_err(InvalidLine::of)?;
    let write = command.write(&command.command, key).map_err(InvalidLine::of)?;
    write.validate().map_err(InvalidLine::new)?;
    Ok(write)
}

/// A value as JSON: a list if it begins with a bracket, otherwise an item.
///
/// # Errors
///
/// `null`, a list inside a list, and what `T` does not take.
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
    value_of(raw).map_err(InvalidLine::new)
}

/// A moment as RFC 3339, in UTC.
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
    text_of(time)
}
