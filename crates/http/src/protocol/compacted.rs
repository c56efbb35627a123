//! The result of a compaction, as it is sent.

use mainspring::journal::CompactionReport;
use serde::{Deserialize, Serialize};

/// The result of a compaction.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = Compacted))]
pub(crate) struct CompactionResult {
    /// The revision of the snapshot that replaced the log before it.
    revision: u64,
    /// Bytes that the journal took when the compaction began; 0 without a journal.
    bytes_before: u64,
    /// Bytes that the journal took when the compaction ended.
    bytes_after: u64,
}

impl From<CompactionReport> for CompactionResult {
    fn from(compacted: CompactionReport) -> Self {
        let CompactionReport { revision, bytes_before, bytes_after, .. } = compacted;
        Self { revision, bytes_before, bytes_after }
    }
}

impl From<CompactionResult> for CompactionReport {
    fn from(figures: CompactionResult) -> Self {
        Self::new(figures.revision, figures.bytes_before, figures.bytes_after)
    }
}
