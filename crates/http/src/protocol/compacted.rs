//! The result of a compaction as JSON.

use mainspring::journal::CompactionReport;
use serde::{Deserialize, Serialize};

/// The result of a compaction.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = Compacted))]
pub(crate) struct CompactionResult {
    /// The revision of the snapshot that replaced the older part of the log.
    revision: u64,
    /// The size of the journal in bytes when the compaction began; 0 without a journal.
    bytes_before: u64,
    /// The size of the journal in bytes when the compaction ended.
    bytes_after: u64,
}

impl From<CompactionReport> for CompactionResult {
    fn from(report: CompactionReport) -> Self {
        let CompactionReport { revision, bytes_before, bytes_after, .. } = report;
        Self { revision, bytes_before, bytes_after }
    }
}

impl From<CompactionResult> for CompactionReport {
    fn from(result: CompactionResult) -> Self {
        Self::new(result.revision, result.bytes_before, result.bytes_after)
    }
}
