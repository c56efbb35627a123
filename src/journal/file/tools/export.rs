//! Export of the entries of a store as JSON lines.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::load::Loaded;
use super::{disk, manifest, retry_read};
use crate::journal::codec::put_exported;
use crate::journal::file::error::FileError;
use crate::journal::file::replay::Progress;

/// Report of [`export`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// The number of exported entries.
    pub entries: u64,
    /// The revision of the exported store.
    pub revision: u64,
}

/// Writes every entry as a line of JSON, sorted by key: `key`, `kind`, `value`, `revision`, `ttl`, `created_at`,
/// `updated_at`, and for an entry with a deadline `expires_in`, the remaining time to live. Entries whose deadline has
/// passed are omitted.
///
/// It changes nothing in the directory, and works while a store is running. The output can be
/// [imported](super::import).
///
/// # Errors
///
/// If there is no journal, if a store could not start from it, or if `out` cannot be written.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("mainspring-export-{}", std::process::id()));
/// use mainspring::Store;
/// use mainspring::journal::FileJournal;
/// use mainspring::journal::file::tools::export;
///
/// let store = Store::<u32>::builder().journal(FileJournal::open(&directory)).spawn();
/// store.set("k", 7).await?;
///
/// let mut lines = Vec::new();
/// let report = export(&directory, &mut lines, &mut |_| {})?;
/// assert_eq!((report.entries, report.revision), (1, 1));
/// assert!(lines.starts_with(br#"{"key":"k","kind":"json","value":7,"revision":1,"#));
/// # store.shutdown().await?;
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(()) }
/// ```
pub fn export(
    folder: impl AsRef<Path>,
    out: impl Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportReport, FileError> {
    let disk = disk(folder.as_ref());
    let loaded = retry_read(|| Loaded::read(&*disk, &manifest(&*disk)?, progress))?;
    let mut out = BufWriter::new(out);
    let mut entries = 0;
    let (mut row, mut written) = (Vec::new(), Ok(()));
    let now = loaded.now();
    loaded.each(now, |key, entry| {
        entries += 1;
        row.clear();
        written = put_exported(&mut row, key, entry, now)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(&row))
            .and_then(|()| out.write_all(b"\n"));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    written
        .and_then(|()| out.flush())
        .map_err(FileError::io(PathBuf::from("the export"), "write"))?;
    Ok(ExportReport { entries, revision: loaded.revision() })
}
