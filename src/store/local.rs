//! The backend of a store in this process: the queues of its owner and gates.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::View;
use crate::feed::Hub;
use crate::journal::Meter;
use crate::model::{BatchError, Command, Condition, Error, Filter, PreparedWrite, Refusal, Write};
use crate::owner::clock::Clock;
use crate::owner::counters::Counters;
use crate::owner::message::{CommandReply, CommandResult, Envelope, GatedWrite, Message};
use crate::owner::queue;
use crate::owner::response::Response;

/// The backend of a store in this process. When the last handle drops it, the owner ends.
pub struct Local<T> {
    hub: Arc<Hub<T>>,
    clock: Arc<Clock>,
    counters: Arc<Counters>,
    meter: Arc<Meter>,
    token: CancellationToken,
    queue: queue::Sender<Envelope<T>>,
    /// The longest prefix first.
    gates: Vec<GateQueue<T>>,
}

/// The queue of a gate.
pub(super) struct GateQueue<T> {
    pub(super) prefix: Box<str>,
    pub(super) queue: queue::Sender<Envelope<T>>,
}

impl<T> Local<T> {
    pub(super) fn new(
        hub: Arc<Hub<T>>,
        (clock, counters, meter): (Arc<Clock>, Arc<Counters>, Arc<Meter>),
        token: CancellationToken,
        queue: queue::Sender<Envelope<T>>,
        gates: Vec<GateQueue<T>>,
    ) -> Self {
        Self { hub, clock, counters, meter, token, queue, gates }
    }

    pub(super) fn hub(&self) -> &Arc<Hub<T>> {
        &self.hub
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    pub(super) fn queue(&self) -> &queue::Sender<Envelope<T>> {
        &self.queue
    }

    pub(super) fn view(&self) -> View<T> {
        View::new(Arc::clone(&self.hub.map), Arc::clone(&self.clock), Arc::clone(&self.counters))
    }

    /// The error of commands after the store has begun to end.
    pub(super) fn closed(&self) -> Error {
        self.hub.status.error()
    }

    fn gate_of(&self, key: &str) -> Option<&GateQueue<T>> {
        self.gates.iter().find(|gate| key.starts_with(&*gate.prefix))
    }

    /// The queue that a command goes through.
    pub(super) fn queue_of(&self, command: &Command<T>) -> &queue::Sender<Envelope<T>> {
        match command {
            Command::Write(write) if !self.gates.is_empty() => {
                self.gate_of(write.key()).map_or(&self.queue, |gate| &gate.queue)
            }
            _ => &self.queue,
        }
    }

    /// Do the part of a command that does not need the owner: validate and hash its keys, weigh its elements.
    #[inline]
    pub(super) fn prepare(
        &self,
        command: Command<T>,
        reply: CommandReply<T>,
    ) -> Result<Envelope<T>, CommandResult<T>> {
        let message = match command {
            Command::Read { key, query } => {
                key.validate().map_err(Err)?;
                let hash = self.hub.map.hash(&key);
                Message::Read { key, hash, query }
            }
            Command::Write(write) => self.prepare_single(write).map_err(Err)?,
            Command::Many(writes) => {
                Message::Many(writes.into_iter().map(|write| self.prepare_ungated(write)).collect())
            }
            Command::Batch(writes) => {
                let prepare = |(index, write)| {
                    self.prepare_ungated(write).map_err(|error| BatchError { index, error })
                };
                let writes: Result<Vec<_>, _> =
                    writes.into_iter().enumerate().map(prepare).collect();
                Message::Batch(writes.map_err(|error| Ok(Response::Batch(Err(error))))?)
            }
            Command::Scan(scan) => Message::Scan(Box::new(scan)),
            Command::Subscribe(subscribe) => {
                if let Filter::Key(key) = &subscribe.filter {
                    key.validate().map_err(Err)?;
                }
                Message::Subscribe(Box::new(subscribe))
            }
            Command::Clear => Message::Clear,
            Command::Compact => Message::Compact,
        };
        Ok(Envelope::new(message, reply))
    }

    fn prepare_single(&self, write: Write<T>) -> Result<Message<T>, Error> {
        let is_gated = self.gate_of(write.key()).is_some();
        if is_gated && write.condition() != Condition::Any {
            // The device acts before the owner can check the condition.
            return Err(Refusal::new("a write to a gated key takes no conditions").into());
        }
        let prepared = self.prepare_write(write)?;
        Ok(if is_gated {
            Message::Gated(Box::new(GatedWrite { prepared, since: Instant::now() }))
        } else {
            Message::Write(prepared)
        })
    }

    /// Prepare a write of a command with several writes, which pass no gate.
    fn prepare_ungated(&self, write: Write<T>) -> Result<PreparedWrite<T>, Error> {
        if let Some(gate) = self.gate_of(write.key()) {
            let reason =
                format!("keys under {:?} are gated: write to them one by one", gate.prefix);
            return Err(Refusal::new(reason).into());
        }
        self.prepare_write(write)
    }

    fn prepare_write(&self, write: Write<T>) -> Result<PreparedWrite<T>, Error> {
        write.validate()?;
        let hash = self.hub.map.hash(write.key());
        let weight = self.hub.weigher.weigh(write.elements())?;
        Ok(PreparedWrite { write, hash, weight })
    }
}

impl<T> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("id", &self.hub.id())
            .field("revision", &self.hub.history.head())
            .finish_non_exhaustive()
    }
}
