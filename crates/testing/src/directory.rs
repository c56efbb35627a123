use std::io::ErrorKind;
use std::path::Path;

/// Remove a directory that is in use, as `rm -r` does: once more if a file was added while it was emptied.
///
/// An open journal may write its manifest meanwhile.
pub fn remove_all(path: &Path) {
    while let Err(error) = std::fs::remove_dir_all(path) {
        match error.kind() {
            ErrorKind::NotFound => return,
            ErrorKind::DirectoryNotEmpty => {}
            _ => panic!("{}: {error}", path.display()),
        }
    }
}
