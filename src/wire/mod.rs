//! How values are written where they cross a border: in a request, a configuration, a command line.

mod duration;

pub use self::duration::{InvalidDuration, format_duration, parse_duration};
