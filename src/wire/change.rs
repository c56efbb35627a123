//! JSON encoding of a change: in a stream of events, and in a journal.

use std::fmt::Write as _;
use std::ops::Range;

use serde::Serialize;

use super::row::put_ttl;
use super::{Text, put_text, put_time, put_value};
use crate::{Change, ChangeKind, End};

/// Write a change, without its closing brace: members may follow. Returns where in `out` the value or the pushed
/// element is; the range is empty if the change has neither.
pub(crate) fn put_change<T: Serialize>(
    out: &mut Vec<u8>,
    change: &Change<T>,
) -> serde_json::Result<Range<usize>> {
    let _ = write!(Text(out), "{{\"revision\":{},\"time\":\"", change.revision);
    put_time(out, change.at);
    out.push(b'"');
    if !change.key.is_empty() {
        out.extend_from_slice(b",\"key\":");
        put_text(out, &change.key);
    }
    let _ = write!(Text(out), ",\"change\":\"{}\"", name_of(&change.kind));
    let mut value_range = 0..0;
    match &change.kind {
        ChangeKind::Set { value, expires_at } | ChangeKind::Updated { value, expires_at } => {
            out.extend_from_slice(b",\"value\":");
            let start = out.len();
            let kind = put_value(out, value)?;
            value_range = start..out.len();
            let _ = write!(Text(out), ",\"kind\":\"{kind}\",");
            put_ttl(out, *expires_at);
        }
        ChangeKind::Pushed { end, element, length, expires_at } => {
            out.extend_from_slice(b",\"element\":");
            let start = out.len();
            serde_json::to_writer(&mut *out, element)?;
            value_range = start..out.len();
            put_end(out, *end, *length);
            out.push(b',');
            put_ttl(out, *expires_at);
        }
        ChangeKind::Popped { end, length } => put_end(out, *end, *length),
        ChangeKind::Touched { expires_at } => {
            out.push(b',');
            put_ttl(out, *expires_at);
        }
        // A stream hides the count from a caller that may not read every key.
        ChangeKind::Cleared { count: 0 } => {}
        ChangeKind::Cleared { count } => {
            let _ = write!(Text(out), ",\"count\":{count}");
        }
        ChangeKind::Removed | ChangeKind::Expired => {}
    }
    Ok(value_range)
}

fn name_of<T>(kind: &ChangeKind<T>) -> &'static str {
    match kind {
        ChangeKind::Set { .. } => "set",
        ChangeKind::Updated { .. } => "updated",
        ChangeKind::Removed => "removed",
        ChangeKind::Expired => "expired",
        ChangeKind::Pushed { .. } => "pushed",
        ChangeKind::Popped { .. } => "popped",
        ChangeKind::Touched { .. } => "touched",
        ChangeKind::Cleared { .. } => "cleared",
    }
}

/// The name of an end of a list.
fn end_name(end: End) -> &'static str {
    match end {
        End::Front => "front",
        End::Back => "back",
    }
}

fn put_end(out: &mut Vec<u8>, end: End, length: usize) {
    let _ = write!(Text(out), ",\"end\":\"{}\",\"length\":{length}", end_name(end));
}
