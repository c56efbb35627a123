//! A line: one JSON object whose last member is the CRC-32C of everything before it.
//!
//! The checksum covers the bytes before the comma that precedes `"crc"` (Castagnoli, as in iSCSI, RFC 3720), and is
//! written in eight lowercase hexadecimal digits. Lines of format 1 use other names for the same members, which are
//! aliases.

mod members;
mod sum;
#[cfg(test)]
mod tests;
mod write;

use std::io::Write as _;
use std::str::from_utf8;

pub(crate) use self::members::Line;
pub(crate) use self::sum::Sum;
pub(crate) use self::write::{Predecessor, encode_append, put_append};

/// The length of the end of a line, after the bytes that the checksum covers: `,"crc":"xxxxxxxx"}`.
pub(crate) const SEAL: usize = 18;

/// The names of the records that are not changes.
pub(crate) const ENTRY: &str = "entry";
pub(crate) const END: &str = "end";
pub(crate) const CLOSE: &str = "close";

/// Returns the bytes of a line that the checksum covers, if the checksum is correct.
pub(crate) fn unseal(line: &[u8]) -> Option<&[u8]> {
    let (text, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    let sum: Sum = from_utf8(digits).ok()?.parse().ok()?;
    (sum == Sum::of(text)).then_some(text)
}

/// Ends the line that began at `start` with its checksum and a newline.
pub(crate) fn seal(buffer: &mut Vec<u8>, start: usize) {
    let sum = Sum::of(&buffer[start..]);
    // Writing to a vector cannot fail.
    let _ = writeln!(buffer, ",\"crc\":\"{sum}\"}}");
}
