//! Commands with options that are not sent yet.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use super::answer::{self, ResponseReader};
use super::pending::{Call, Pending, Reply};
use super::{Backend, Local};
use crate::feed::Subscription;
use crate::model::{
    Command, Condition, Error, Filter, Key, Page, Pushed, ResumeToken, Scan, Start, StoreId,
    Subscribe, TrySendError, Ttl, Write,
};

/// The largest page of keys or entries.
const MAX_PAGE: usize = 10_000;

/// A command with options: a [`Pending`] that can be awaited and sent like any other.
macro_rules! request {
    ($(#[$doc:meta])* $name:ident<$($param:ident),*> -> $answer:ty) => {
        $(#[$doc])*
        #[must_use = "a command does nothing until it is awaited or sent"]
        pub struct $name<'a, T, $($param,)* B = Local<T>>(Pending<'a, T, $answer, B>);

        impl<'a, T, $($param,)* B> $name<'a, T, $($param,)* B> {
            pub(super) fn new(
                backend: &'a B,
                command: Command<T>,
                read: ResponseReader<T, $answer>,
            ) -> Self {
                Self(Pending::new(backend, command, read))
            }
        }

        impl<'a, T: Send + Sync + 'static, $($param),*> $name<'a, T, $($param),*> {
            /// Send the command if there is room in the queue now. See [`Pending::try_send`].
            ///
            /// # Errors
            ///
            /// If there is no room or the store is closed, the command is given back as it was.
            pub fn try_send(self) -> Result<Reply<'a, T, $answer>, TrySendError<Self>> {
                self.0.try_send().map_err(|refused| refused.map(Self))
            }

            /// Send the command and wait for the answer, on a thread that no runtime drives. See
            /// [`Pending::blocking_send`].
            ///
            /// # Errors
            ///
            /// As when the command is awaited.
            ///
            /// # Panics
            ///
            /// If called within an asynchronous context.
            pub fn blocking_send(self) -> Result<$answer, Error> {
                self.0.blocking_send()
            }
        }

        impl<'a, T, $($param,)* B> From<$name<'a, T, $($param,)* B>> for Pending<'a, T, $answer, B> {
            fn from(request: $name<'a, T, $($param,)* B>) -> Self {
                request.0
            }
        }

        impl<'a, T, $($param,)* B: Backend<T>> IntoFuture for $name<'a, T, $($param,)* B> {
            type Output = Result<$answer, Error>;
            type IntoFuture = Call<'a, T, $answer, B>;

            fn into_future(self) -> Self::IntoFuture {
                self.0.into_future()
            }
        }

        impl<T, $($param,)* B> fmt::Debug for $name<'_, T, $($param,)* B> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

request! {
    /// A write that is not sent yet, and answers `A`. Takes a condition.
    PendingWrite<A> -> A
}

request! {
    /// A write that is not sent yet, and answers `A`. Takes a condition and a time to live.
    PendingPut<A> -> A
}

request! {
    /// A read of a page of `I` that is not sent yet.
    PendingScan<I> -> Page<I>
}

request! {
    /// A subscription that has not begun.
    PendingSubscribe<> -> Subscription<T>
}

/// The options of a write.
macro_rules! conditions {
    ($name:ident) => {
        impl<T, A, B> $name<'_, T, A, B> {
            fn with(mut self, option: impl FnOnce(&mut Write<T>)) -> Self {
                if let Command::Write(write) = self.0.command_mut() {
                    option(write);
                }
                self
            }

            /// Only if the key is absent; otherwise [`Error::ConditionFailed`].
            pub fn if_absent(self) -> Self {
                self.with(|write| write.set_condition(Condition::IfAbsent))
            }

            /// Only if the key is present; otherwise [`Error::ConditionFailed`].
            pub fn if_present(self) -> Self {
                self.with(|write| write.set_condition(Condition::IfPresent))
            }

            /// Only if the last change to the key has this revision; otherwise [`Error::ConditionFailed`].
            pub fn if_revision(self, revision: u64) -> Self {
                self.with(|write| write.set_condition(Condition::IfRevision(revision)))
            }
        }
    };
}

conditions!(PendingWrite);
conditions!(PendingPut);

impl<T, A, B> PendingPut<'_, T, A, B> {
    /// Let the key expire this long after the write. More than zero, at most 100 years.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|write| write.set_ttl(Ttl::After(ttl)))
    }

    /// Let the key stay for ever, whatever the store's default is.
    pub fn no_ttl(self) -> Self {
        self.with(|write| write.set_ttl(Ttl::Never))
    }
}

impl<'a, T, B> PendingPut<'a, T, Pushed, B> {
    /// Push, and keep at most the last `keep` elements of the list, both or neither: a history of bounded length.
    /// Answers the revision and the length after both.
    ///
    /// It is a [`batch`](crate::Store::batch) of a push and a [`trim`](crate::Store::trim). The push is decided first, so
    /// at a limit in bytes it needs room for its element, which the trim frees only afterwards. After a push to the
    /// front, use [`keep_first`](Self::keep_first): this one would remove the new element.
    ///
    /// # Errors
    ///
    /// As the push. [`Error::Refused`] if the key is gated, since a batch passes no gate.
    ///
    /// # Cancel safety
    ///
    /// As that of a [`Pending`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u32>::builder().spawn();
    /// for speed in 0..500 {
    ///     store.push("car/speeds", speed).keep_last(100).await?;
    /// }
    /// assert_eq!(store.len("car/speeds").await?, Some(100));
    /// assert_eq!(store.last("car/speeds").await?, Some(499));
    /// # Ok(()) }
    /// ```
    pub fn keep_last(self, keep: usize) -> Pending<'a, T, Pushed, B> {
        self.trimmed(|key| Write::trim(key, keep))
    }

    /// Push, and keep at most the first `keep` elements of the list, both or neither. As
    /// [`keep_last`](Self::keep_last), for a push to the front.
    ///
    /// # Errors
    ///
    /// As [`keep_last`](Self::keep_last).
    ///
    /// # Cancel safety
    ///
    /// As that of a [`Pending`].
    pub fn keep_first(self, keep: usize) -> Pending<'a, T, Pushed, B> {
        self.trimmed(|key| Write::trim_front(key, keep))
    }

    fn trimmed(self, trim: impl FnOnce(&Key) -> Write<T>) -> Pending<'a, T, Pushed, B> {
        let (backend, command) = self.0.into_parts();
        let Command::Write(push) = command else { unreachable!("a put is a write") };
        let trim = trim(push.key());
        Pending::new(backend, Command::Batch(vec![push, trim]), answer::pushed_and_trimmed)
    }
}

impl<T, I, B> PendingScan<'_, T, I, B> {
    fn with(mut self, option: impl FnOnce(&mut Scan)) -> Self {
        if let Command::Scan(scan) = self.0.command_mut() {
            option(scan);
        }
        self
    }

    /// Start after this key, which need not exist: the [`next`](crate::Page::next) of the page before.
    pub fn after(self, key: impl Into<Key>) -> Self {
        self.with(|scan| scan.after = Some(key.into()))
    }

    /// At most this many. Less than 1 is taken as 1, and more than 10,000 as 10,000.
    pub fn limit(self, limit: usize) -> Self {
        self.with(|scan| scan.limit = limit.clamp(1, MAX_PAGE))
    }
}

impl<T, B> PendingSubscribe<'_, T, B> {
    fn with(mut self, option: impl FnOnce(&mut Subscribe)) -> Self {
        if let Command::Subscribe(subscribe) = self.0.command_mut() {
            option(subscribe);
        }
        self
    }

    /// Only the changes of one key. Changes of other keys do not even wake the subscriber.
    pub fn key(self, key: impl Into<Key>) -> Self {
        self.with(|subscribe| subscribe.filter = Filter::Key(key.into()))
    }

    /// Only the changes of the keys with a prefix.
    pub fn prefix(self, prefix: impl Into<Key>) -> Self {
        self.with(|subscribe| subscribe.filter = Filter::Prefix(prefix.into()))
    }

    /// Deliver first the entries of the store, and then its changes, with nothing missing and nothing twice.
    ///
    /// While the snapshot is read, changes wait in the history, and in the journal if there is one that can be
    /// [read](crate::journal::Journal::past). If there is none, and the store changes faster than the
    /// reader reads, and for longer than the history reaches back, the subscription ends with
    /// [`Error::Compacted`](crate::Error::Compacted), also before its [`SnapshotEnd`](crate::Event::SnapshotEnd). Starting over
    /// helps only if something is different then: a
    /// [longer history](crate::Builder::history_changes), a reader that does its slow work elsewhere, or
    /// pages of [`scan`](crate::Reader::scan) instead. Empty the copy before starting over.
    pub fn from_snapshot(self) -> Self {
        self.with(|subscribe| subscribe.start = Start::Snapshot)
    }

    /// Deliver the changes after a revision: that of a [`ResumeToken`], which is checked to be of
    /// this store, or a bare number.
    pub fn after(self, position: impl Into<Position>) -> Self {
        let Position { store, revision } = position.into();
        self.with(|subscribe| subscribe.start = Start::After { store, revision })
    }
}

/// A position in the changes of a store: a [`ResumeToken`], or a bare revision.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    store: Option<StoreId>,
    revision: u64,
}

impl From<u64> for Position {
    fn from(revision: u64) -> Self {
        Self { store: None, revision }
    }
}

impl From<ResumeToken> for Position {
    fn from(token: ResumeToken) -> Self {
        Self { store: Some(token.store), revision: token.revision }
    }
}
