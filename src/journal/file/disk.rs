//! [`Disk`]: the file operations that a journal needs.
//!
//! The traits are small, so that the tests can implement a disk in memory that loses unsynced data in a simulated
//! power cut. [`Folder`](super::folder::Folder) implements them on the file system.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A directory of files. Names have no slashes.
///
/// Data written to a file survives a power cut after the file was [synced](DiskFile::sync). The creation, renaming or
/// removal of a name survives it after the [directory](Self::sync_folder) was synced.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Creates the directory, unless it exists.
    fn create_folder(&self) -> io::Result<()>;

    /// Locks the directory until the returned guard is dropped or the process ends.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if another process has the lock; the text names it.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;

    /// Verifies that the [path](Self::path) still leads to the directory that was opened, and that the lock file in it
    /// is the file that was locked.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if not; the text states what happened and what to do. Any other error if
    /// the verification itself failed.
    fn verify(&self) -> io::Result<()>;

    /// Returns the names of all files.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens a file for reading and writing, and creates it if it does not exist.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file for reading.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing a file that has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Syncs the directory, so that the current names survive a power cut.
    fn sync_folder(&self) -> io::Result<()>;

    /// Returns the length of the file with this name, or `None` if there is none.
    fn length_of(&self, name: &str) -> io::Result<Option<u64>>;

    /// Returns the path of the directory, for messages.
    fn path(&self) -> PathBuf;
}

/// A file in a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// Returns the length of the file.
    fn length(&self) -> io::Result<u64>;

    /// Reads some bytes from an offset on. Returns how many; 0 means the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of these bytes at an offset. Returns how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Truncates or extends the file to this length.
    fn set_length(&self, length: u64) -> io::Result<()>;

    /// Syncs the content and the length, so that they survive a power cut.
    fn sync(&self) -> io::Result<()>;

    /// Returns whether the name under which the file was opened still leads to it. If not, data written to it is lost
    /// when it is closed, or belongs to another directory.
    fn is_linked(&self) -> io::Result<bool>;

    /// Takes an exclusive advisory lock, which is released with the last handle of this open file.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the file is locked through another open file, in this process or
    /// in another one.
    fn lock(&self) -> io::Result<()>;
}

impl fmt::Debug for dyn DiskFile + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskFile")
    }
}

impl dyn DiskFile + '_ {
    /// Writes all bytes at an offset.
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

    /// Reads from an offset up to the end of the file, at most `limit` bytes.
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

    /// Reads the whole file.
    pub(crate) fn read_all(&self) -> io::Result<Vec<u8>> {
        self.read_some(0, usize::MAX)
    }
}

/// The name of the lock file, which contains the id of the process that has the lock.
pub(crate) const LOCK: &str = "LOCK";
