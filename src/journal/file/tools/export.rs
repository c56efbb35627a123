//! The entries of a store as JSON lines.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::load::Loaded;
use super::{disk, manifest, patiently};
use crate::journal::codec::put_exported;
use crate::journal::file::error::FileError;
use crate::journal::file::replay::Progress;

/// What [`export`] has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// How many entries.
    pub entries: u64,
    /// At which revision of the store.
    pub revision: u64,
}

/// Write every entry as a line of JSON: `key`, `kind`, `value`, `revision`, `ttl`, `created_at`, `updated_at`,
/// and for an entry with a deadline `expires_in`, which is how long it has left; sorted by key. Entries whose deadline
/// has passed are left out.
///
/// Changes nothing, and works beside a running store. What it writes can be [imported](super::import).
///
/// # Errors
///
/// If there is no journal, if a start would refuse it, or if `out` cannot be written to.
pub fn export(
    folder: impl AsRef<Path>,
    out: impl Write,
    progress: &mut dyn FnMut(Progress),
) -> Result<ExportReport, FileError> {
    let disk = disk(folder.as_ref());
    let loaded = patiently(|| Loaded::read(&*disk, &manifest(&*disk)?, progress))?;
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
