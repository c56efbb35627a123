//! Where results go.

use std::fmt::Display;
use std::fs::{File, remove_file, rename};
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

/// Under its name there is never half a file, and it is there after a power cut.
pub fn write_whole<R>(
    path: &Path,
    write: impl FnOnce(&File) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    let cannot = || format!("cannot write {}", path.display());
    write_part(path, write).map_err(|error| match error.downcast::<io::Error>() {
        Ok(error) => anyhow::Error::new(error).context(cannot()),
        Err(error) => error,
    })
}

fn write_part<R>(path: &Path, write: impl FnOnce(&File) -> anyhow::Result<R>) -> anyhow::Result<R> {
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    let file = File::create(&part)?;
    let written = write(&file).and_then(|done| {
        file.sync_all()?;
        rename(&part, path)?;
        Ok(done)
    });
    let done = written.inspect_err(|_| drop(remove_file(&part)))?;
    // Elsewhere a folder cannot be opened.
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(done)
}
