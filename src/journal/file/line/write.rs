//! Writing lines.

use std::fmt::Write as _;
use std::ops::Range;
use std::str::from_utf8;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::read::from_json;
use super::{Codec, ENTRY, Sum, Text, Unreadable, seal};
use crate::model::{Change, ChangeKind, Entry, Key, Value};
use crate::wire::{put_change, put_row};

/// A value with no more brackets than that is not nested too deeply to be read: serde_json goes 128 levels deep.
const MANY_BRACKETS: usize = 100;

/// How large a line may grow in memory before its buffer is given back.
const KEEP: usize = 1 << 20;

/// What an append follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct After {
    /// The offset in the file up to which everything is synced.
    pub(crate) synced: u64,
    /// The checksum of the append before.
    pub(crate) prev: Sum,
}

impl Codec {
    /// Write an append: a line for each change, or each batch. Returns its checksum.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as JSON that can be read back, as far as [`check`] can tell. The buffer is of
    /// no use then.
    pub(crate) fn append<T: Serialize + DeserializeOwned>(
        &mut self,
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
            change_line(buffer, batch)?;
            if start == 0 {
                put_append(buffer, lines, after);
            }
            seal(buffer, start);
            rest = others;
        }
        Ok(Sum::of(buffer))
    }
}

/// Write the members that begin an append.
pub(crate) fn put_append(buffer: &mut Vec<u8>, lines: usize, After { synced, prev }: After) {
    let _ = write!(Text(buffer), ",\"lines\":{lines},\"synced\":{synced},\"prev\":\"{prev}\"");
}

/// Write a line that is a change or a batch, without its end.
pub(crate) fn change_line<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    batch: &[Change<T>],
) -> Result<(), Unreadable> {
    if let [change] = batch {
        return put(buffer, change);
    }
    let Some(last) = batch.last() else { return Ok(()) };
    let revision = last.revision;
    let _ = write!(Text(buffer), "{{\"revision\":{revision},\"change\":\"batch\",\"changes\":[");
    for (n, change) in batch.iter().enumerate() {
        if n > 0 {
            buffer.push(b',');
        }
        put(buffer, change)?;
        buffer.push(b'}');
    }
    buffer.push(b']');
    Ok(())
}

fn put<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    change: &Change<T>,
) -> Result<(), Unreadable> {
    let range = put_change(buffer, change).map_err(unreadable)?;
    let is_list = match &change.kind {
        ChangeKind::Set { value, .. } | ChangeKind::Updated { value, .. } => is_list(value),
        _ => false,
    };
    check::<T>(buffer, range, is_list)
}

/// Write a line that is an entry of a snapshot, without its end.
pub(crate) fn entry_line<T: Serialize + DeserializeOwned>(
    buffer: &mut Vec<u8>,
    key: &Key,
    entry: &Entry<T>,
) -> Result<(), Unreadable> {
    let range = put_row(buffer, key, entry).map_err(unreadable)?;
    check::<T>(buffer, range, is_list(&entry.value))?;
    let _ = write!(Text(buffer), ",\"record\":\"{ENTRY}\"");
    Ok(())
}

fn is_list<T>(value: &Value<T>) -> bool {
    matches!(value, Value::List(_))
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn unreadable(error: serde_json::Error) -> Unreadable {
    Unreadable(error.to_string())
}

/// JSON has no infinities and no NaN: they are written as `null`, which is no number when it is read. And what is
/// nested deeply can be written and not be read. A value with a `null` in it, or with many brackets, is read back
/// before it counts. (A NaN in an `Option` comes back as `None`, which nothing here can tell.)
///
/// A type may bring its own JSON along, on many lines. Inside a text a newline is escaped, so any other is as good
/// as a space, and would end the line too early.
fn check<T: DeserializeOwned>(
    buffer: &mut [u8],
    range: Range<usize>,
    is_list: bool,
) -> Result<(), Unreadable> {
    let written = &mut buffer[range];
    if memchr::memchr(b'\n', written).is_some() {
        written.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    let brackets = memchr::memchr2_iter(b'[', b'{', written).count();
    if brackets > MANY_BRACKETS || memchr::memmem::find(written, b"null").is_some() {
        let text = from_utf8(written).map_err(|error| Unreadable(error.to_string()))?;
        if is_list {
            from_json::<Vec<T>>(text)?;
        } else {
            from_json::<T>(text)?;
        }
    }
    Ok(())
}
