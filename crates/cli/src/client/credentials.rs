//! The tokens of logins, in a file that nobody else may read: an entry for each server.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use mainspring_http::client::{LockedTokens, TokenStorage, Tokens};
use serde::{Deserialize, Serialize};

#[cfg(unix)]
use crate::output::argument;

/// Names the file.
const VARIABLE: &str = "MAINSPRING_CREDENTIALS";

/// All that is in the file.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    servers: BTreeMap<String, Entry>,
}

/// A login at a server.
#[derive(Clone, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    #[serde(flatten)]
    pub tokens: Tokens,
}

/// Where the login at one server is kept.
#[derive(Debug, Clone)]
pub struct Place {
    file: PathBuf,
    /// Without a password.
    url: String,
}

impl Place {
    /// Where it is by the environment; `None` if that says nothing.
    pub fn of(url: &str) -> Option<Self> {
        let given = |name: &str| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let file = given(VARIABLE).or_else(|| {
            let folder = given("XDG_CONFIG_HOME").or_else(|| Some(given("HOME")?.join(".config")));
            Some(folder?.join("mainspring").join("credentials.json"))
        });
        Some(Self { file: file?, url: url.to_owned() })
    }

    /// The login that is kept, if there is one.
    pub fn entry(&self) -> io::Result<Option<Entry>> {
        // It is replaced as a whole, so there is no need to wait for who does.
        Ok(read(&self.file)?.servers.remove(&self.url))
    }

    /// Nobody else takes it until this is dropped. Waits for who has it.
    pub fn hold(&self) -> io::Result<Held> {
        let lock = self.lock().map_err(|error| cannot("lock", &self.file, &error))?;
        let kept = read(&self.file)?;
        Ok(Held { place: self.clone(), kept, _lock: lock })
    }

    /// Beside the file, which is replaced.
    fn lock(&self) -> io::Result<File> {
        make_folder(parent(&self.file))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        private(&mut options);
        let lock = options.open(beside(&self.file, ".lock"))?;
        lock_exclusive(&lock)?;
        Ok(lock)
    }
}

impl TokenStorage for Place {
    fn take(&self) -> io::Result<Box<dyn LockedTokens>> {
        Ok(Box::new(self.hold()?))
    }
}

/// A login that nobody else takes.
pub struct Held {
    place: Place,
    kept: Kept,
    _lock: File,
}

impl Held {
    /// Keep this, or nothing any more.
    pub fn put(&mut self, entry: Option<Entry>) -> io::Result<()> {
        let Place { file, url } = &self.place;
        match entry {
            Some(entry) => drop(self.kept.servers.insert(url.clone(), entry)),
            None => drop(self.kept.servers.remove(url)),
        }
        write(file, &self.kept).map_err(|error| cannot("write", file, &error))
    }
}

impl LockedTokens for Held {
    fn tokens(&self) -> Option<Tokens> {
        self.kept.servers.get(&self.place.url).map(|entry| entry.tokens.clone())
    }

    fn keep(&mut self, tokens: &Tokens) -> io::Result<()> {
        let entry = self.kept.servers.get(&self.place.url);
        let name = entry.map_or_else(String::new, |entry| entry.name.clone());
        self.put(Some(Entry { name, tokens: tokens.clone() }))
    }
}

fn cannot(what: &str, file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", file.display()))
}

fn read(file: &Path) -> io::Result<Kept> {
    let text = match fs::read(file) {
        Ok(text) => text,
        // Nor is there a login of this user where they may not look, such as in the home of another.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Kept::default());
        }
        Err(error) => return Err(cannot("read", file, &error)),
    };
    check_private(file)?;
    // Without serde's words, which may quote a token.
    serde_json::from_slice(&text).map_err(|error| {
        let (shown, line) = (file.display(), error.line());
        io::Error::other(format!(
            "{shown} is not what \"mainspring login\" writes, at line {line}: mend it, or remove it and log in again"
        ))
    })
}

/// A crash leaves the old file or the new one, and at no moment may others read it.
fn write(file: &Path, kept: &Kept) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(kept)?;
    let new = beside(file, ".new");
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let mut to = options.open(&new)?;
    to.write_all(&text)?;
    to.sync_all()?;
    fs::rename(&new, file)
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn make_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Waits for the lock. `File::lock` needs Rust 1.89.
#[cfg(unix)]
fn lock_exclusive(file: &File) -> io::Result<()> {
    use rustix::fs::FlockOperation;
    let lock = || rustix::fs::flock(file, FlockOperation::LockExclusive);
    Ok(rustix::io::retry_on_intr(lock)?)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(unix)]
fn check_private(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if file.metadata()?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let (shown, argument) = (file.display(), argument(file));
    Err(io::Error::new(
        ErrorKind::PermissionDenied,
        format!("others may read the tokens in {shown}: chmod 600 {argument}"),
    ))
}

#[cfg(not(unix))]
fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn lock_exclusive(file: &File) -> io::Result<()> {
    fs4::FileExt::lock(file)
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn check_private(_: &Path) -> io::Result<()> {
    Ok(())
}
