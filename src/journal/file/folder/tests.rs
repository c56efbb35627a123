//! On the file system that the tests run on.

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
        let _ = fs::remove_dir_all(&path); // of an earlier process with this pid
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

fn created(path: &Path) -> Folder {
    let folder = Folder::new(path.to_owned());
    folder.create_folder().unwrap();
    folder
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn missing_directory_is_an_error_and_is_not_created() {
    let scratch = Scratch::new();
    for path in [scratch.join("missing"), PathBuf::new()] {
        let folder = Folder::new(path.clone());
        assert_eq!(folder.names().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(folder.open("file").err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(folder.create("file").err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(folder.lock().err().unwrap().kind(), ErrorKind::NotFound);
        assert!(folder.verify().is_ok(), "nothing was opened");
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
    let folder = created(&path);
    let _lock = folder.lock().unwrap();
    folder.create("file").unwrap().write_all_at(b"x", 0).unwrap();
    folder.verify().unwrap();
    assert_eq!(folder.path(), path, "messages name it as it was given");
    assert_eq!(fs::read(scratch.join("data/file")).unwrap(), b"x");
}

#[test]
fn new_files_are_private_and_existing_ones_keep_their_mode() {
    let scratch = Scratch::new();
    let folder = created(&scratch.join("new/data"));
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
    created(&shared);
    assert_eq!(mode(&shared), 0o755);
}

#[test]
fn lock_excludes_others_until_it_is_dropped() {
    let scratch = Scratch::new();
    let (one, other) = (created(&scratch.join("data")), created(&scratch.join("data")));
    let lock = one.lock().unwrap();
    let refused = other.lock().err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert_eq!(refused.to_string(), format!("process {} has it open", std::process::id()));
    drop(lock);
    let lock = other.lock().unwrap();
    assert!(one.lock().is_err());
    drop((lock, other));
    one.lock().unwrap();
}

#[test]
fn lock_excludes_others_although_its_file_was_removed() {
    let scratch = Scratch::new();
    let (one, other) = (created(&scratch.join("data")), created(&scratch.join("data")));
    let _lock = one.lock().unwrap();
    fs::remove_file(scratch.join("data").join(LOCK)).unwrap();
    let refused = other.lock().err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert_eq!(refused.to_string(), "another process has it open");
    assert!(!scratch.join("data").join(LOCK).exists(), "it is not created anew");
}

/// As version 0.1 and where directories cannot be locked.
#[test]
fn lock_file_alone_excludes_others() {
    let scratch = Scratch::new();
    let folder = created(&scratch.join("data"));
    let file = fs::File::create(scratch.join("data").join(LOCK)).unwrap();
    file.try_lock().unwrap();
    assert_eq!(folder.lock().err().unwrap().kind(), ErrorKind::WouldBlock);
    drop(file);
    let lock = folder.lock().unwrap();
    let file = fs::File::open(scratch.join("data").join(LOCK)).unwrap();
    assert!(file.try_lock().is_err(), "version 0.1 is refused");
    drop(lock);
    file.try_lock().unwrap();
}

#[test]
fn directory_that_was_replaced_before_it_was_locked_is_opened_anew() {
    let scratch = Scratch::new();
    let folder = created(&scratch.join("data"));
    fs::rename(scratch.join("data"), scratch.join("away")).unwrap();
    assert!(folder.lock().is_err(), "it is not there");
    fs::create_dir(scratch.join("data")).unwrap();
    assert!(folder.lock().is_err(), "it is another one");
    folder.create_folder().unwrap();
    let _lock = folder.lock().unwrap();
    folder.verify().unwrap();
}

/// What `verify` says after something has happened to an open directory.
fn verified_after(happens: impl FnOnce(&Scratch)) -> Result<(), String> {
    let scratch = Scratch::new();
    fs::create_dir(scratch.join("first")).unwrap();
    symlink("first", scratch.join("data")).unwrap();
    let folder = created(&scratch.join("data"));
    let _lock = folder.lock().unwrap();
    folder.verify().unwrap();
    happens(&scratch);
    let verified = folder.verify().map_err(|error| error.to_string());
    verified.map_err(|error| error.replace(scratch.0.to_str().unwrap(), ""))
}

#[test]
fn verify_notices_what_happened_to_the_directory() {
    let advice = "writes are refused: save what is in memory with `mainspring backup`, put the directory back or restore it from a backup, and restart";
    let gone = format!("/data was removed or moved while the store was running; {advice}");
    let other = format!("/data was replaced while the store was running; {advice}");
    assert_eq!(verified_after(|_| {}), Ok(()));
    assert_eq!(
        verified_after(|scratch| fs::remove_dir_all(scratch.join("first")).unwrap()),
        Err(gone.clone())
    );
    assert_eq!(
        verified_after(|scratch| fs::rename(scratch.join("first"), scratch.join("away")).unwrap()),
        Err(gone.clone())
    );
    assert_eq!(verified_after(|scratch| fs::remove_file(scratch.join("data")).unwrap()), Err(gone));
    let moved_and_recreated = |scratch: &Scratch| {
        fs::rename(scratch.join("first"), scratch.join("away")).unwrap();
        fs::create_dir(scratch.join("first")).unwrap();
    };
    assert_eq!(verified_after(moved_and_recreated), Err(other.clone()));
    let link_re_pointed = |scratch: &Scratch| {
        fs::create_dir(scratch.join("second")).unwrap();
        fs::remove_file(scratch.join("data")).unwrap();
        symlink("second", scratch.join("data")).unwrap();
    };
    assert_eq!(verified_after(link_re_pointed), Err(other));
    let moved_to_and_fro = |scratch: &Scratch| {
        fs::rename(scratch.join("first"), scratch.join("away")).unwrap();
        fs::rename(scratch.join("away"), scratch.join("first")).unwrap();
    };
    assert_eq!(verified_after(moved_to_and_fro), Ok(()));
}

#[test]
fn verify_notices_what_happened_to_the_lock_file() {
    let removed = verified_after(|scratch| fs::remove_file(scratch.join("first/LOCK")).unwrap());
    let removed = removed.unwrap_err();
    assert!(removed.starts_with("/data/LOCK was removed or moved while"), "{removed}");
    let replaced = verified_after(|scratch| {
        fs::write(scratch.join("first/new"), "1").unwrap();
        fs::rename(scratch.join("first/new"), scratch.join("first/LOCK")).unwrap();
    });
    let replaced = replaced.unwrap_err();
    assert!(replaced.starts_with("/data/LOCK was replaced while"), "{replaced}");
}

#[test]
fn operations_stay_in_the_directory_that_was_opened() {
    let scratch = Scratch::new();
    let folder = created(&scratch.join("data"));
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
fn file_is_linked_as_long_as_its_name_leads_to_it() {
    let scratch = Scratch::new();
    let folder = created(&scratch.join("data"));
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
    let folder = created(&scratch.join("data"));
    let file = folder.create("file").unwrap();
    file.lock().unwrap();
    file.lock().unwrap();
    let other = created(&scratch.join("data")).create("file").unwrap();
    assert_eq!(other.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    let handle = Arc::clone(&file);
    drop(file);
    assert!(other.lock().is_err());
    drop(handle);
    other.lock().unwrap();
}

/// The descriptor goes to the reserve, and takes no lock with it.
#[test]
fn file_that_fills_the_reserve_is_unlocked() {
    let scratch = Scratch::new();
    let folder = created(&scratch.join("data"));
    let directory = Arc::new(fs::File::open(scratch.join("data")).unwrap());
    let reserve = Reserve::new(&directory);
    let full = reserve.len();
    assert!(full > 0);
    let file = fs::File::create(scratch.join("data/file")).unwrap();
    file.lock().unwrap();
    reserve.recycle(file);
    assert_eq!(reserve.len(), full, "it was full");
    while reserve.give_up() {}
    assert_eq!(reserve.len(), 0);
    let file = fs::File::create(scratch.join("data/file")).unwrap();
    file.lock().unwrap();
    reserve.recycle(file);
    assert_eq!(reserve.len(), 1);
    folder.open("file").unwrap().lock().unwrap();
    reserve.fill();
    assert_eq!(reserve.len(), full);
}
