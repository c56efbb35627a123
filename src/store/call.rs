//! The future of a command to the owner in this process.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::{Backend, Local};
use crate::model::{Command, Error, panics};
use crate::owner::message::{CommandResult, Envelope, Message};
use crate::owner::queue::{Permit, QueueError, Ticket};
use crate::owner::reply;

impl<T: Send + Sync + 'static> Backend<T> for Local<T> {
    type Call<'a> = LocalCall<'a, T>;

    #[inline]
    fn send(&self, command: Command<T>) -> LocalCall<'_, T> {
        LocalCall { backend: self, state: CallState::New(command) }
    }
}

/// The future of a command to the owner in this process. The command is queued when this is first polled, unless it
/// was queued before.
#[must_use = "futures do nothing unless polled"]
pub struct LocalCall<'a, T> {
    backend: &'a Local<T>,
    state: CallState<'a, T>,
}

enum CallState<'a, T> {
    New(Command<T>),
    Sent {
        receiver: reply::ReplyReceiver<CommandResult<T>>,
        /// The command is among the blocked senders of a full queue, and leaves them if this is dropped.
        ticket: Option<Ticket<'a, Envelope<T>>>,
    },
    /// The owner dropped the command without a reply, so it is about to end: wait for the cause.
    Late(Pin<Box<dyn Future<Output = ()> + Send + 'a>>),
    /// The command was rejected before it was queued.
    Refused(CommandResult<T>),
    Done,
}

impl<T> Unpin for LocalCall<'_, T> {}

impl<T> Local<T> {
    /// Send a message that is not a command of the backend, and wait for the reply.
    pub(super) async fn call(&self, message: Message<T>) -> CommandResult<T> {
        if self.hub().status.is_closing() {
            return Err(self.closed());
        }
        let (sender, receiver) = reply::channel(None);
        let queued = self.queue().send(Envelope::new(message, sender)).await;
        queued.map_err(|_| self.closed())?;
        LocalCall { backend: self, state: CallState::Sent { receiver, ticket: None } }.await
    }

    /// Reserve room for a command in its queue, if there is some now.
    pub(super) fn reserve(&self, command: &Command<T>) -> Result<Permit<'_, Envelope<T>>, Error> {
        if self.hub().status.is_closing() {
            return Err(self.closed());
        }
        self.queue_of(command).try_reserve().map_err(|error| match error {
            QueueError::Full => Error::Busy,
            QueueError::Closed => self.closed(),
        })
    }

    /// Send a command for which there is room.
    pub(super) fn send_with(
        &self,
        permit: Permit<'_, Envelope<T>>,
        command: Command<T>,
    ) -> LocalCall<'_, T> {
        let (sender, receiver) = reply::channel(None);
        let state = match self.prepare(command, sender) {
            Ok(envelope) => {
                permit.send(envelope);
                CallState::Sent { receiver, ticket: None }
            }
            Err(result) => CallState::Refused(result),
        };
        LocalCall { backend: self, state }
    }
}

impl<T> LocalCall<'_, T> {
    /// Queue the command, or join the blocked senders with it, with the waker of the task that waits for the reply.
    #[inline]
    fn start(&mut self, waker: &Waker) -> Result<(), CommandResult<T>> {
        let backend = self.backend;
        let CallState::New(command) = std::mem::replace(&mut self.state, CallState::Done) else {
            panic!("a command was polled after it was done");
        };
        if backend.hub().status.is_closing() {
            return Err(Err(backend.closed()));
        }
        let queue = backend.queue_of(&command);
        let (sender, receiver) = reply::channel(Some(waker.clone()));
        let queued = queue.push(backend.prepare(command, sender)?);
        let ticket = queued.map_err(|_| Err(backend.closed()))?;
        self.state = CallState::Sent { receiver, ticket };
        Ok(())
    }

    /// Drop the items that a result carries besides its value. If that panics, the store stops, as it does wherever the
    /// code of `T` panics.
    #[inline]
    fn finish(&self, result: &mut CommandResult<T>) {
        if let Ok(response) = result
            && response.has_replaced()
            && let Err(panic) = catch_unwind(AssertUnwindSafe(|| response.drop_replaced()))
        {
            let cause = panics::message(&*panic);
            let backend = self.backend;
            backend.hub().status.fail(format!("a value panicked when it was dropped: {cause}"));
            backend.token().cancel();
            let rest = std::mem::replace(result, Err(backend.closed()));
            // This drop may panic as well.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(rest)));
        }
    }
}

impl<T> Future for LocalCall<'_, T> {
    type Output = CommandResult<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CommandResult<T>> {
        let this = &mut *self;
        loop {
            match &mut this.state {
                CallState::Sent { receiver, ticket } => match Pin::new(receiver).poll(cx) {
                    Poll::Ready(Some(mut result)) => {
                        this.state = CallState::Done;
                        this.finish(&mut result);
                        return Poll::Ready(result);
                    }
                    // A command that was never queued does not have to wait for the end of the store.
                    Poll::Ready(None) if ticket.as_ref().is_some_and(Ticket::is_abandoned) => {
                        this.state = CallState::Done;
                        return Poll::Ready(Err(this.backend.closed()));
                    }
                    Poll::Ready(None) => {
                        this.state = CallState::Late(Box::pin(this.backend.hub().status.ended()));
                    }
                    Poll::Pending => return Poll::Pending,
                },
                CallState::New(_) => match this.start(cx.waker()) {
                    Ok(()) => return Poll::Pending,
                    Err(result) => return Poll::Ready(result),
                },
                CallState::Late(ended) => {
                    ready!(ended.as_mut().poll(cx));
                    this.state = CallState::Done;
                    return Poll::Ready(Err(this.backend.closed()));
                }
                CallState::Refused(_) | CallState::Done => {
                    let CallState::Refused(result) =
                        std::mem::replace(&mut this.state, CallState::Done)
                    else {
                        panic!("a command was polled after it was done");
                    };
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl<T> fmt::Debug for LocalCall<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCall").finish_non_exhaustive()
    }
}
