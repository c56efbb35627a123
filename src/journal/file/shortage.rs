//! Errors of the system that may pass.

use std::io;

/// Whether there is no room: on the disk, for this user, or for a file of this size.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Whether a file cannot be begun for a reason that may pass and says nothing about other files: no room, no
/// descriptor, no memory, no permission.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    use io::ErrorKind::{OutOfMemory, PermissionDenied};
    let is_out_of_files = matches!(error.raw_os_error(), Some(ENFILE | EMFILE));
    is_full(error) || is_out_of_files || matches!(error.kind(), OutOfMemory | PermissionDenied)
}

/// The same on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
