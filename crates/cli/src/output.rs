//! Standard output, standard error, and files that are written atomically.

use std::borrow::Cow;
use std::fmt::Display;
use std::fs::{File, remove_file, rename};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Print a line to the standard output, and ignore a closed pipe. `println!` would panic, and the exit code of a check
/// must not depend on its reader.
pub fn print_line(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Print a line to the standard error, and ignore failures. Control characters are escaped, because the line may
/// contain text from a server.
pub fn print_status(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", escaped(&line.to_string(), true));
}

/// Print a value as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(print_line(serde_json::to_string_pretty(value)?)?)
}

/// Whether a terminal would interpret the character: control characters, and those that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escape what a terminal would interpret. Line breaks and tabs are kept only if `keeps_lines`.
pub fn escaped(text: &str, keeps_lines: bool) -> Cow<'_, str> {
    let is_kept = |c: char| !is_unsafe(c) || keeps_lines && matches!(c, '\n' | '\t');
    if text.chars().all(is_kept) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_kept(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out.into()
}

/// Escape JSON for a terminal without changing its meaning. JSON itself escapes control characters below 0x7f.
pub fn escaped_json(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| c < '\x7f' || !is_unsafe(c);
    if text.chars().all(is_kept) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_kept(c) { out.push(c) } else { out += &format!("\\u{:04x}", u32::from(c)) }
    }
    out.into()
}

/// Whether the standard error is a terminal and NO_COLOR is not set.
pub fn stderr_has_color() -> bool {
    let is_disabled = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_disabled
}

/// Whether a path is `-`, the standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// Quote a path for a shell.
pub fn argument(path: &Path) -> String {
    let path = path.to_string_lossy();
    // Only a null byte cannot be quoted, and no file name contains one.
    shlex::try_quote(&path).unwrap_or(Cow::Borrowed(&path)).into_owned()
}

/// Write a file that only this user can read. It gets its name when it is complete and synced, so a crash leaves no
/// partial file.
pub fn write_atomic<R>(
    path: &Path,
    write: impl FnOnce(&File) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    write_part(path, write).map_err(|error| cannot_write(path, error))
}

/// Add the path to an error of the system.
pub fn cannot_write(path: &Path, error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<io::Error>() {
        Ok(error) => anyhow::Error::new(error).context(format!("cannot write {}", path.display())),
        Err(error) => error,
    }
}

fn write_part<R>(path: &Path, write: impl FnOnce(&File) -> anyhow::Result<R>) -> anyhow::Result<R> {
    if is_special(path) {
        return write(&File::options().write(true).truncate(true).open(path)?);
    }
    let file = AtomicFile::create(path)?;
    let done = write(file.file())?;
    file.finish()?;
    Ok(done)
}

/// Whether a path is a device such as `/dev/null`, a pipe or a link, which must not be replaced by a file.
fn is_special(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| !found.is_file())
}

/// A file that only this user can read. It has a temporary name until it is complete; dropping it earlier removes it.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    path: PathBuf,
    part: PathBuf,
    is_finished: bool,
}

impl AtomicFile {
    pub fn create(path: &Path) -> io::Result<Self> {
        if is_special(path) {
            let what = "not a regular file; choose another path, or - for the standard output";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let mut part = path.to_owned().into_os_string();
        part.push(".part");
        let (path, part) = (path.to_owned(), PathBuf::from(part));
        let file = create_private(&part)?;
        Ok(Self { file, path, part, is_finished: false })
    }

    pub fn file(&self) -> &File {
        &self.file
    }

    /// The temporary path.
    pub fn part(&self) -> &Path {
        &self.part
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Sync the file and rename it to its final path. It survives a power cut.
    pub fn finish(mut self) -> io::Result<()> {
        self.sync()?;
        rename(&self.part, &self.path)?;
        self.is_finished = true;
        // Other systems cannot open a directory.
        #[cfg(unix)]
        {
            let directory = self.path.parent().filter(|directory| *directory != Path::new(""));
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // The earlier failure is the error to report.
            let _ = remove_file(&self.part);
        }
    }
}

/// Create a file that only this user can read. A leftover of an earlier run is removed and not reused: it may be open
/// in another process, or readable by other users.
fn create_private(path: impl AsRef<Path>) -> io::Result<File> {
    if let Err(error) = remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        for (text, shown) in [
            ("plain é", "plain é"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\nb\tc", "a\\nb\\tc"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}evil", "\\u{202e}evil"),
        ] {
            assert_eq!(escaped(text, false), shown);
        }
        assert_eq!(escaped("a\nb\x07", true), "a\nb\\u{7}");
    }

    #[cfg(unix)]
    #[test]
    fn device_and_link_are_written_to_and_not_replaced() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let directory =
            std::env::temp_dir().join(format!("mainspring-output-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let write = |mut file: &File| Ok(file.write_all(b"text")?);
        let (file, link) = (directory.join("file"), directory.join("link"));
        std::fs::write(&file, "before").unwrap();
        symlink(&file, &link).unwrap();
        write_atomic(&link, write).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"text");
        assert!(AtomicFile::create(&link).is_err());
        // A copy of /dev/null: a defect must not replace the real one.
        let null = directory.join("null");
        let made = std::process::Command::new("mknod").arg(&null).args(["c", "1", "3"]).status();
        if made.is_ok_and(|status| status.success()) {
            write_atomic(&null, write).unwrap();
            assert!(null.metadata().unwrap().file_type().is_char_device());
        }
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let text = "\"\u{7f}é\u{9b}31m\u{202e}\\u001b\"";
        let shown = escaped_json(text);
        assert_eq!(shown, r#""\u007fé\u009b31m\u202e\u001b""#);
        let meant = |text: &str| serde_json::from_str::<String>(text).unwrap();
        assert_eq!(meant(&shown), meant(text));
    }
}
