//! JSON encoding of commands, entries, changes, and errors.

#[cfg(any(feature = "server", feature = "client"))]
pub(crate) mod accounts;
#[cfg(any(feature = "server", feature = "client"))]
mod command;
#[cfg(any(feature = "server", feature = "client"))]
mod compacted;
#[cfg(any(feature = "server", feature = "client"))]
mod line;
#[cfg(any(feature = "server", feature = "client"))]
mod problem;
#[cfg(any(feature = "server", feature = "client"))]
mod stats;

#[cfg(any(feature = "server", feature = "client"))]
pub use self::line::read_write;
pub use crate::journal::codec::{
    InvalidJson, InvalidLine, Json, event_line, export_line, read_value, row_line, time_text,
};
pub use crate::model::duration::{InvalidDuration, format_duration, parse_duration};

#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::command::Command;
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::compacted::CompactedFigures;
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::problem::Problem;
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::stats::Figures;
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use crate::journal::codec::{
    Record as ReadRow, event_name, parse_time as time_of, parse_value as value_of, put_row,
    put_text, put_time, put_value, read_event, rfc3339, write_event,
};

/// Formats into bytes.
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) struct Text<'a>(pub(crate) &'a mut Vec<u8>);

#[cfg(any(feature = "server", feature = "client"))]
impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
