//! Tests of [`Folder`] on the file system of the machine.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Folder;
use super::reserve::Reserve;
use crate::journal::file::disk::{Disk, LOCK};

/// A directory for one test, removed when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("folder-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&path); // left by an earlier process with this id
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn create_folder(path: &Path) -> Folder {
    let folder = Folder::new(path.to_owned());
    folder.create_folder().unwrap();
    folder
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn missing_directory_is_rejected_and_not_created() {
    let scratch = Scratch::new();
    for path in [scratch.join("missing"), PathBuf::new()] {
        let folder = Folder::new(path.clone());
        assert_eq!(folder.names().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(folder.open("file").err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(folder.create("file").err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(folder.lock().err().unwrap().kind(), ErrorKind::NotFound);
        assert!(folder.verify().is_ok(), "nothing was opened yet");
        assert!(!path.exists());
    }
}

#[test]
fn relative_path_is_created_and_verified() {
    let scratch = Scratch::new();
    let here = std::env::current_dir().unwrap();
    let up = "../".repeat(here.components().count() - 1);
    let path = Path::new(&up).join(scratch.join("data").strip_prefix("/").unwrap());
    assert!(path.is_relative());
    let folder = create_folder(&path);
    let _lock = folder.lock().unwrap();
    folder.create("file").unwrap().write_all_at(b"x", 0).unwrap();
    folder.verify().unwrap();
    assert_eq!(folder.path(), path, "messages must use the path as specified");
    assert_eq!(fs::read(scratch.join("data/file")).unwrap(), b"x");
}

#[test]
fn new_files_are_private_and_existing_files_keep_mode() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("new/data"));
    for path in ["new", "new/data"] {
        assert_eq!(mode(&scratch.join(path)), 0o700, "{path}");
    }
    let old = scratch.join("new/data/old");
    fs::write(&old, "").unwrap();
    fs::set_permissions(&old, PermissionsExt::from_mode(0o644)).unwrap();
    let _lock = folder.lock().unwrap();
    folder.create("file").unwrap();
    folder.create("old").unwrap();
    assert_eq!(mode(&scratch.join("new/data/file")), 0o600);
    assert_eq!(mode(&scratch.join("new/data").join(LOCK)), 0o600);
    assert_eq!(mode(&old), 0o644);

    let shared = scratch.join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, PermissionsExt::from_mode(0o755)).unwrap();
    create_folder(&shared);
    assert_eq!(mode(&shared), 0o755);
}

#[test]
fn lock_excludes_other_folders_until_dropped() {
    let scratch = Scratch::new();
    let (one, other) = (create_folder(&scratch.join("data")), create_folder(&scratch.join("data")));
    let lock = one.lock().unwrap();
    let error = other.lock().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let message = format!("process {} has the journal open", std::process::id());
    assert_eq!(error.to_string(), message);
    drop(lock);
    let lock = other.lock().unwrap();
    assert!(one.lock().is_err());
    drop((lock, other));
    one.lock().unwrap();
}

#[test]
fn lock_excludes_other_folders_after_lock_file_is_removed() {
    let scratch = Scratch::new();
    let (one, other) = (create_folder(&scratch.join("data")), create_folder(&scratch.join("data")));
    let _lock = one.lock().unwrap();
    fs::remove_file(scratch.join("data").join(LOCK)).unwrap();
    let error = other.lock().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(error.to_string(), "another process has the journal open");
    assert!(!scratch.join("data").join(LOCK).exists(), "LOCK must not be created again");
}

/// The situation of version 0.1, and of file systems that cannot lock a directory.
#[test]
fn lock_on_file_alone_excludes_other_folders() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("data"));
    let file = fs::File::create(scratch.join("data").join(LOCK)).unwrap();
    file.try_lock().unwrap();
    assert_eq!(folder.lock().err().unwrap().kind(), ErrorKind::WouldBlock);
    drop(file);
    let lock = folder.lock().unwrap();
    let file = fs::File::open(scratch.join("data").join(LOCK)).unwrap();
    assert!(file.try_lock().is_err(), "version 0.1 must be locked out");
    drop(lock);
    file.try_lock().unwrap();
}

#[test]
fn directory_replaced_before_lock_is_reopened() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("data"));
    fs::rename(scratch.join("data"), scratch.join("away")).unwrap();
    assert!(folder.lock().is_err(), "the directory does not exist");
    fs::create_dir(scratch.join("data")).unwrap();
    assert!(folder.lock().is_err(), "the directory was replaced");
    folder.create_folder().unwrap();
    let _lock = folder.lock().unwrap();
    folder.verify().unwrap();
}

/// The result of `verify` after something was done to an open directory.
fn verify_after(change: impl FnOnce(&Scratch)) -> Result<(), String> {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("first")).unwrap();
    symlink("first", scratch.join("data")).unwrap();
    let folder = create_folder(&scratch.join("data"));
    let _lock = folder.lock().unwrap();
    folder.verify().unwrap();
    change(&scratch);
    let verified = folder.verify().map_err(|error| error.to_string());
    verified.map_err(|error| error.replace(scratch.0.to_str().unwrap(), ""))
}

#[test]
fn verify_detects_moved_removed_and_replaced_directory() {
    let advice = "writes are rejected: save the data in memory with `mainspring backup`, put the directory back or restore it from a backup, and restart";
    let removed = format!("/data was removed or moved while the store was running; {advice}");
    let replaced = format!("/data was replaced while the store was running; {advice}");
    assert_eq!(verify_after(|_| {}), Ok(()));
    assert_eq!(
        verify_after(|scratch| fs::remove_dir_all(scratch.join("first")).unwrap()),
        Err(removed.clone())
    );
    assert_eq!(
        verify_after(|scratch| fs::rename(scratch.join("first"), scratch.join("away")).unwrap()),
        Err(removed.clone())
    );
    assert_eq!(
        verify_after(|scratch| fs::remove_file(scratch.join("data")).unwrap()),
        Err(removed)
    );
    let moved_and_recreated = |scratch: &Scratch| {
        fs::rename(scratch.join("first"), scratch.join("away")).unwrap();
        fs::create_dir(scratch.join("first")).unwrap();
    };
    assert_eq!(verify_after(moved_and_recreated), Err(replaced.clone()));
    let link_re_pointed = |scratch: &Scratch| {
        fs::create_dir(scratch.join("second")).unwrap();
        fs::remove_file(scratch.join("data")).unwrap();
        symlink("second", scratch.join("data")).unwrap();
    };
    assert_eq!(verify_after(link_re_pointed), Err(replaced));
    let moved_and_moved_back = |scratch: &Scratch| {
        fs::rename(scratch.join("first"), scratch.join("away")).unwrap();
        fs::rename(scratch.join("away"), scratch.join("first")).unwrap();
    };
    assert_eq!(verify_after(moved_and_moved_back), Ok(()));
}

#[test]
fn verify_detects_removed_and_replaced_lock_file() {
    let removed = verify_after(|scratch| fs::remove_file(scratch.join("first/LOCK")).unwrap());
    let removed = removed.unwrap_err();
    assert!(removed.starts_with("/data/LOCK was removed or moved while"), "{removed}");
    let replaced = verify_after(|scratch| {
        fs::write(scratch.join("first/new"), "1").unwrap();
        fs::rename(scratch.join("first/new"), scratch.join("first/LOCK")).unwrap();
    });
    let replaced = replaced.unwrap_err();
    assert!(replaced.starts_with("/data/LOCK was replaced while"), "{replaced}");
}

#[test]
fn operations_use_the_directory_that_was_opened() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("data"));
    let _lock = folder.lock().unwrap();
    fs::rename(scratch.join("data"), scratch.join("away")).unwrap();
    fs::create_dir(scratch.join("data")).unwrap();
    folder.create("one").unwrap();
    folder.create("two").unwrap();
    folder.rename("one", "renamed").unwrap();
    folder.remove("two").unwrap();
    folder.sync_folder().unwrap();
    let mut names = folder.names().unwrap();
    names.sort();
    assert_eq!(names, [LOCK, "renamed"]);
    assert_eq!(fs::read_dir(scratch.join("data")).unwrap().count(), 0);
}

#[test]
fn file_is_linked_while_name_leads_to_it() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("data"));
    let path = scratch.join("data/file");
    let file = folder.create("file").unwrap();
    assert!(file.is_linked().unwrap());
    fs::hard_link(&path, scratch.join("copy")).unwrap();
    assert!(file.is_linked().unwrap());
    fs::rename(&path, scratch.join("moved")).unwrap();
    assert!(!file.is_linked().unwrap(), "moved");
    fs::copy(scratch.join("moved"), &path).unwrap();
    assert!(!file.is_linked().unwrap(), "replaced by a copy");
    fs::rename(scratch.join("moved"), &path).unwrap();
    assert!(file.is_linked().unwrap(), "put back");
    fs::remove_dir_all(&scratch.0).unwrap();
    assert!(!file.is_linked().unwrap(), "removed");
}

#[test]
fn file_lock_ends_with_the_last_handle() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("data"));
    let file = folder.create("file").unwrap();
    file.lock().unwrap();
    file.lock().unwrap();
    let other = create_folder(&scratch.join("data")).create("file").unwrap();
    assert_eq!(other.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    let handle = Arc::clone(&file);
    drop(file);
    assert!(other.lock().is_err());
    drop(handle);
    other.lock().unwrap();
}

/// The reserve keeps descriptors of files, but must not keep their locks.
#[test]
fn file_that_fills_reserve_is_unlocked() {
    let scratch = Scratch::new();
    let folder = create_folder(&scratch.join("data"));
    let directory = Arc::new(fs::File::open(scratch.join("data")).unwrap());
    let reserve = Reserve::new(&directory);
    let full = reserve.len();
    assert!(full > 0);
    let file = fs::File::create(scratch.join("data/file")).unwrap();
    file.lock().unwrap();
    reserve.recycle(file);
    assert_eq!(reserve.len(), full, "the reserve was full");
    while reserve.release() {}
    assert_eq!(reserve.len(), 0);
    let file = fs::File::create(scratch.join("data/file")).unwrap();
    file.lock().unwrap();
    reserve.recycle(file);
    assert_eq!(reserve.len(), 1);
    folder.open("file").unwrap().lock().unwrap();
    reserve.fill();
    assert_eq!(reserve.len(), full);
}
