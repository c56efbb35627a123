//! Gates: tasks that may reject writes under a key prefix.
//!
//! A gate is a task with its own queue instead of a hook in the owner, so that a slow or hung device delays only the
//! writes under its prefix.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::feed::Status;
use crate::model::{Error, Refusal, Write, panics};
use crate::owner::message::{Envelope, GatedWrite, Message};
use crate::owner::queue;

/// A task that admits or rejects writes under a key prefix before they reach the owner.
///
/// A gate implements a rule, or owns a device. It runs as a task of its own, with a bounded queue and a timeout,
/// and handles one write after another. Admitted writes are sent to the owner in that order; a
/// rejection reaches only its caller. Neither the owner nor callers of other keys wait for a gate.
///
/// Writes to gated keys take no conditions and cannot be part of a batch, because the device
/// acts before the owner can check them. If the owner or the journal rejects an admitted write afterwards (a limit, a
/// kind), the device has acted nevertheless: set the *actual* state from what the device reports.
///
/// A `clear` and the expiry of a key pass no gate.
///
/// A gate sees the write, not the store. For a rule about the current state of the store, use
/// conditions: only the owner can check it without a race.
///
/// # Cancel safety
///
/// The future of `admit` is dropped at the timeout and at the shutdown deadline: keep state that must not
/// be lost in `self`.
///
/// # Panics
///
/// A panic in `admit` rejects that write. The gate continues with the next one.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::{Action, Error, Gate, Refusal, Store, Value, Write};
///
/// struct SpeedLimit(f64);
///
/// impl Gate<f64> for SpeedLimit {
///     async fn admit(&mut self, write: &Write<f64>) -> Result<(), Refusal> {
///         match write.action() {
///             Action::Set(Value::Item(speed)) if *speed <= self.0 => Ok(()),
///             Action::Set(Value::Item(_)) => Err(Refusal::new("too fast")),
///             _ => Err(Refusal::new("set a number")),
///         }
///     }
/// }
///
/// let store = Store::builder().gate("car/target_speed", SpeedLimit(130.0)).spawn();
/// store.set("car/target_speed", 120.0).await?;
/// let rejected = store.set("car/target_speed", 150.0).await;
/// assert_eq!(rejected, Err(Error::Refused(Refusal::new("too fast"))));
/// # Ok(()) }
/// ```
pub trait Gate<T>: Send + 'static {
    /// Admits the write, or rejects it with a reason.
    fn admit(&mut self, write: &Write<T>) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Options of a gate.
#[derive(Debug, Clone, Copy)]
pub struct GateOptions {
    pub(crate) timeout: Duration,
    pub(crate) queue: usize,
}

impl Default for GateOptions {
    /// A timeout of 5 seconds and a queue of 64 writes.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), queue: 64 }
    }
}

impl GateOptions {
    /// How long a write may take from entering the gate's queue to the decision of the gate. After that it is
    /// rejected.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many writes the queue of the gate holds; at least 1. Further senders wait for room.
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        Self { queue: queue.max(1), ..self }
    }
}

/// The task of a gate.
pub(crate) struct GateTask<T> {
    pub(crate) queue: queue::Receiver<Envelope<T>>,
    pub(crate) owner: queue::Sender<Envelope<T>>,
    pub(crate) timeout: Duration,
    pub(crate) status: Arc<Status>,
    pub(crate) token: CancellationToken,
    pub(crate) shutdown_deadline: Duration,
}

impl<T: Send + Sync + 'static> GateTask<T> {
    /// Run until the last handle is dropped, or the store is shut down and the queue is empty, or the
    /// shutdown deadline has passed.
    pub(crate) async fn run<G: Gate<T>>(self, gate: G) {
        let (status, token) = (Arc::clone(&self.status), self.token.clone());
        // Panics of the gate are caught in `admit`: a panic here comes from the drop of a value.
        if let Err(panic) = panics::catch(self.serve(gate)).await {
            tracing::error!(%panic, "the task of a gate has panicked");
            status.fail(format!("the task of a gate panicked: {panic}"));
            token.cancel();
        }
    }

    async fn serve<G: Gate<T>>(mut self, mut gate: G) {
        let token = self.token.clone();
        let deadline = self.shutdown_deadline;
        let past_deadline = async move {
            token.cancelled().await;
            sleep(deadline).await;
        };
        // The callers of commands that are dropped here get the error with which the store ends.
        let mut work = Box::pin(self.admit_all(&mut gate));
        tokio::select! {
            () = &mut work => {}
            () = past_deadline => {
                tracing::warn!("the shutdown deadline has passed while a gate was running");
                // Dropping the future of the gate may panic.
                if let Err(panic) = panics::catch(async move { drop(work) }).await {
                    tracing::error!(%panic, "a gate panicked when it was aborted");
                }
            }
        }
    }

    async fn admit_all<G: Gate<T>>(&mut self, gate: &mut G) {
        while let Some(command) = self.next().await {
            if command.reply.is_closed() {
                continue; // the caller has dropped its future, so the device must not act
            }
            let span = command.span();
            self.admit(gate, command).instrument(span).await;
        }
    }

    async fn next(&mut self) -> Option<Envelope<T>> {
        tokio::select! {
            biased;
            // A store that has failed accepts no writes.
            () = self.status.ended() => None,
            () = self.token.cancelled(), if !self.queue.is_closed() => {
                self.queue.close();
                receive(&mut self.queue).await
            }
            envelope = receive(&mut self.queue) => envelope,
        }
    }

    async fn admit<G: Gate<T>>(&self, gate: &mut G, command: Envelope<T>) {
        let Envelope { message: Message::Gated(gated), reply, span } = command else { return };
        let GatedWrite { prepared, since } = *gated;
        let deadline: Instant = since + self.timeout;
        let write = &prepared.write;
        // `admit` is called and its future dropped inside `catch`, so that panics of both are caught. A write that
        // is past its deadline is not passed to the gate, whose device would act on it.
        let decision = panics::catch(async {
            if Instant::now() >= deadline {
                return None;
            }
            timeout_at(deadline, async { gate.admit(write).await }).await.ok()
        });
        let result = match decision.await {
            Ok(Some(result)) => result,
            Err(panic) => Err(Refusal::new(format!("the gate panicked: {panic}"))),
            Ok(None) => {
                tracing::warn!(key = %write.key, timeout = ?self.timeout, "a gate took too long");
                Err(Refusal::new("the gate did not answer in time"))
            }
        };
        match result {
            Ok(()) => {
                // If the owner has ended, the reply is dropped here, and the caller gets the cause.
                let _ = self
                    .owner
                    .send(Envelope { message: Message::Write(prepared), reply, span })
                    .await;
            }
            Err(refusal) => {
                tracing::debug!(%refusal, "a gate rejected a write");
                reply.send(Err(Error::Refused(refusal)));
            }
        }
    }
}

async fn receive<T>(queue: &mut queue::Receiver<Envelope<T>>) -> Option<Envelope<T>> {
    let mut one = Vec::new();
    queue.recv(&mut one, 1).await;
    one.pop()
}
