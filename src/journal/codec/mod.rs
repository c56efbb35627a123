//! JSON encoding of changes, entries, and events. Each is one object, in a journal, in a stream of events, and in an
//! export.
//!
//! Functions named `put_...` append to a buffer. Where more members may follow, they omit the closing brace.
//! [`Record`] has the members of a decoded object, and [`Decoder`] converts it into a change or an entry. The file
//! journal appends members of its own, such as a checksum, and decodes them as an [`Extension`] of the record.
//!
//! A value is decoded from the text of a [`RawValue`](serde_json::value::RawValue). `flatten` and internally tagged
//! enums would decode it from an intermediate buffer of serde, which does not support maps with integer keys
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
pub(crate) use self::record::{Extension, Record, SeenMembers, next_text};
pub use self::time::rfc3339;
pub(crate) use self::time::{format_time, parse_time};
pub use self::value::{parse_value, put_value};
