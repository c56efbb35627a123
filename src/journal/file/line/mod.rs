//! A line: one JSON object, whose last member is the CRC-32C of everything before it.
//!
//! The checksum is that of the bytes up to the comma before `"crc"` (Castagnoli, as in iSCSI, RFC 3720), in eight
//! lowercase hexadecimal digits. Lines of format 1 use other names for the same members; they are read as aliases.

mod members;
mod sum;
#[cfg(test)]
mod tests;
mod write;

use std::io::Write as _;
use std::str::from_utf8;

pub(crate) use self::members::Line;
pub(crate) use self::sum::Sum;
pub(crate) use self::write::{After, encode_append, put_append};

/// The length of what follows the summed bytes: `,"crc":"xxxxxxxx"}`.
pub(crate) const SEAL: usize = 18;

/// The records of a journal that are not changes.
pub(crate) const ENTRY: &str = "entry";
pub(crate) const END: &str = "end";
pub(crate) const CLOSE: &str = "close";

/// The summed bytes of a line, if its checksum is right.
pub(crate) fn unseal(line: &[u8]) -> Option<&[u8]> {
    let (text, seal) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    let digits = seal.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"}")?;
    let sum: Sum = from_utf8(digits).ok()?.parse().ok()?;
    (sum == Sum::of(text)).then_some(text)
}

/// End the line that began at `start`: its checksum, and a newline.
pub(crate) fn seal(buffer: &mut Vec<u8>, start: usize) {
    let sum = Sum::of(&buffer[start..]);
    // Writing to a vector does not fail.
    let _ = writeln!(buffer, ",\"crc\":\"{sum}\"}}");
}
