//! What a journal needs of the directory that it is in: small enough that the tests have a disk of their own,
//! which loses what was not synced. [`Folder`](super::folder::Folder) is the real one.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

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

    /// Check that the [path](Self::path) still leads to the directory that was opened, and that the lock file in
    /// it is the one that was locked.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if not; the text says what happened and what to do. Any other error if that
    /// cannot be found out now.
    fn verify(&self) -> io::Result<()>;

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

    /// How long the file of this name is; `None` if there is none.
    fn length_of(&self, name: &str) -> io::Result<Option<u64>>;

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

    /// Whether the name under which the file was opened still leads to it. If not, what is written to it is lost
    /// when it is closed, or belongs to another directory.
    fn is_linked(&self) -> io::Result<bool>;

    /// Take an exclusive advisory lock, which ends with the last handle of this open file.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if the file was opened and locked elsewhere, in this process or
    /// in another one.
    fn lock(&self) -> io::Result<()>;
}

impl fmt::Debug for dyn DiskFile + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DiskFile")
    }
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

/// The name of the file that is locked, and that says by which process.
pub(crate) const LOCK: &str = "LOCK";
