//! Writing appends.

use std::io::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Sum, seal};
use crate::journal::codec::{Unreadable, put_checked};
use crate::model::Change;

/// How large a buffer may be that is kept.
const KEEP: usize = 1 << 20;

/// What an append follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct After {
    /// The offset in the file up to which everything is synced.
    pub(crate) synced: u64,
    /// The checksum of the append before.
    pub(crate) prev: Sum,
}

/// Encode an append: a line for each change, or each batch. Returns its checksum.
///
/// # Errors
///
/// As [`put_checked`]. The buffer is of no use then.
pub(crate) fn encode_append<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    changes: &[Change<T>],
    after: After,
) -> Result<Sum, Unreadable> {
    buffer.clear();
    buffer.shrink_to(KEEP);
    let lines = changes.iter().filter(|change| !change.continues).count();
    let mut rest = changes;
    while let Some(at) = rest.iter().position(|change| !change.continues) {
        let (batch, others) = rest.split_at(at + 1);
        let start = buffer.len();
        put_checked(buffer, batch)?;
        if start == 0 {
            put_append(buffer, lines, after);
        }
        seal(buffer, start);
        rest = others;
    }
    Ok(Sum::of(buffer))
}

/// Write the members that begin an append.
pub(crate) fn put_append(buffer: &mut Vec<u8>, lines: usize, After { synced, prev }: After) {
    // Writing to a vector does not fail.
    let _ = write!(buffer, ",\"lines\":{lines},\"synced\":{synced},\"prev\":\"{prev}\"");
}
