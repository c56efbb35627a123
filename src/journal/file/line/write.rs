//! Encoding of appends.

use std::io::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Sum, seal};
use crate::journal::codec::{Unreadable, put_checked};
use crate::model::Change;

/// The largest capacity of the buffer that is kept for reuse.
const KEEP: usize = 1 << 20;

/// The state of the log before an append, which the append records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Predecessor {
    /// The offset in the file up to which everything is synced.
    pub(crate) synced: u64,
    /// The checksum of the previous append.
    pub(crate) prev: Sum,
}

/// Encodes an append, with one line for each change or batch. Returns its checksum.
///
/// # Errors
///
/// The same as [`put_checked`]. The content of the buffer is invalid then.
pub(crate) fn encode_append<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    changes: &[Change<T>],
    after: Predecessor,
) -> Result<Sum, Unreadable> {
    buffer.clear();
    buffer.shrink_to(KEEP);
    let lines = changes.iter().filter(|change| !change.continues).count();
    let mut rest = changes;
    while let Some(at) = rest.iter().position(|change| !change.continues) {
        let (batch, remaining) = rest.split_at(at + 1);
        let start = buffer.len();
        put_checked(buffer, batch)?;
        if start == 0 {
            put_append(buffer, lines, after);
        }
        seal(buffer, start);
        rest = remaining;
    }
    Ok(Sum::of(buffer))
}

/// Encodes the additional members of the first line of an append.
pub(crate) fn put_append(
    buffer: &mut Vec<u8>,
    lines: usize,
    Predecessor { synced, prev }: Predecessor,
) {
    // Writing to a vector cannot fail.
    let _ = write!(buffer, ",\"lines\":{lines},\"synced\":{synced},\"prev\":\"{prev}\"");
}
