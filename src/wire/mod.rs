//! How commands, entries, changes and errors are written where they cross a border: in a request, an answer, a
//! stream, a configuration, a command line.

mod change;
#[cfg(any(feature = "server", feature = "client"))]
mod event;
#[cfg(any(feature = "server", feature = "client"))]
mod json;
#[cfg(any(feature = "server", feature = "client"))]
mod line;
mod row;
mod time;

pub(crate) use self::change::put_change;
#[cfg(any(feature = "server", feature = "client"))]
pub use self::json::{InvalidJson, Json};
#[cfg(any(feature = "server", feature = "client"))]
pub use self::line::{
    InvalidLine, event_line, export_line, read_value, read_write, row_line, time_text,
};
pub(crate) use crate::model::duration::LONGEST_DURATION;
pub use crate::model::duration::{InvalidDuration, format_duration, parse_duration};

#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::event::{event_name, read_event, write_event};
pub(crate) use self::row::{ReadRow, put_exported, put_row, put_value, value_of};
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::time::rfc3339;
pub(crate) use self::time::{InvalidTime, put_time, text_of, time_of};

/// A text on its way into JSON, with its quotes.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    // Writing text to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// Formats into bytes.
pub(crate) struct Text<'a>(pub(crate) &'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
