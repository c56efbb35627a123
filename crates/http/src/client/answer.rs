//! The answers of a server, as they are read.

use mainspring::internal::{Counts, Row, Slice};
use mainspring::journal::CompactionReport;
use mainspring::{Action, Entry, Error, Key, Page, ResumeToken, Stats, StoreId, Write, Written};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::protocol::{CompactionResult, Problem, StoreStats, answers};

type Read<A> = Result<A, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What has to be in the answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Revision,
    Element,
    /// How many elements were removed.
    Count,
}

impl Wanted {
    pub(super) fn of<T>(write: &Write<T>) -> Self {
        match write.action() {
            Action::Pop { .. } => Self::Element,
            Action::Trim { .. } => Self::Count,
            _ => Self::Revision,
        }
    }
}

pub(super) fn written<T: DeserializeOwned>(body: &[u8], wanted: Wanted) -> Read<Written<T>> {
    let answers::Written { revision, updated_at, length, popped, removed } =
        serde_json::from_slice(body).map_err(text)?;
    match wanted {
        Wanted::Element if popped.is_none() => return Err("it does not have the element".into()),
        Wanted::Count if removed.is_none() => return Err("it does not have a count".into()),
        _ => {}
    }
    let counts = Counts { length: length.unwrap_or_default(), removed };
    let mut written = Written::new(revision, updated_at, counts);
    written.popped = popped;
    Ok(written)
}

/// What each of several writes did.
pub(super) fn all<T: DeserializeOwned>(body: &[u8], wanted: &[Wanted]) -> Read<Vec<Written<T>>> {
    parts(body, wanted)?.map(|(part, wanted)| written(part, wanted)).collect()
}

/// What each of several independent writes did, or why it was not done.
pub(super) fn each<T: DeserializeOwned>(
    body: &[u8],
    wanted: &[Wanted],
) -> Read<Vec<Result<Written<T>, Error>>> {
    let read = |(part, wanted): (&[u8], Wanted)| match serde_json::from_slice::<Problem>(part) {
        Ok(problem) => Ok(Err(problem.into_error())),
        Err(_) => written(part, wanted).map(Ok),
    };
    parts(body, wanted)?.map(read).collect()
}

fn parts<'a>(
    body: &'a [u8],
    wanted: &'a [Wanted],
) -> Read<impl Iterator<Item = (&'a [u8], Wanted)>> {
    let parts: Vec<&RawValue> = serde_json::from_slice(body).map_err(text)?;
    if parts.len() != wanted.len() {
        return Err(format!("it has {} results for {} writes", parts.len(), wanted.len()));
    }
    Ok(parts.into_iter().map(|part| part.get().as_bytes()).zip(wanted.iter().copied()))
}

/// The entry of a key.
pub(super) fn entry<T: DeserializeOwned>(body: &[u8]) -> Read<Entry<T>> {
    serde_json::from_slice(body).map(|Row(_, entry)| entry).map_err(text)
}

/// A part of a list.
pub(super) fn slice<T: DeserializeOwned>(body: &[u8]) -> Read<Slice<T>> {
    let answers::Part { elements, length, revision } =
        serde_json::from_slice(body).map_err(text)?;
    Ok(Slice { elements, length, revision })
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct ReadPage<T> {
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default = "Vec::new")]
    entries: Vec<Row<T>>,
    next: Option<String>,
    revision: u64,
}

/// A page of keys.
pub(super) fn keys(body: &[u8]) -> Read<Page<Key>> {
    let ReadPage::<IgnoredAny> { keys, next, revision, .. } =
        serde_json::from_slice(body).map_err(text)?;
    let items = keys.into_iter().map(Key::from).collect();
    Ok(Page { items, next: next.map(Key::from), revision })
}

/// A page of entries.
pub(super) fn entries<T: DeserializeOwned>(body: &[u8]) -> Read<Page<(Key, Entry<T>)>> {
    let ReadPage { entries, next, revision, .. } = serde_json::from_slice(body).map_err(text)?;
    let items = entries.into_iter().map(|Row(key, entry)| (key, entry)).collect();
    Ok(Page { items, next: next.map(Key::from), revision })
}

/// The result of a compaction.
pub(super) fn compacted(body: &[u8]) -> Read<CompactionReport> {
    let figures: CompactionResult = serde_json::from_slice(body).map_err(text)?;
    Ok(figures.into())
}

/// Which store it is, and how it is doing.
pub(super) fn stats(body: &[u8]) -> Read<(StoreId, Stats)> {
    let stats: StoreStats = serde_json::from_slice(body).map_err(text)?;
    Ok((store_id(&stats.id)?, stats.into()))
}

/// The id of a store, as it is sent.
pub(super) fn store_id(text: &str) -> Read<StoreId> {
    // It is the first part of its resume tokens.
    let token: Result<ResumeToken, _> = format!("{text}-0").parse();
    token.map(|token| token.store).map_err(|_| format!("{text:?} is no id of a store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_lacks_something_is_no_answer() {
        let whole =
            br#"{"message":"ok","revision":7,"updated_at":"2026-01-01T00:00:00Z","length":2}"#;
        let done = written::<String>(whole, Wanted::Revision).unwrap();
        assert_eq!((done.revision, done.length, done.popped), (7, 2, None));
        assert!(written::<String>(whole, Wanted::Element).is_err());
        for body in ["", "{}", "null", "[]", "<html>", r#"{"revision":7}"#, r#"{"revision":-1}"#] {
            assert!(written::<String>(body.as_bytes(), Wanted::Revision).is_err(), "{body}");
        }
        assert!(all::<String>(b"[]", &[Wanted::Revision]).is_err());
        assert!(stats(b"{}").is_err());
        assert!(stats(br#"{"id":"0123456789abcdef","journal":{"sync_seconds":-1}}"#).is_ok());
    }

    #[test]
    fn independent_writes_have_an_answer_each() {
        let body = br#"[{"revision":1,"updated_at":"2026-01-01T00:00:00Z"},{"code":"list_empty","message":"m"}]"#;
        let each = each::<String>(body, &[Wanted::Revision, Wanted::Element]).unwrap();
        assert_eq!(each[0].as_ref().unwrap().revision, 1);
        assert_eq!(each[1], Err(Error::ListEmpty));
    }
}
