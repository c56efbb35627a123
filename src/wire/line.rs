//! Writes as lines of JSON.

use serde::de::DeserializeOwned;

use super::{Command, InvalidLine, Problem};
use crate::Write;

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
    let command = Command::read(line.as_bytes()).map_err(invalid)?;
    let key = command.key().map_err(invalid)?;
    let write = command.write(&command.command, key).map_err(invalid)?;
    write.validate().map_err(InvalidLine::new)?;
    Ok(write)
}

fn invalid(problem: Problem) -> InvalidLine {
    InvalidLine::new(problem.message)
}
