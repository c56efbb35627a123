//! Classification of I/O errors: those that may go away without a restart.

use std::io;

/// Returns whether there is no space: on the disk, in the quota of the user, or for a file of this size.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Returns whether a file cannot be created for a reason that may go away and does not affect other files: no space,
/// no file descriptor, no memory, or no permission.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, PermissionDenied};
    let is_out_of_files = matches!(error.raw_os_error(), Some(ENFILE | EMFILE));
    is_full(error) || is_out_of_files || matches!(error.kind(), OutOfMemory | PermissionDenied)
}

/// These numbers are the same on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
