//! Conversion of the response of a backend into the return value of a method.

use crate::feed::{ListenerGuard, Subscription};
use crate::journal::CompactionReport;
use crate::model::{BatchError, Entry, Error, Key, Page, Pushed, Slice, Written};
use crate::owner::message::CommandResult;
use crate::owner::response::Response;

/// Converts the response of a backend into the return value of a method.
pub(super) type ResponseReader<T, A, E = Error> = fn(CommandResult<T>) -> Result<A, E>;

/// One function for each kind of response, of the same name.
macro_rules! readers {
    ($($name:ident: $variant:ident -> $result:ty;)+) => {$(
        pub(super) fn $name<T>(result: CommandResult<T>) -> Result<$result, Error> {
            match result? {
                Response::$variant(result) => Ok(result),
                _ => unreachable!(concat!("the backend must respond with ", stringify!($variant))),
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
    watch: Watch -> ListenerGuard;
    written: Written -> Written<T>;
    many: Many -> Vec<Result<Written<T>, Error>>;
    cleared: Cleared -> usize;
    compacted: Compacted -> CompactionReport;
    source: Subscription -> crate::feed::SubscriptionSource<T>;
}

pub(super) fn subscription<T: Clone + Send + Sync + 'static>(
    result: CommandResult<T>,
) -> Result<Subscription<T>, Error> {
    source(result).map(Subscription::open)
}

pub(super) fn batch<T>(result: CommandResult<T>) -> Result<Vec<Written<T>>, BatchError> {
    match result? {
        Response::Batch(result) => result,
        _ => unreachable!("the backend must respond with Batch"),
    }
}

/// The result of a push and a trim in one batch.
pub(super) fn pushed_and_trimmed<T>(result: CommandResult<T>) -> Result<Pushed, Error> {
    match batch(result).map_err(|failed| failed.error)?.pop() {
        Some(trimmed) => Ok(trimmed.into()),
        None => unreachable!("a batch has a result for each of its writes"),
    }
}

/// The result of a write, in the type of its method.
pub(super) fn write<T, A: From<Written<T>>>(result: CommandResult<T>) -> Result<A, Error> {
    written(result).map(A::from)
}

/// The results of independent writes, in the type of their method.
pub(super) fn writes<T, A: From<Written<T>>>(
    result: CommandResult<T>,
) -> Result<Vec<Result<A, Error>>, Error> {
    Ok(many(result)?.into_iter().map(|written| written.map(A::from)).collect())
}
