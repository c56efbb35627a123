//! JSON encoding of commands, entries, changes, and errors.

pub use crate::journal::codec::{
    InvalidJson, InvalidLine, Json, event_line, export_line, read_value, row_line, time_text,
};
pub use crate::model::duration::{InvalidDuration, format_duration, parse_duration};
#[cfg(any(feature = "server", feature = "client"))]
pub use crate::protocol::read_write;
