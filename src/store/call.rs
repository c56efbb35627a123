//! A command on its way to the owner of this process, and its answer on the way back.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::{Backend, Local};
use crate::model::{Command, Error, panics};
use crate::owner::message::{Answer, Envelope, Message};
use crate::owner::queue::{NoRoom, Permit, Ticket};
use crate::owner::reply;

impl<T: Send + Sync + 'static> Backend<T> for Local<T> {
    type Call<'a> = LocalCall<'a, T>;

    fn send(&self, command: Command<T>) -> LocalCall<'_, T> {
        LocalCall::new(self, command)
    }
}

/// The future of a command that is sent when it is first polled.
#[must_use = "futures do nothing unless polled"]
pub struct LocalCall<'a, T> {
    backend: &'a Local<T>,
    stage: Stage<'a, T>,
    /// In the line before a full queue, which the command leaves if this is dropped.
    ticket: Option<Ticket<'a, Envelope<T>>>,
}

enum Stage<'a, T> {
    New(Command<T>),
    Sent(LocalReply<'a, T>),
    Done,
}

impl<T> Unpin for LocalCall<'_, T> {}

impl<T> fmt::Debug for LocalCall<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCall").finish_non_exhaustive()
    }
}

impl<'a, T> LocalCall<'a, T> {
    pub(super) fn new(backend: &'a Local<T>, command: Command<T>) -> Self {
        Self { backend, stage: Stage::New(command), ticket: None }
    }

    /// Queue the command, or stand in line with it, with the waker of the task that waits for the answer.
    fn start(&mut self, command: Command<T>, waker: &Waker) -> Result<(), Answer<T>> {
        let backend = self.backend;
        if backend.hub().status.is_closing() {
            return Err(Err(backend.closed()));
        }
        let queue = backend.queue_of(&command);
        let (reply, answer) = reply::channel(Some(waker.clone()));
        let message = backend.prepare(command)?;
        self.ticket =
            queue.push(Envelope::new(message, reply)).map_err(|_| Err(backend.closed()))?;
        self.stage = Stage::Sent(LocalReply { backend, state: State::Waiting(answer) });
        Ok(())
    }
}

impl<T> Future for LocalCall<'_, T> {
    type Output = Answer<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<T>> {
        // In place: moving stages about is what costs most here.
        if let Stage::Sent(reply) = &mut self.stage {
            let answer = Pin::new(reply).poll(cx);
            if answer.is_ready() {
                self.ticket = None;
                return answer;
            }
            // The end of the store may take its time: a command that was never queued need not wait for it.
            if self.ticket.as_ref().is_some_and(Ticket::is_let_go) {
                (self.stage, self.ticket) = (Stage::Done, None);
                return Poll::Ready(Err(self.backend.closed()));
            }
            return Poll::Pending;
        }
        let Stage::New(command) = std::mem::replace(&mut self.stage, Stage::Done) else {
            panic!("a command was polled after it was done");
        };
        match self.start(command, cx.waker()) {
            Ok(()) => Poll::Pending,
            Err(answer) => Poll::Ready(answer),
        }
    }
}

/// The answer to a command that was sent.
pub(super) struct LocalReply<'a, T> {
    backend: &'a Local<T>,
    state: State<'a, T>,
}

enum State<'a, T> {
    Waiting(reply::Answer<Answer<T>>),
    /// The owner let the command go unanswered, so it is about to end, and will say why.
    Late(Pin<Box<dyn Future<Output = ()> + Send + 'a>>),
    /// The command was refused before it was sent.
    Refused(Answer<T>),
    Done,
}

impl<T> Unpin for LocalReply<'_, T> {}

impl<T> Local<T> {
    /// Send a message of the handle's own, and wait for the answer.
    pub(super) async fn call(&self, message: Message<T>) -> Answer<T> {
        if self.hub().status.is_closing() {
            return Err(self.closed());
        }
        let (reply, answer) = reply::channel(None);
        let queued = self.queue().send(Envelope::new(message, reply)).await;
        queued.map_err(|_| self.closed())?;
        LocalReply { backend: self, state: State::Waiting(answer) }.await
    }

    /// Room for a command of this queue, if there is some now.
    pub(super) fn reserve(&self, command: &Command<T>) -> Result<Permit<'_, Envelope<T>>, Error> {
        if self.hub().status.is_closing() {
            return Err(self.closed());
        }
        self.queue_of(command).try_reserve().map_err(|no_room| match no_room {
            NoRoom::Full => Error::Busy,
            NoRoom::Closed => self.closed(),
        })
    }

    /// Send a command for which there is room.
    pub(super) fn send_with(
        &self,
        permit: Permit<'_, Envelope<T>>,
        command: Command<T>,
    ) -> LocalReply<'_, T> {
        let state = match self.prepare(command) {
            Ok(message) => {
                let (reply, answer) = reply::channel(None);
                permit.send(Envelope::new(message, reply));
                State::Waiting(answer)
            }
            Err(answer) => State::Refused(answer),
        };
        LocalReply { backend: self, state }
    }

    /// Drop what an answer carries beside itself. If that panics, the store stops, as it does wherever the code of
    /// `T` panics.
    fn finish(&self, answer: Answer<T>) -> Answer<T> {
        let finish = || {
            answer.map(|mut response| {
                response.drop_replaced();
                response
            })
        };
        catch_unwind(AssertUnwindSafe(finish)).unwrap_or_else(|panic| {
            let cause = panics::message(&*panic);
            self.hub().status.fail(format!("a value panicked when it was dropped: {cause}"));
            self.token().cancel();
            Err(self.closed())
        })
    }
}

impl<T> Future for LocalReply<'_, T> {
    type Output = Answer<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<T>> {
        let backend = self.backend;
        loop {
            match &mut self.state {
                State::Waiting(answer) => match ready!(Pin::new(answer).poll(cx)) {
                    Some(answer) => {
                        self.state = State::Done;
                        return Poll::Ready(backend.finish(answer));
                    }
                    None => self.state = State::Late(Box::pin(backend.hub().status.ended())),
                },
                State::Late(ended) => {
                    ready!(ended.as_mut().poll(cx));
                    self.state = State::Done;
                    return Poll::Ready(Err(backend.closed()));
                }
                State::Refused(_) | State::Done => {
                    let State::Refused(answer) = std::mem::replace(&mut self.state, State::Done)
                    else {
                        panic!("a reply was polled after it was taken");
                    };
                    return Poll::Ready(answer);
                }
            }
        }
    }
}
