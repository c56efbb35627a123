//! The folder that a journal lives in, and everything that it does there: small enough that the tests have
//! a disk of their own, which loses what was not synced.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

/// A folder of files. Names have no slashes.
///
/// What was written to a file survives a power cut once the file has been [synced](DiskFile::sync), and a
/// name that was created, renamed or removed once the [folder](Self::sync_folder) has been.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Create the folder, unless it is there.
    fn create_folder(&self) -> io::Result<()>;

    /// Take the lock of the folder until what is answered is dropped or the process ends. If another holds
    /// it, the error is [`WouldBlock`](io::ErrorKind::WouldBlock), and its text says who.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;

    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Open a file to read and write, and create it if it is not there.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Open a file to read.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Give a file another name, instead of whatever has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Remove a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Make sure that the names are as they are now after a power cut.
    fn sync_folder(&self) -> io::Result<()>;

    /// What the folder is called in messages.
    fn path(&self) -> PathBuf;
}

/// A file in a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// How long the file is.
    fn length(&self) -> io::Result<u64>;

    /// Read some bytes from an offset on; 0 is the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Write some of these bytes at an offset, and say how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Make the file this long.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Make sure that what was written survives a power cut.
    fn sync(&self) -> io::Result<()>;
}

impl dyn DiskFile + '_ {
    /// Write all of it.
    pub(crate) fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Read what there is from an offset on, at most `limit` bytes.
    pub(crate) fn read_some(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let length = self.length()?.saturating_sub(offset);
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(limit);
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Read all of it.
    pub(crate) fn read_all(&self) -> io::Result<Vec<u8>> {
        self.read_some(0, usize::MAX)
    }
}

/// The name of the file that is locked.
pub(crate) const LOCK: &str = "LOCK";

/// A folder of the file system.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    fn file(&self, name: &str, write: bool) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(write).create(write).truncate(false);
        Ok(Arc::new(RealFile(Mutex::new(options.open(self.0.join(name))?))))
    }
}

impl Disk for Folder {
    fn create_folder(&self) -> io::Result<()> {
        let exists = self.0.is_dir();
        let missing: Vec<_> = self.0.ancestors().take_while(|folder| !folder.is_dir()).collect();
        std::fs::create_dir_all(&self.0)?;
        // Each of the new names is in the folder above it. The last one may be there because an earlier start
        // was cut short, so it is synced in any case; a parent that may not be read is none of that.
        for folder in missing.iter().filter(|folder| !folder.as_os_str().is_empty()) {
            sync_folder(parent(folder))?;
        }
        match sync_folder(parent(&self.0)) {
            Err(error) if !exists || error.kind() != io::ErrorKind::PermissionDenied => Err(error),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let path = self.0.join(LOCK);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {
                // It is for others to read, and can be done without where there is no room.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                Ok(Box::new(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Whoever holds it may not have written it yet.
                let _ = file.read_to_string(&mut pid);
                let holder = match pid.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                Err(io::Error::new(io::ErrorKind::WouldBlock, format!("{holder} has it open")))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().into_string()));
        let names: io::Result<Vec<_>> = names.collect();
        // A name that is not text is not ours.
        Ok(names?.into_iter().filter_map(Result::ok).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.file(name, true)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.file(name, false)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }

    fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

/// The folder that a folder is in.
fn parent(folder: &Path) -> &Path {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Elsewhere than on Unix a folder cannot be opened to be synced, and need not be.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// The standard library reads and writes at an offset by seeking first, where it is the same on every
/// system.
struct RealFile(Mutex<File>);

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.lock().metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut file = self.0.lock();
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut file = self.0.lock();
        file.seek(SeekFrom::Start(offset))?;
        file.write(bytes)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.lock().set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.lock().sync_data()
    }
}
