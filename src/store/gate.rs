//! Tasks in front of the owner, which may refuse writes: a device, a rule.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::feed::Status;
use crate::model::{Error, Refusal, Write, panics};
use crate::owner::message::{Envelope, GatedWrite, Message};
use crate::owner::queue;

/// Something that is asked before a write under its prefix goes on to the owner.
///
/// A gate owns a device or a rule. It runs as a task of its own, with a bounded queue and a time-out,
/// and is asked about one write after another. What it admits goes on to the owner in that order; a
/// refusal reaches only its caller. Neither the owner nor another caller waits for it.
///
/// Writes to gated keys take no conditions, and do not travel in a batch, because the device has
/// acted before the owner could check. What the owner itself refuses afterwards (a limit, a kind), or
/// a journal, the device has done all the same: set what *is* from what the device reports.
///
/// A `clear` passes no gate; nor does the expiry of a key.
///
/// A gate sees the write, and not the store. A rule about what the store holds at that moment is what
/// conditions are for: only the owner can check it without a race.
///
/// # Cancel safety
///
/// The future of `admit` is dropped at the time-out and at the end of a shutdown: keep what must not
/// be lost in `self`.
///
/// # Panics
///
/// A panic in `admit` refuses that write. The gate goes on with the next one.
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
/// let refused = store.set("car/target_speed", 150.0).await;
/// assert_eq!(refused, Err(Error::Refused(Refusal::new("too fast"))));
/// # Ok(()) }
/// ```
pub trait Gate<T>: Send + 'static {
    /// Whether the write may go on, and if not, why.
    fn admit(&mut self, write: &Write<T>) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// How a gate is run.
#[derive(Debug, Clone, Copy)]
pub struct GateOptions {
    pub(crate) timeout: Duration,
    pub(crate) queue: usize,
}

impl Default for GateOptions {
    /// 5 seconds, and 64 writes.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), queue: 64 }
    }
}

impl GateOptions {
    /// How long a write may take from the gate's queue to its answer. After that it is refused.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many writes may wait for the gate; at least 1. More wait for room, as everywhere.
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        Self { queue: queue.max(1), ..self }
    }
}

/// What the task of a gate works with.
pub(crate) struct GateTask<T> {
    pub(crate) queue: queue::Receiver<Envelope<T>>,
    pub(crate) owner: queue::Sender<Envelope<T>>,
    pub(crate) timeout: Duration,
    pub(crate) status: Arc<Status>,
    pub(crate) token: CancellationToken,
    pub(crate) shutdown_deadline: Duration,
}

impl<T: Send + Sync + 'static> GateTask<T> {
    /// Until the last handle is gone, or the store is shut down and the queue is empty, or the
    /// shutdown has taken too long.
    pub(crate) async fn run<G: Gate<T>>(self, gate: G) {
        let (status, token) = (Arc::clone(&self.status), self.token.clone());
        // What panics here is not the gate, of which that is expected, but the drop of a value.
        if let Err(panic) = panics::catch(self.serve(gate)).await {
            tracing::error!(%panic, "the task of a gate has panicked");
            status.fail(format!("the task of a gate panicked: {panic}"));
            token.cancel();
        }
    }

    async fn serve<G: Gate<T>>(mut self, mut gate: G) {
        let token = self.token.clone();
        let deadline = self.shutdown_deadline;
        let too_late = async move {
            token.cancelled().await;
            sleep(deadline).await;
        };
        // Commands that are dropped unanswered get to know how the store has ended.
        let mut work = Box::pin(self.admit_all(&mut gate));
        tokio::select! {
            () = &mut work => {}
            () = too_late => {
                tracing::warn!("the shutdown deadline has passed with a gate at work");
                // The gate is cut off here, and may panic at that like anywhere else.
                if let Err(panic) = panics::catch(async move { drop(work) }).await {
                    tracing::error!(%panic, "a gate has panicked when it was cut off");
                }
            }
        }
    }

    async fn admit_all<G: Gate<T>>(&mut self, gate: &mut G) {
        while let Some(command) = self.next().await {
            if command.reply.is_closed() {
                continue; // its caller has left, so the device need not act
            }
            let span = command.span();
            self.admit(gate, command).instrument(span).await;
        }
    }

    async fn next(&mut self) -> Option<Envelope<T>> {
        tokio::select! {
            biased;
            // A store that has failed takes no writes.
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
        // All of it inside, so that a panic is caught also when the gate is asked and when its future
        // is dropped. A write that is late already is not asked about: the device would act on it.
        let asked = panics::catch(async {
            if Instant::now() >= deadline {
                return None;
            }
            timeout_at(deadline, async { gate.admit(write).await }).await.ok()
        });
        let verdict = match asked.await {
            Ok(Some(verdict)) => verdict,
            Err(panic) => Err(Refusal::new(format!("the gate panicked: {panic}"))),
            Ok(None) => {
                tracing::warn!(key = %write.key, timeout = ?self.timeout, "a gate took too long");
                Err(Refusal::new("the gate did not answer in time"))
            }
        };
        match verdict {
            Ok(()) => {
                // If the owner is gone, the caller learns why from the reply that is dropped here.
                let _ = self
                    .owner
                    .send(Envelope { message: Message::Write(prepared), reply, span })
                    .await;
            }
            Err(refusal) => {
                tracing::debug!(%refusal, "refused by a gate");
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
