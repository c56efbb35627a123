//! Where results go.

use std::borrow::Cow;
use std::fmt::Display;
use std::fs::{File, remove_file, rename};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Print a line. Not `println!`: it panics when the reader has left, who then is not told, and what was found
/// out stays the same.
pub fn say(line: impl Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}

/// Print a line beside the result, if anybody reads it. It may have texts of a server in it, which give a terminal no
/// orders.
pub fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", escaped(&line.to_string(), true));
}

/// Print something as JSON.
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    Ok(say(serde_json::to_string_pretty(value)?)?)
}

/// Whether a terminal would do something else than show it: control characters, and those that change the direction
/// of what follows.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text that cannot do anything to a terminal. Without lines it stays in its line.
pub fn escaped(text: &str, keeps_lines: bool) -> Cow<'_, str> {
    let is_kept = |c: char| !is_odd(c) || keeps_lines && matches!(c, '\n' | '\t');
    if text.chars().all(is_kept) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_kept(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out.into()
}

/// The same of JSON, which stays what it means: it has escapes of its own for all but the characters from 0x7f on.
pub fn escaped_json(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| c < '\x7f' || !is_odd(c);
    if text.chars().all(is_kept) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_kept(c) { out.push(c) } else { out += &format!("\\u{:04x}", u32::from(c)) }
    }
    out.into()
}

/// Whether the standard error is a terminal, and NO_COLOR does not ask for plain text.
pub fn colors_stderr() -> bool {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_unwanted
}

/// Whether a path stands for the standard input or output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// A path as a shell takes it.
pub fn argument(path: &Path) -> String {
    let path = path.to_string_lossy();
    // What cannot be quoted cannot be the name of a file.
    shlex::try_quote(&path).unwrap_or(Cow::Borrowed(&path)).into_owned()
}

/// Write a file that only this user can read. Under its name there is never half a file, and it is there after a power
/// cut.
pub fn write_whole<R>(
    path: &Path,
    write: impl FnOnce(&File) -> anyhow::Result<R>,
) -> anyhow::Result<R> {
    write_part(path, write).map_err(|error| cannot_write(path, error))
}

/// The same error, with what was tried if the system did not do it.
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
    let whole = Whole::create(path)?;
    let done = write(whole.file())?;
    whole.finish()?;
    Ok(done)
}

/// Whether a path leads to something that must not be replaced by a file: a device such as `/dev/null`, a pipe, a link.
fn is_special(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| !found.is_file())
}

/// A file that only this user can read, and that has another name until it is complete. Removed if it is dropped before.
#[derive(Debug)]
pub struct Whole {
    file: File,
    path: PathBuf,
    part: PathBuf,
    is_finished: bool,
}

impl Whole {
    pub fn create(path: &Path) -> io::Result<Self> {
        if is_special(path) {
            let what = "it is not a regular file; name another, or - for the standard output";
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

    /// The name that it has until it is complete.
    pub fn part(&self) -> &Path {
        &self.part
    }

    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// It is complete: give it its name, which is there after a power cut.
    pub fn finish(mut self) -> io::Result<()> {
        self.sync()?;
        rename(&self.part, &self.path)?;
        self.is_finished = true;
        // Elsewhere a folder cannot be opened.
        #[cfg(unix)]
        {
            let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if !self.is_finished {
            // What failed before it is the error to report.
            let _ = remove_file(&self.part);
        }
    }
}

/// A new file in the place of one that an earlier run has left: that one may be open elsewhere, or be readable by
/// other users.
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
    fn a_terminal_is_given_no_orders() {
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
        let folder = std::env::temp_dir().join(format!("mainspring-output-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |mut file: &File| Ok(file.write_all(b"text")?);
        let (file, link) = (folder.join("file"), folder.join("link"));
        std::fs::write(&file, "before").unwrap();
        symlink(&file, &link).unwrap();
        write_whole(&link, write).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"text");
        assert!(Whole::create(&link).is_err());
        // A copy of it: a mistake must not cost the system its own.
        let null = folder.join("null");
        let made = std::process::Command::new("mknod").arg(&null).args(["c", "1", "3"]).status();
        if made.is_ok_and(|status| status.success()) {
            write_whole(&null, write).unwrap();
            assert!(null.metadata().unwrap().file_type().is_char_device());
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn json_means_the_same() {
        let text = "\"\u{7f}é\u{9b}31m\u{202e}\\u001b\"";
        let shown = escaped_json(text);
        assert_eq!(shown, r#""\u007fé\u009b31m\u202e\u001b""#);
        let meant = |text: &str| serde_json::from_str::<String>(text).unwrap();
        assert_eq!(meant(&shown), meant(text));
    }
}
