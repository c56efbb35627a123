use std::io::ErrorKind;
use std::path::Path;

/// Remove a directory that is in use: try again if a file was added during the removal.
///
/// An open journal may write its manifest at any time.
///
/// # Panics
///
/// Panics if the directory cannot be removed.
pub fn remove_all(path: &Path) {
    while let Err(error) = std::fs::remove_dir_all(path) {
        match error.kind() {
            ErrorKind::NotFound => return,
            ErrorKind::DirectoryNotEmpty => {}
            _ => panic!("{}: {error}", path.display()),
        }
    }
}
