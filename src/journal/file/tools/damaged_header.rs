//! Segments with a damaged header and intact appends behind it.

use crate::journal::file::line::{Line, Sum, unseal};
use crate::journal::file::segment::SegmentInfo;

/// Returns the segment with a restored header. The content of the header is known from the manifest, or from the name
/// of the file and the first append, which records the checksum that it follows.
pub(super) fn with_header(
    info: &SegmentInfo,
    mut bytes: Vec<u8>,
) -> Option<(SegmentInfo, Vec<u8>)> {
    let end = memchr::memchr(b'\n', &bytes)?;
    if unseal(&bytes[..end]).is_some() {
        return None; // it is intact, and belongs to another segment
    }
    let chained = || {
        // A header with any checksum has the same length as the damaged one.
        let guess = SegmentInfo { prev: Some(Sum::of(b"")), ..info.clone() };
        let first = bytes.get(guess.header().len()..)?;
        let line = first.split(|byte| *byte == b'\n').next()?;
        unseal(line)?;
        let prev = Line::parse(line).ok()?.extra.prev?;
        Some(SegmentInfo { prev: Some(prev), ..guess })
    };
    let info = if info.prev.is_some() { None } else { chained() }.unwrap_or_else(|| info.clone());
    let header = info.header();
    bytes.get_mut(..header.len())?.copy_from_slice(&header);
    Some((info, bytes))
}
