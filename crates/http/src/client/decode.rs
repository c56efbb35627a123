//! Decoding of responses.

use mainspring::internal::{Counts, Row, Slice};
use mainspring::journal::CompactionReport;
use mainspring::{Action, Entry, Error, Key, Page, ResumeToken, Stats, StoreId, Write, Written};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;

use crate::protocol::{CompactionResult, Problem, StoreStats, responses};

type Read<A> = Result<A, String>;

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The member that the response to a write must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequiredMember {
    Revision,
    /// The popped element.
    Element,
    /// The number of removed elements.
    Count,
}

impl RequiredMember {
    pub(super) fn of<T>(write: &Write<T>) -> Self {
        match write.action() {
            Action::Pop { .. } => Self::Element,
            Action::Trim { .. } => Self::Count,
            _ => Self::Revision,
        }
    }
}

pub(super) fn written<T: DeserializeOwned>(
    body: &[u8],
    required: RequiredMember,
) -> Read<Written<T>> {
    let responses::Written { revision, updated_at, length, popped, removed } =
        serde_json::from_slice(body).map_err(text)?;
    match required {
        RequiredMember::Element if popped.is_none() => return Err("`popped` is missing".into()),
        RequiredMember::Count if removed.is_none() => return Err("`removed` is missing".into()),
        _ => {}
    }
    let counts = Counts { length: length.unwrap_or_default(), removed };
    let mut written = Written::new(revision, updated_at, counts);
    written.popped = popped;
    Ok(written)
}

/// The results of a batch.
pub(super) fn batch<T: DeserializeOwned>(
    body: &[u8],
    required: &[RequiredMember],
) -> Read<Vec<Written<T>>> {
    results(body, required)?.map(|(result, required)| written(result, required)).collect()
}

/// The results of independent writes.
pub(super) fn independent<T: DeserializeOwned>(
    body: &[u8],
    required: &[RequiredMember],
) -> Read<Vec<Result<Written<T>, Error>>> {
    let read = |(result, required): (&[u8], RequiredMember)| match serde_json::from_slice::<Problem>(
        result,
    ) {
        Ok(problem) => Ok(Err(problem.into_error())),
        Err(_) => written(result, required).map(Ok),
    };
    results(body, required)?.map(read).collect()
}

fn results<'a>(
    body: &'a [u8],
    required: &'a [RequiredMember],
) -> Read<impl Iterator<Item = (&'a [u8], RequiredMember)>> {
    let results: Vec<&RawValue> = serde_json::from_slice(body).map_err(text)?;
    if results.len() != required.len() {
        return Err(format!("found {} results for {} writes", results.len(), required.len()));
    }
    Ok(results.into_iter().map(|result| result.get().as_bytes()).zip(required.iter().copied()))
}

/// The entry of a key.
pub(super) fn entry<T: DeserializeOwned>(body: &[u8]) -> Read<Entry<T>> {
    serde_json::from_slice(body).map(|Row(_, entry)| entry).map_err(text)
}

/// A range of a list.
pub(super) fn slice<T: DeserializeOwned>(body: &[u8]) -> Read<Slice<T>> {
    let responses::ListRange { elements, length, revision } =
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
    let result: CompactionResult = serde_json::from_slice(body).map_err(text)?;
    Ok(result.into())
}

/// The id and the statistics of a store.
pub(super) fn stats(body: &[u8]) -> Read<(StoreId, Stats)> {
    let stats: StoreStats = serde_json::from_slice(body).map_err(text)?;
    Ok((store_id(&stats.id)?, stats.into()))
}

/// Parses the id of a store.
pub(super) fn store_id(text: &str) -> Read<StoreId> {
    // A store id is the first part of a resume token.
    let token: Result<ResumeToken, _> = format!("{text}-0").parse();
    token.map(|token| token.store).map_err(|_| format!("invalid store id {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_response_is_an_error() {
        let valid =
            br#"{"message":"ok","revision":7,"updated_at":"2026-01-01T00:00:00Z","length":2}"#;
        let done = written::<String>(valid, RequiredMember::Revision).unwrap();
        assert_eq!((done.revision, done.length, done.popped), (7, 2, None));
        assert!(written::<String>(valid, RequiredMember::Element).is_err());
        for body in ["", "{}", "null", "[]", "<html>", r#"{"revision":7}"#, r#"{"revision":-1}"#] {
            let result = written::<String>(body.as_bytes(), RequiredMember::Revision);
            assert!(result.is_err(), "{body}");
        }
        assert!(batch::<String>(b"[]", &[RequiredMember::Revision]).is_err());
        assert!(stats(b"{}").is_err());
        assert!(stats(br#"{"id":"0123456789abcdef","journal":{"sync_seconds":-1}}"#).is_ok());
    }

    #[test]
    fn independent_writes_have_a_result_each() {
        let body = br#"[{"revision":1,"updated_at":"2026-01-01T00:00:00Z"},{"code":"list_empty","message":"m"}]"#;
        let required = [RequiredMember::Revision, RequiredMember::Element];
        let results = independent::<String>(body, &required).unwrap();
        assert_eq!(results[0].as_ref().unwrap().revision, 1);
        assert_eq!(results[1], Err(Error::ListEmpty));
    }
}
