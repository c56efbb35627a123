//! JSON encoding of changes, entries, and events: one object each, in a journal, in a stream of events, and in an
//! export.
//!
//! The functions that begin with `put` write, without the closing brace where members may follow. [`Record`] has the
//! members that are read, and [`Decoder`] turns it into a change or an entry. The file journal writes more members after
//! them, such as a checksum, and reads these as an [`Extension`] of the record.
//!
//! A value is read from the text of a [`RawValue`](serde_json::value::RawValue). `flatten` and internally tagged enums
//! would read it from a buffer of serde, and a map with integer keys cannot be read from one
//! (<https://github.com/serde-rs/serde/issues/1183>).

mod decode;
mod encode;
mod error;
mod event;
mod json;
mod lines;
mod record;
#[cfg(test)]
mod tests;
mod time;
mod value;

pub use self::decode::Row;
pub(crate) use self::decode::{Decoder, parse_key};
pub(crate) use self::encode::{put_checked, put_checked_entry};
pub use self::encode::{put_row, put_text};
pub(crate) use self::error::Unreadable;
pub use self::event::{event_name, read_event, write_event};
pub use self::json::{InvalidJson, Json};
pub use self::lines::{InvalidLine, event_line, export_line, read_value, row_line, time_text};
pub(crate) use self::lines::{put_exported, read_exported};
pub(crate) use self::record::{Extension, Record, Seen, next_text};
pub use self::time::rfc3339;
pub(crate) use self::time::{format_time, parse_time};
pub use self::value::{parse_value, put_value};
