//! Directories for tests, and access to their content.

use std::fs;
use std::path::{Path, PathBuf};

use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::journal::file::tools::export;

/// Returns the path of a directory for one test, which does not exist yet.
pub(crate) fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("journal-tools-{name}"));
    for copy in [path.clone(), path.with_extension("backup-1")] {
        let _ = fs::remove_dir_all(copy);
    }
    let _ = fs::remove_dir_all(backup_of(&path));
    path
}

/// The directory to which a repair copies this one.
pub(crate) fn backup_of(path: &Path) -> PathBuf {
    let name = path.file_name().expect("a file name").to_string_lossy();
    path.with_file_name(format!("{name}.backup-1"))
}

/// Creates a journal with this many keys, each set in its own turn, in small segments.
pub(crate) async fn filled(name: &str, keys: usize) -> PathBuf {
    let path = fresh(name);
    let store = open(&path);
    for n in 0..keys {
        store.set(format!("key/{n:04}"), format!("value {n}")).await.expect("the write succeeds");
    }
    store.shutdown().await.expect("the store closes");
    path
}

pub(crate) fn open(path: &Path) -> Store<String> {
    let journal = FileJournal::open(path).segment_bytes(2_000).compact_above(u64::MAX, 1.0);
    Store::builder().journal(journal).spawn()
}

/// Returns the export of a journal.
pub(crate) fn exported(path: &Path) -> String {
    let mut out = Vec::new();
    export(path, &mut out, &mut |_| {}).expect("a readable file");
    String::from_utf8(out).expect("text")
}

/// Returns the entries of a journal as rows, without their remaining time to live.
pub(crate) fn rows(path: &Path) -> Vec<String> {
    let row = |line: &str| match line.rsplit_once(",\"expires_in\":") {
        Some((row, left)) if !left.contains('{') => format!("{row}}}"),
        _ => line.to_owned(),
    };
    exported(path).lines().map(row).collect()
}

/// Returns a row of [`rows`] without its deadline, which an import changes.
pub(crate) fn without_deadline(row: &str) -> String {
    let (start, rest) = row.rsplit_once(",\"ttl\":").expect("a row");
    let (_, end) = rest.split_once(",\"created_at\":").expect("a row");
    format!("{start},\"created_at\":{end}")
}

/// Returns the files whose names begin with a prefix, sorted.
pub(crate) fn files(path: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(path).expect("a directory").map(|entry| entry.expect("a file").path());
    let has_prefix = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    let mut files: Vec<_> = entries.filter(has_prefix).collect();
    files.sort();
    files
}

/// Returns all files and their content, except for the lock file.
pub(crate) fn content(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files(path, "").into_iter().filter(|file| !file.ends_with("LOCK"));
    files.map(|file| (file.clone(), fs::read(file).expect("a readable file"))).collect()
}

/// Flips one bit in the first occurrence of a text. Returns its offset.
pub(crate) fn flip(file: &Path, text: &str) -> u64 {
    let mut bytes = fs::read(file).expect("a readable file");
    let at = bytes.windows(text.len()).position(|part| part == text.as_bytes()).expect(text);
    bytes[at] ^= 1;
    fs::write(file, bytes).expect("a writable file");
    at as u64
}

/// Copies a journal of `tests/data` to a new directory.
pub(crate) fn pinned(name: &str, source: &str) -> PathBuf {
    let path = fresh(name);
    fs::create_dir_all(&path).expect("a new directory");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(source);
    for file in files(&from, "") {
        fs::copy(&file, path.join(file.file_name().expect("a file name"))).expect("a copy");
    }
    path
}
