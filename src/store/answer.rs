//! From the response of a backend to the answer that a method promises.

use crate::feed::{Listening, Subscription};
use crate::journal::Compacted;
use crate::model::{BatchError, Entry, Error, Key, Page, Popped, Pushed, Slice, Written};
use crate::owner::message::Answer;
use crate::owner::response::Response;

/// Takes what a method promises from the response of a backend.
pub(super) type Read<T, A, E = Error> = fn(Answer<T>) -> Result<A, E>;

/// One function for each kind of response, of the same name.
macro_rules! readers {
    ($($name:ident: $variant:ident -> $answer:ty;)+) => {$(
        pub(super) fn $name<T>(answer: Answer<T>) -> Result<$answer, Error> {
            match answer? {
                Response::$variant(answer) => Ok(answer),
                _ => unreachable!(concat!("a backend answers with ", stringify!($variant))),
            }
        }
    )+};
}

readers! {
    entry: Entry -> Option<Entry<T>>;
    contains: Contains -> bool;
    length: Length -> Option<usize>;
    last: Last -> Option<T>;
    range: Range -> Option<Vec<T>>;
    slice: Slice -> Option<Slice<T>>;
    keys: Keys -> Page<Key>;
    entries: Entries -> Page<(Key, Entry<T>)>;
    watch: Watch -> Listening;
    written: Written -> Written<T>;
    many: Many -> Vec<Result<Written<T>, Error>>;
    cleared: Cleared -> usize;
    compacted: Compacted -> Compacted;
    opening: Subscription -> crate::feed::Opening<T>;
    batch_result: Batch -> Result<Vec<Written<T>>, BatchError>;
}

pub(super) fn subscription<T: Clone + Send + Sync + 'static>(
    answer: Answer<T>,
) -> Result<Subscription<T>, Error> {
    opening(answer).map(Subscription::open)
}

pub(super) fn batch<T>(answer: Answer<T>) -> Result<Vec<Written<T>>, BatchError> {
    batch_result(answer)?
}

pub(super) fn revision<T>(answer: Answer<T>) -> Result<u64, Error> {
    written(answer).map(|written| written.revision)
}

pub(super) fn pushed<T>(answer: Answer<T>) -> Result<Pushed, Error> {
    written(answer).map(Pushed::from)
}

pub(super) fn popped<T>(answer: Answer<T>) -> Result<Popped<T>, Error> {
    let Written { revision, length, popped, .. } = written(answer)?;
    match popped {
        Some(element) => Ok(Popped { element, revision, length }),
        None => unreachable!("a pop that was accepted has popped"),
    }
}

/// The answers to independent writes of one kind.
fn each<T, A>(
    answer: Answer<T>,
    read: fn(Written<T>) -> A,
) -> Result<Vec<Result<A, Error>>, Error> {
    Ok(many(answer)?.into_iter().map(|written| written.map(read)).collect())
}

pub(super) fn revisions<T>(answer: Answer<T>) -> Result<Vec<Result<u64, Error>>, Error> {
    each(answer, |written| written.revision)
}

pub(super) fn all_pushed<T>(answer: Answer<T>) -> Result<Vec<Result<Pushed, Error>>, Error> {
    each(answer, Pushed::from)
}
