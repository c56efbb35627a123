//! Pending commands, and the futures of commands that were sent.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::results::ResponseReader;
use super::{Backend, Local, LocalCall};
use crate::model::{Command, Error, TrySendError};

/// A command that is not sent yet and returns `A`. Await it, or send it with [`try_send`](Self::try_send) or
/// [`blocking_send`](Self::blocking_send).
///
/// Awaiting it waits for room in the queue, if that is full, and then for the reply.
///
/// It converts into a future when it is awaited ([`IntoFuture`]). For functions that take futures, such as
/// `join_all`, call `.into_future()`. It borrows its handle, so a spawned task has to own a clone of
/// the handle: `let s = store.clone(); tokio::spawn(async move { s.set("k", "v").await })`.
///
/// Commands with options have types of their own, which can be awaited and sent like this one:
/// [`PendingWrite`](crate::PendingWrite), [`PendingPut`](crate::PendingPut), [`PendingScan`](crate::PendingScan),
/// [`PendingSubscribe`](crate::PendingSubscribe).
///
/// # Cancel safety
///
/// If the future is dropped before the command was queued, the command has no effect. After that, it
/// may still take effect, although the caller does not get the reply.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::Store;
///
/// let store = Store::<f64>::builder().spawn();
/// store.set("car/speed", 42.0).ttl(Duration::from_secs(60)).if_absent().await?;
/// # Ok(()) }
/// ```
#[must_use = "a command does nothing until it is awaited or sent"]
pub struct Pending<'a, T, A, B = Local<T>, E = Error> {
    backend: &'a B,
    command: Command<T>,
    read: ResponseReader<T, A, E>,
}

impl<'a, T, A, B, E> Pending<'a, T, A, B, E> {
    pub(super) fn new(backend: &'a B, command: Command<T>, read: ResponseReader<T, A, E>) -> Self {
        Self { backend, command, read }
    }

    pub(super) fn into_parts(self) -> (&'a B, Command<T>) {
        (self.backend, self.command)
    }

    pub(super) fn command_mut(&mut self) -> &mut Command<T> {
        &mut self.command
    }
}

impl<'a, T: Send + Sync + 'static, A, E> Pending<'a, T, A, Local<T>, E> {
    /// Sends the command if there is room in the queue now, without waiting. Returns a future of the reply.
    ///
    /// # Errors
    ///
    /// If there is no room or the store is closed, the error returns the unchanged command. It borrows the
    /// store; [`TrySendError::into_error`] does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store};
    ///
    /// let store = Store::<u64>::builder().queue_capacity(1).spawn();
    /// let reply = store.set("a", 1).try_send().map_err(|error| error.into_error())?;
    /// let full = store.set("b", 2).try_send().unwrap_err(); // the owner has not run yet
    /// assert_eq!(*full.error(), Error::Busy);
    /// assert_eq!(reply.await?, 1);
    /// # Ok(()) }
    /// ```
    pub fn try_send(self) -> Result<Reply<'a, T, A, E>, TrySendError<Self>> {
        let Self { backend, command, read } = self;
        match backend.reserve(&command) {
            Ok(permit) => Ok(Reply { reply: backend.send_with(permit, command), read }),
            Err(error) => Err(TrySendError::new(Self { backend, command, read }, error)),
        }
    }

    /// Sends the command and blocks the thread until the reply, for threads outside of a runtime.
    ///
    /// # Errors
    ///
    /// As when the command is awaited.
    ///
    /// # Panics
    ///
    /// If called within an asynchronous context, as tokio's own `blocking_` methods do. Await the command there
    /// instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<String>::builder().spawn();
    /// let handle = store.clone();
    /// std::thread::spawn(move || handle.set("k", "v").blocking_send()).join().unwrap()?;
    /// assert!(store.contains("k").await?);
    /// # Ok(()) }
    /// ```
    pub fn blocking_send(self) -> Result<A, E> {
        // `blocking_recv` panics in an asynchronous context: do that before the command is queued.
        let (sender, receiver) = oneshot::channel();
        let _ = sender.send(());
        let _ = receiver.blocking_recv();
        let mut call = self.into_future();
        loop {
            let (sender, receiver) = oneshot::channel();
            let waker = Waker::from(Arc::new(ThreadWaker(Mutex::new(Some(sender)))));
            if let Poll::Ready(answer) = Pin::new(&mut call).poll(&mut Context::from_waker(&waker))
            {
                return answer;
            }
            let _ = receiver.blocking_recv();
        }
    }
}

/// Wakes a thread that waits for a reply.
struct ThreadWaker(Mutex<Option<oneshot::Sender<()>>>);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        if let Some(sender) = self.0.lock().take() {
            let _ = sender.send(());
        }
    }
}

impl<'a, T, A, B: Backend<T>, E> IntoFuture for Pending<'a, T, A, B, E> {
    type Output = Result<A, E>;
    type IntoFuture = Call<'a, T, A, B, E>;

    fn into_future(self) -> Call<'a, T, A, B, E> {
        Call { call: self.backend.send(self.command), read: self.read }
    }
}

/// The future of an awaited command.
#[must_use = "futures do nothing unless polled"]
pub struct Call<'a, T, A, B: Backend<T> = Local<T>, E = Error> {
    call: B::Call<'a>,
    read: ResponseReader<T, A, E>,
}

impl<T, A, B: Backend<T>, E> Future for Call<'_, T, A, B, E> {
    type Output = Result<A, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<A, E>> {
        Pin::new(&mut self.call).poll(cx).map(self.read)
    }
}

/// The future of the reply to a command that was sent with `try_send`.
///
/// # Cancel safety
///
/// The command is already queued: if this is dropped, it still takes effect, and the caller does not get the reply.
#[must_use = "the reply says whether the command succeeded"]
pub struct Reply<'a, T, A, E = Error> {
    reply: LocalCall<'a, T>,
    read: ResponseReader<T, A, E>,
}

impl<T, A, E> Future for Reply<'_, T, A, E> {
    type Output = Result<A, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<A, E>> {
        Pin::new(&mut self.reply).poll(cx).map(self.read)
    }
}

impl<T, A, B, E> fmt::Debug for Pending<'_, T, A, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl<T, A, B: Backend<T>, E> fmt::Debug for Call<'_, T, A, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl<T, A, E> fmt::Debug for Reply<'_, T, A, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}
