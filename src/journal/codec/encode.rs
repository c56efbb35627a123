//! Encoding of changes and entries.

use std::io::Write as _;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Unreadable;
use super::time::put_time;
use super::value::{Kind, ensure_readable, put_value};
use crate::model::{Change, ChangeKind, End, Entry, Timestamp};

// Writing to a vector cannot fail, so the results of `write!` are ignored.

/// Encodes a change without its closing brace, so that members may follow. Returns the range in `out` of the value or
/// of the pushed element; it is empty if the change has neither.
pub(super) fn put_change<T: Serialize>(
    out: &mut Vec<u8>,
    change: &Change<T>,
) -> serde_json::Result<(Range<usize>, Kind)> {
    let _ = write!(out, "{{\"revision\":{},\"time\":\"", change.revision);
    put_time(out, change.at);
    out.push(b'"');
    if !change.key.is_empty() {
        out.extend_from_slice(b",\"key\":");
        put_text(out, &change.key);
    }
    let _ = write!(out, ",\"change\":\"{}\"", name_of(&change.kind));
    let mut encoded = (0..0, Kind::Item);
    match &change.kind {
        ChangeKind::Set { value, expires_at } | ChangeKind::Updated { value, expires_at } => {
            out.extend_from_slice(b",\"value\":");
            let start = out.len();
            let name = put_value(out, value)?;
            encoded = (start..out.len(), Kind::of(value));
            let _ = write!(out, ",\"kind\":\"{name}\"");
            put_ttl(out, *expires_at);
        }
        ChangeKind::Pushed { end, element, length, expires_at } => {
            out.extend_from_slice(b",\"element\":");
            let start = out.len();
            serde_json::to_writer(&mut *out, element)?;
            encoded.0 = start..out.len();
            put_end(out, *end, *length);
            put_ttl(out, *expires_at);
        }
        ChangeKind::Popped { end, length } => put_end(out, *end, *length),
        ChangeKind::Trimmed { end, removed, length } => {
            put_end(out, *end, *length);
            let _ = write!(out, ",\"count\":{removed}");
        }
        ChangeKind::Touched { expires_at } => put_ttl(out, *expires_at),
        // A count of 0 means that the stream hides it from a client without the right to read every key.
        ChangeKind::Cleared { count: 0 } => {}
        ChangeKind::Cleared { count } => {
            let _ = write!(out, ",\"count\":{count}");
        }
        ChangeKind::Removed | ChangeKind::Expired => {}
    }
    Ok(encoded)
}

fn name_of<T>(kind: &ChangeKind<T>) -> &'static str {
    match kind {
        ChangeKind::Set { .. } => "set",
        ChangeKind::Updated { .. } => "updated",
        ChangeKind::Removed => "removed",
        ChangeKind::Expired => "expired",
        ChangeKind::Pushed { .. } => "pushed",
        ChangeKind::Popped { .. } => "popped",
        ChangeKind::Trimmed { .. } => "trimmed",
        ChangeKind::Touched { .. } => "touched",
        ChangeKind::Cleared { .. } => "cleared",
    }
}

fn put_end(out: &mut Vec<u8>, end: End, length: usize) {
    let end = match end {
        End::Front => "front",
        End::Back => "back",
    };
    let _ = write!(out, ",\"end\":\"{end}\",\"length\":{length}");
}

fn put_ttl(out: &mut Vec<u8>, expires_at: Option<Timestamp>) {
    let Some(time) = expires_at else { return out.extend_from_slice(b",\"ttl\":null") };
    out.extend_from_slice(b",\"ttl\":\"");
    put_time(out, time);
    out.push(b'"');
}

/// Encodes the changes of a batch as the member `changes`, after other members. `put` encodes each change without its
/// closing brace.
pub(super) fn put_changes<T, E>(
    out: &mut Vec<u8>,
    changes: &[Change<T>],
    put: impl Fn(&mut Vec<u8>, &Change<T>) -> Result<(), E>,
) -> Result<(), E> {
    out.extend_from_slice(b",\"changes\":[");
    for (n, change) in changes.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        put(out, change)?;
        out.push(b'}');
    }
    out.push(b']');
    Ok(())
}

/// Encodes an entry as a row, without its closing brace, so that members may follow. Returns the range in `out` of the
/// value.
pub fn put_row<T: Serialize>(
    out: &mut Vec<u8>,
    key: &str,
    entry: &Entry<T>,
) -> serde_json::Result<Range<usize>> {
    let mut value = Vec::new();
    let kind = put_value(&mut value, &entry.value)?;
    out.reserve(value.len() + key.len() + 200);
    out.extend_from_slice(b"{\"key\":");
    put_text(out, key);
    let _ = write!(out, ",\"kind\":\"{kind}\",\"value\":");
    let start = out.len();
    out.extend_from_slice(&value);
    let range = start..out.len();
    let _ = write!(out, ",\"revision\":{}", entry.revision);
    put_ttl(out, entry.expires_at);
    out.extend_from_slice(b",\"created_at\":\"");
    put_time(out, entry.created_at);
    out.extend_from_slice(b"\",\"updated_at\":\"");
    put_time(out, entry.updated_at);
    out.push(b'"');
    Ok(range)
}

/// Encodes a change or a batch as a record of a journal, without its closing brace.
///
/// # Errors
///
/// If a value cannot be encoded as JSON that can be decoded again, as far as [`ensure_readable`] detects it.
pub(crate) fn put_checked<T: Serialize + DeserializeOwned>(
    out: &mut Vec<u8>,
    batch: &[Change<T>],
) -> Result<(), Unreadable> {
    let put = |out: &mut Vec<u8>, change: &Change<T>| {
        let (range, kind) = put_change(out, change)?;
        ensure_readable::<T>(&mut out[range], kind)
    };
    match batch {
        [] => Ok(()),
        [change] => put(out, change),
        [.., last] => {
            let _ = write!(out, "{{\"revision\":{},\"change\":\"batch\"", last.revision);
            put_changes(out, batch, put)
        }
    }
}

/// Encodes an entry as a record of a journal, without its closing brace.
///
/// # Errors
///
/// The same as [`put_checked`].
pub(crate) fn put_checked_entry<T: Serialize + DeserializeOwned>(
    out: &mut Vec<u8>,
    key: &str,
    entry: &Entry<T>,
) -> Result<(), Unreadable> {
    let range = put_row(out, key, entry)?;
    ensure_readable::<T>(&mut out[range], Kind::of(&entry.value))
}

/// Encodes a string, with its quotes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}
