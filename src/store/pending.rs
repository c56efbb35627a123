//! Commands that are not sent yet: values to add options to, and then to await.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::model::{Error, TrySendError, Write, panics};
use crate::owner::message::Envelope;
use crate::owner::queue::{NoRoom, Permit, Place};
use crate::owner::reply;
use crate::store::backend::Carries;
use crate::store::backend::sealed::Sealed;
use crate::store::link::Link;
use crate::store::op;
use crate::store::op::Operation;

/// A command that is not sent yet. Add options to it, then await it, or send it another way.
///
/// Awaiting waits for room in the queue, if it is full, and then for the answer.
///
/// It turns into a future when it is awaited ([`IntoFuture`]); what wants a future at once, such as
/// `join_all`, gets one from `.into_future()`. It borrows its handle, so a task that outlives it clones
/// the handle first: `let s = store.clone(); tokio::spawn(async move { s.set("k", "v").await })`.
///
/// # Cancel safety
///
/// Dropping the future before the command was queued does nothing. Once it was queued, the command
/// may still take effect, although nobody will see the answer.
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
pub struct Pending<'a, T, O, C = Link<T>> {
    pub(crate) carrier: &'a C,
    pub(crate) op: O,
    pub(crate) element: PhantomData<fn() -> T>,
}

/// A write that is not sent yet.
pub type PendingWrite<'a, T, K, C = Link<T>> = Pending<'a, T, op::Single<T, K>, C>;

impl<'a, T, O, C> Pending<'a, T, O, C> {
    pub(crate) fn new(carrier: &'a C, op: O) -> Self {
        Self { carrier, op, element: PhantomData }
    }
}

impl<'a, T: Send + Sync + 'static, O: Operation<T>> Pending<'a, T, O> {
    /// Send the command if there is room in the queue now, without waiting. The answer can be
    /// awaited.
    ///
    /// # Errors
    ///
    /// If there is no room or the store is closed, the command is given back as it was. It borrows the
    /// store; [`TrySendError::into_error`] does not.
    pub fn try_send(self) -> Result<Reply<'a, T, O>, TrySendError<Self>> {
        let Self { carrier: link, op, .. } = self;
        let status = &link.hub.status;
        let error = if status.is_closing() {
            status.error()
        } else {
            match op.queue(link).try_reserve() {
                Ok(permit) => return Ok(send(permit, op, link)),
                Err(NoRoom::Full) => Error::Busy,
                Err(NoRoom::Closed) => status.error(),
            }
        };
        Err(TrySendError::new(Self::new(link, op), error))
    }

    /// Send the command and wait for the answer, on a thread that no runtime drives.
    ///
    /// # Errors
    ///
    /// As when the command is awaited.
    ///
    /// # Panics
    ///
    /// If called within an asynchronous context, as tokio's own `blocking_` methods do. There, await
    /// the command instead.
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
    pub fn blocking_send(self) -> Result<O::Output, O::Error> {
        // Before anything is queued, let tokio say whether this thread may wait.
        let (bell, rung) = oneshot::channel();
        let _ = bell.send(());
        let _ = rung.blocking_recv();
        let mut call = self.carrier.call(self.op);
        loop {
            let (bell, rung) = oneshot::channel();
            let waker = Waker::from(Arc::new(Bell(Mutex::new(Some(bell)))));
            if let Poll::Ready(answer) = Pin::new(&mut call).poll(&mut Context::from_waker(&waker))
            {
                return answer;
            }
            let _ = rung.blocking_recv();
        }
    }
}

/// Wakes a thread that waits for an answer.
struct Bell(Mutex<Option<oneshot::Sender<()>>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(bell) = self.0.lock().take() {
            let _ = bell.send(());
        }
    }
}

impl<T, K, C> PendingWrite<'_, T, K, C> {
    fn map(self, option: impl FnOnce(Write<T>) -> Write<T>) -> Self {
        Self::new(self.carrier, self.op.map(option))
    }

    /// Only if the key is absent; otherwise [`Error::ConditionFailed`].
    pub fn if_absent(self) -> Self {
        self.map(Write::if_absent)
    }

    /// Only if the key is present; otherwise [`Error::ConditionFailed`].
    pub fn if_present(self) -> Self {
        self.map(Write::if_present)
    }

    /// Only if the last change to the key has this revision; otherwise [`Error::ConditionFailed`].
    pub fn if_revision(self, revision: u64) -> Self {
        self.map(|write| write.if_revision(revision))
    }
}

impl<T, K: op::TakesTtl, C> PendingWrite<'_, T, K, C> {
    /// Let the key expire this long after the write. More than zero, at most 100 years.
    pub fn ttl(self, ttl: std::time::Duration) -> Self {
        self.map(|write| write.ttl(ttl))
    }

    /// Let the key stay for ever, whatever the store's default is.
    pub fn no_ttl(self) -> Self {
        self.map(Write::no_ttl)
    }
}

/// Turn an answer into what the caller wants. What is left over, such as a value that was replaced,
/// is dropped here; if that panics, the store stops, as it does wherever the code of `T` panics.
fn finish<T, O: Operation<T>>(
    link: &Link<T>,
    answer: Result<O::Answer, O::Error>,
) -> Result<O::Output, O::Error> {
    catch_unwind(AssertUnwindSafe(|| answer.map(|answer| O::output(link, answer)))).unwrap_or_else(
        |panic| {
            let (status, token) = (&link.hub.status, &link.token);
            status.fail(format!(
                "a value panicked when it was dropped: {}",
                panics::message(&*panic)
            ));
            token.cancel();
            Err(status.error().into())
        },
    )
}

fn send<'a, T, O: Operation<T>>(
    permit: Permit<'_, Envelope<T>>,
    op: O,
    link: &'a Link<T>,
) -> Reply<'a, T, O> {
    let (reply, answer) = reply::channel(None);
    let state = match op.message(link, reply) {
        Ok(message) => {
            permit.send(message);
            State::Waiting(answer)
        }
        Err(error) => State::Refused(error),
    };
    Reply { link, state }
}

impl<'a, T, O: Operation<T>, C: Carries<T, O>> IntoFuture for Pending<'a, T, O, C> {
    type Output = Result<O::Output, O::Error>;
    type IntoFuture = C::Call<'a>;

    fn into_future(self) -> C::Call<'a> {
        self.carrier.call(self.op)
    }
}

impl<T> Sealed for Link<T> {}

impl<T: Send + Sync + 'static, O: Operation<T>> Carries<T, O> for Link<T> {
    type Call<'a> = Call<'a, T, O>;

    fn call(&self, op: O) -> Call<'_, T, O> {
        Call { link: self, stage: Stage::New(op), place: None }
    }
}

/// The future of an awaited command.
#[must_use = "futures do nothing unless polled"]
pub struct Call<'a, T, O: Operation<T>> {
    link: &'a Link<T>,
    stage: Stage<'a, T, O>,
    /// In the line before a full queue, which the command leaves if this is dropped.
    place: Option<Place<'a, Envelope<T>>>,
}

enum Stage<'a, T, O: Operation<T>> {
    New(O),
    Sent(Reply<'a, T, O>),
    Done,
}

impl<T, O: Operation<T>> Unpin for Call<'_, T, O> {}

impl<'a, T: Send + Sync + 'static, O: Operation<T>> Call<'a, T, O> {
    /// Queue the command, or stand in line with it, with the waker of who will be told.
    fn start(&mut self, op: O, waker: &Waker) -> Result<(), O::Error> {
        let link = self.link;
        let status = &link.hub.status;
        if status.is_closing() {
            return Err(status.error().into());
        }
        let queue = op.queue(link);
        let (reply, answer) = reply::channel(Some(waker.clone()));
        let message = op.message(link, reply)?;
        self.place = queue.push(message).map_err(|_| O::Error::from(status.error()))?;
        self.stage = Stage::Sent(Reply { link, state: State::Waiting(answer) });
        Ok(())
    }
}

impl<T: Send + Sync + 'static, O: Operation<T>> Future for Call<'_, T, O> {
    type Output = Result<O::Output, O::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // In place: moving stages about is what costs most here.
        if let Stage::Sent(reply) = &mut self.stage {
            let answer = Pin::new(reply).poll(cx);
            if answer.is_ready() {
                self.place = None;
                return answer;
            }
            // The end of the store may take its time: who was never queued need not wait for it.
            if self.place.as_ref().is_some_and(Place::is_let_go) {
                (self.stage, self.place) = (Stage::Done, None);
                return Poll::Ready(Err(self.link.hub.status.error().into()));
            }
            return Poll::Pending;
        }
        let Stage::New(op) = std::mem::replace(&mut self.stage, Stage::Done) else {
            panic!("a command was polled after it was done");
        };
        match self.start(op, cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// The answer to a command that was sent.
///
/// # Cancel safety
///
/// The command is on its way: dropping this only means that nobody will see the answer.
#[must_use = "the answer says whether the command was done"]
pub struct Reply<'a, T, O: Operation<T>> {
    link: &'a Link<T>,
    state: State<'a, O::Answer, O::Error>,
}

enum State<'a, A, E> {
    Waiting(reply::Answer<Result<A, E>>),
    /// The owner let the command go unanswered, so it is about to end, and will say why.
    Late(Pin<Box<dyn Future<Output = ()> + Send + 'a>>),
    Refused(E),
    Done,
}

impl<T, O: Operation<T>> Unpin for Reply<'_, T, O> {}

impl<T: Send + Sync + 'static, O: Operation<T>> Future for Reply<'_, T, O> {
    type Output = Result<O::Output, O::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let link = self.link;
        loop {
            match &mut self.state {
                State::Waiting(answer) => match ready!(Pin::new(answer).poll(cx)) {
                    Some(answer) => {
                        self.state = State::Done;
                        return Poll::Ready(finish::<T, O>(link, answer));
                    }
                    None => self.state = State::Late(Box::pin(link.hub.status.ended())),
                },
                State::Late(ended) => {
                    ready!(ended.as_mut().poll(cx));
                    self.state = State::Done;
                    return Poll::Ready(Err(link.hub.status.error().into()));
                }
                State::Refused(_) => {
                    let State::Refused(error) = std::mem::replace(&mut self.state, State::Done)
                    else {
                        unreachable!("it was refused");
                    };
                    return Poll::Ready(Err(error));
                }
                State::Done => panic!("a reply was polled after it was taken"),
            }
        }
    }
}

macro_rules! opaque_debug {
    ($($name:ident [$($generics:tt)*] [$($bounds:tt)*]),* $(,)?) => {$(
        impl<$($bounds)*> fmt::Debug for $name<$($generics)*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque_debug! {
    Pending ['_, T, O, C] [T, O, C],
    Call ['_, T, O] [T, O: Operation<T>],
    Reply ['_, T, O] [T, O: Operation<T>],
}
