//! Tokens of logins, per server, in a file that only this user can read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use mainspring_http::client::{LockedTokens, TokenStorage, Tokens};
use serde::{Deserialize, Serialize};

#[cfg(unix)]
use crate::output::argument;

/// The environment variable with the path of the file.
const VARIABLE: &str = "MAINSPRING_CREDENTIALS";

/// The content of the file.
#[derive(Default, Serialize, Deserialize)]
struct Credentials {
    servers: BTreeMap<String, StoredLogin>,
}

/// A login at a server.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredLogin {
    pub name: String,
    #[serde(flatten)]
    pub tokens: Tokens,
}

/// The stored login of one server.
#[derive(Debug, Clone)]
pub struct CredentialStore {
    file: PathBuf,
    /// The URL of the server, without a password.
    url: String,
}

impl CredentialStore {
    /// Find the file through the environment. `None` if no variable is set.
    pub fn locate(url: &str) -> Option<Self> {
        let path = |name: &str| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let file = path(VARIABLE).or_else(|| {
            let directory = path("XDG_CONFIG_HOME").or_else(|| Some(path("HOME")?.join(".config")));
            Some(directory?.join("mainspring").join("credentials.json"))
        });
        Some(Self { file: file?, url: url.to_owned() })
    }

    /// Read the stored login.
    pub fn load(&self) -> io::Result<Option<StoredLogin>> {
        // No lock needed: the file is replaced atomically.
        Ok(read(&self.file)?.servers.remove(&self.url))
    }

    /// Lock the file for this process until the result is dropped. Waits for other processes.
    pub fn lock(&self) -> io::Result<LockedCredentials> {
        let lock = self.open_lock().map_err(|error| cannot("lock", &self.file, &error))?;
        let credentials = read(&self.file)?;
        Ok(LockedCredentials { store: self.clone(), credentials, _lock: lock })
    }

    /// The lock is a file of its own, because the file itself is replaced.
    fn open_lock(&self) -> io::Result<File> {
        create_directory(parent(&self.file))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        set_private(&mut options);
        let lock = options.open(beside(&self.file, ".lock"))?;
        lock_exclusive(&lock)?;
        Ok(lock)
    }
}

impl TokenStorage for CredentialStore {
    fn take(&self) -> io::Result<Box<dyn LockedTokens>> {
        Ok(Box::new(self.lock()?))
    }
}

/// A stored login, locked for this process.
pub struct LockedCredentials {
    store: CredentialStore,
    credentials: Credentials,
    _lock: File,
}

impl LockedCredentials {
    /// Store this login, or delete the stored one.
    pub fn save(&mut self, entry: Option<StoredLogin>) -> io::Result<()> {
        let CredentialStore { file, url } = &self.store;
        match entry {
            Some(entry) => drop(self.credentials.servers.insert(url.clone(), entry)),
            None => drop(self.credentials.servers.remove(url)),
        }
        write(file, &self.credentials).map_err(|error| cannot("write", file, &error))
    }
}

impl LockedTokens for LockedCredentials {
    fn tokens(&self) -> Option<Tokens> {
        self.credentials.servers.get(&self.store.url).map(|entry| entry.tokens.clone())
    }

    fn keep(&mut self, tokens: &Tokens) -> io::Result<()> {
        let entry = self.credentials.servers.get(&self.store.url);
        let name = entry.map_or_else(String::new, |entry| entry.name.clone());
        self.save(Some(StoredLogin { name, tokens: tokens.clone() }))
    }
}

fn cannot(what: &str, file: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", file.display()))
}

fn read(file: &Path) -> io::Result<Credentials> {
    let text = match fs::read(file) {
        Ok(text) => text,
        // A file that this user cannot open contains no login of this user, such as in another user's home directory.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Credentials::default());
        }
        Err(error) => return Err(cannot("read", file, &error)),
    };
    check_private(file)?;
    // The error of serde is not included: it may quote a token.
    serde_json::from_slice(&text).map_err(|error| {
        let (shown, line) = (file.display(), error.line());
        io::Error::other(format!(
            "invalid credentials file {shown}, line {line}: correct it, or remove it and log in again"
        ))
    })
}

/// Replace the file atomically: a crash leaves the old or the new one, and both are always private.
fn write(file: &Path, credentials: &Credentials) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(credentials)?;
    let new = beside(file, ".new");
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    set_private(&mut options);
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
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn create_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

/// Wait for the lock. `File::lock` needs Rust 1.89.
#[cfg(unix)]
fn lock_exclusive(file: &File) -> io::Result<()> {
    use rustix::fs::FlockOperation;
    let lock = || rustix::fs::flock(file, FlockOperation::LockExclusive);
    Ok(rustix::io::retry_on_intr(lock)?)
}

#[cfg(unix)]
fn set_private(options: &mut OpenOptions) {
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
        format!("other users can read the tokens in {shown}: chmod 600 {argument}"),
    ))
}

#[cfg(not(unix))]
fn create_directory(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

#[cfg(not(unix))]
fn lock_exclusive(file: &File) -> io::Result<()> {
    fs4::FileExt::lock(file)
}

#[cfg(not(unix))]
fn set_private(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn check_private(_: &Path) -> io::Result<()> {
    Ok(())
}
