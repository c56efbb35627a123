//! Pending commands with options.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use super::pending::{Call, Pending, Reply};
use super::results::{self, ResponseReader};
use super::{Backend, Local};
use crate::feed::Subscription;
use crate::model::{
    Command, Condition, Error, Filter, Key, Page, Pushed, ResumeToken, Scan, Start, StoreId,
    Subscribe, TrySendError, Ttl, Write,
};

/// The maximum length of a page.
const MAX_PAGE: usize = 10_000;

/// Define a pending command with options: a wrapper of [`Pending`] that is awaited and sent like it.
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
            /// Sends the command if there is room in the queue now. See [`Pending::try_send`].
            ///
            /// # Errors
            ///
            /// If there is no room or the store is closed, the error returns the unchanged command.
            pub fn try_send(self) -> Result<Reply<'a, T, $answer>, TrySendError<Self>> {
                self.0.try_send().map_err(|error| error.map(Self))
            }

            /// Sends the command and blocks the thread until the reply. See [`Pending::blocking_send`].
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
    /// A write that is not sent yet and returns `A`. Takes a condition. See [`Pending`].
    PendingWrite<A> -> A
}

request! {
    /// A write that is not sent yet and returns `A`. Takes a condition and a time to live. See [`Pending`].
    PendingPut<A> -> A
}

request! {
    /// A read of a page of `I` that is not sent yet. See [`Pending`].
    PendingScan<I> -> Page<I>
}

request! {
    /// A request for a subscription that is not sent yet. See [`Pending`].
    PendingSubscribe<> -> Subscription<T>
}

/// Define the conditions of a write.
macro_rules! conditions {
    ($name:ident) => {
        impl<T, A, B> $name<'_, T, A, B> {
            fn with(mut self, option: impl FnOnce(&mut Write<T>)) -> Self {
                if let Command::Write(write) = self.0.command_mut() {
                    option(write);
                }
                self
            }

            /// Write only if the key is absent; otherwise fail with [`Error::ConditionFailed`].
            ///
            /// # Examples
            ///
            /// ```
            /// # #[tokio::main(flavor = "current_thread")]
            /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// use mainspring::{Error, Store};
            ///
            /// let store = Store::<String>::builder().spawn();
            /// store.set("lock", "ada").if_absent().await?;
            /// let second = store.set("lock", "grace").if_absent().await;
            /// assert_eq!(second, Err(Error::ConditionFailed { current: Some(1) }));
            ///
            /// store.remove("lock").if_revision(1).await?;
            /// # Ok(()) }
            /// ```
            pub fn if_absent(self) -> Self {
                self.with(|write| write.set_condition(Condition::IfAbsent))
            }

            /// Write only if the key is present; otherwise fail with [`Error::ConditionFailed`].
            pub fn if_present(self) -> Self {
                self.with(|write| write.set_condition(Condition::IfPresent))
            }

            /// Write only if the last change to the key has this revision; otherwise fail with
            /// [`Error::ConditionFailed`].
            pub fn if_revision(self, revision: u64) -> Self {
                self.with(|write| write.set_condition(Condition::IfRevision(revision)))
            }
        }
    };
}

conditions!(PendingWrite);
conditions!(PendingPut);

impl<T, A, B> PendingPut<'_, T, A, B> {
    /// Expire the key this long after the write: more than zero, at most 100 years.
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with(|write| write.set_ttl(Ttl::After(ttl)))
    }

    /// Set no deadline, even if the store has a default time to live.
    pub fn no_ttl(self) -> Self {
        self.with(|write| write.set_ttl(Ttl::Never))
    }
}

impl<'a, T, B> PendingPut<'a, T, Pushed, B> {
    /// Pushes, and atomically keeps at most the last `keep` elements of the list, for a list of bounded length.
    /// Returns the revision and the length after both.
    ///
    /// This is a [`batch`](crate::Store::batch) of a push and a [`trim`](crate::Store::trim). The push is decided
    /// first, so at a limit in bytes it needs room for its element, which the trim frees only afterwards. For a push to
    /// the front, use [`keep_first`](Self::keep_first): this method would remove the new element.
    ///
    /// # Errors
    ///
    /// As the push. [`Error::Refused`] if the key is gated, because a batch passes no gate.
    ///
    /// # Cancel safety
    ///
    /// See [`Pending`].
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

    /// Pushes, and atomically keeps at most the first `keep` elements of the list. As
    /// [`keep_last`](Self::keep_last), for a push to the front.
    ///
    /// # Errors
    ///
    /// As [`keep_last`](Self::keep_last).
    ///
    /// # Cancel safety
    ///
    /// See [`Pending`].
    pub fn keep_first(self, keep: usize) -> Pending<'a, T, Pushed, B> {
        self.trimmed(|key| Write::trim_front(key, keep))
    }

    fn trimmed(self, trim: impl FnOnce(&Key) -> Write<T>) -> Pending<'a, T, Pushed, B> {
        let (backend, command) = self.0.into_parts();
        let Command::Write(push) = command else { unreachable!("a put is a write") };
        let trim = trim(push.key());
        Pending::new(backend, Command::Batch(vec![push, trim]), results::pushed_and_trimmed)
    }
}

impl<T, I, B> PendingScan<'_, T, I, B> {
    fn with(mut self, option: impl FnOnce(&mut Scan)) -> Self {
        if let Command::Scan(scan) = self.0.command_mut() {
            option(scan);
        }
        self
    }

    /// Start after this key, which does not have to exist: the [`next`](crate::Page::next) of the previous page.
    pub fn after(self, key: impl Into<Key>) -> Self {
        self.with(|scan| scan.after = Some(key.into()))
    }

    /// The maximum length of the page, between 1 and 10,000: other values are clamped.
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

    /// Deliver only the changes of one key. Changes of other keys do not wake the subscriber.
    pub fn key(self, key: impl Into<Key>) -> Self {
        self.with(|subscribe| subscribe.filter = Filter::Key(key.into()))
    }

    /// Deliver only the changes of the keys with a prefix.
    pub fn prefix(self, prefix: impl Into<Key>) -> Self {
        self.with(|subscribe| subscribe.filter = Filter::Prefix(prefix.into()))
    }

    /// Deliver the entries of the store first, and then its changes, each once and without a gap.
    ///
    /// While the snapshot is read, changes are kept in the history, and in the journal if it can be
    /// [read](crate::journal::Journal::past). Without such a journal, if the store changes faster than the
    /// subscriber reads, for longer than the history reaches back, the subscription ends with
    /// [`Error::Compacted`](crate::Error::Compacted), possibly before its
    /// [`SnapshotEnd`](crate::Event::SnapshotEnd). Subscribing again helps only with a
    /// [longer history](crate::Builder::history_changes), a subscriber that does its slow work elsewhere, or
    /// pages of [`scan`](crate::Reader::scan) instead. Empty the copy before subscribing again.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::collections::HashMap;
    /// use mainspring::{Event, Store};
    ///
    /// let store = Store::<u64>::builder().spawn();
    /// store.set_many([("a", 1), ("b", 2)]).await?;
    ///
    /// let mut events = store.subscribe().from_snapshot().await?;
    /// let mut copy = HashMap::new();
    /// loop {
    ///     let event = events.recv().await?;
    ///     let is_complete = matches!(event, Event::SnapshotEnd { .. });
    ///     event.apply_to(&mut copy);
    ///     if is_complete {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(copy.len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn from_snapshot(self) -> Self {
        self.with(|subscribe| subscribe.start = Start::Snapshot)
    }

    /// Deliver the changes after a revision: that of a [`ResumeToken`], whose store id is checked, or a plain number.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u64>::builder().spawn();
    /// store.set_many([("a", 1), ("b", 2), ("c", 3)]).await?;
    ///
    /// let mut events = store.subscribe().after(1).await?;
    /// assert_eq!(events.recv().await?.revision(), Some(2));
    /// let token = events.resume_token().unwrap();
    ///
    /// let mut resumed = store.subscribe().after(token).await?;
    /// assert_eq!(resumed.recv().await?.revision(), Some(3));
    /// # Ok(()) }
    /// ```
    pub fn after(self, position: impl Into<Position>) -> Self {
        let Position { store, revision } = position.into();
        self.with(|subscribe| subscribe.start = Start::After { store, revision })
    }
}

/// A position in the changes of a store: a [`ResumeToken`], or a plain revision.
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
