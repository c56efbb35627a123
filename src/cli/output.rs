//! Where results go.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

/// Print a line. Not `println!`: it panics when the reader has left, who then is not told, and what was found
/// out stays the same.
pub fn say(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}

/// Print a line beside the result, if anybody reads it.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Print something as JSON.
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(say(serde_json::to_string_pretty(value)?)?)
}

/// Whether a path stands for the standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// A path as a shell takes it.
pub fn argument(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/.-_+:,@%".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path.into_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}
