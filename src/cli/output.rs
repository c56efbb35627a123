//! Where results go.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

/// Print a line. Not `println!`: it panics when the reader has left.
pub fn say(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Print something as JSON.
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(say(serde_json::to_string_pretty(value)?)?)
}

/// Whether a path stands for the standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}
