//! The builder of a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::feed::{History, Hub, Status};
use crate::journal::{Journal, NoJournal};
use crate::model::Weigher;
use crate::model::decide::Rules;
use crate::owner::clock::Clock;
use crate::owner::counters::Counters;
use crate::owner::message::Envelope;
use crate::owner::{self, Data, Log, Owner, Shutdown, queue};
use crate::state::State;
use crate::store::gate::GateTask;
use crate::store::local::{GateQueue, Local};
use crate::store::{Gate, GateOptions, Store};

/// A function that starts the task of a gate. It is created while the type of the gate is known, and called when the
/// owner's queue exists.
type StartGate<T> = Box<dyn FnOnce(GateTask<T>, &TaskTracker) + Send>;

struct GateConfig<T> {
    prefix: Box<str>,
    options: GateOptions,
    start: StartGate<T>,
}

/// A builder of a [`Store`]. Every setting has a default.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::Store;
/// use tokio_util::sync::CancellationToken;
///
/// let service = CancellationToken::new();
/// let sessions = Store::<String>::builder()
///     .default_ttl(Duration::from_secs(30 * 60))
///     .max_entries(100_000)
///     .max_bytes(64 << 20)
///     .cancel_with(&service)
///     .spawn();
///
/// sessions.set("session/1", "ada").await?;
/// service.cancel(); // stops the store too
/// sessions.closed().await?;
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct Builder<T, J = NoJournal> {
    queue_capacity: usize,
    history: (usize, u64),
    rules: Rules,
    weigher: Weigher<T>,
    gates: Vec<GateConfig<T>>,
    token: CancellationToken,
    shutdown_deadline: Duration,
    journal: Option<J>,
}

impl<T: Clone + Send + Sync + 'static> Builder<T> {
    pub(crate) fn new() -> Self {
        Self {
            queue_capacity: 1_024,
            history: (4_096, 16 << 20),
            rules: Rules::default(),
            weigher: Weigher::built_in(),
            gates: Vec::new(),
            token: CancellationToken::new(),
            shutdown_deadline: Duration::from_secs(5),
            journal: None,
        }
    }

    /// Records every change in a journal before it is applied, and recovers the content of the journal at the start.
    /// See [`Reader::ready`](crate::Reader::ready). Default: no journal.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::Store;
    /// use mainspring::journal::MemoryJournal;
    ///
    /// let journal = MemoryJournal::new();
    /// let store = Store::<String>::builder().journal(journal.clone()).spawn();
    /// store.set("k", "v").await?;
    /// store.shutdown().await?;
    ///
    /// let store = Store::<String>::builder().journal(journal).spawn();
    /// assert_eq!(store.get("k").await?.unwrap().item().unwrap(), "v");
    /// # Ok(()) }
    /// ```
    pub fn journal<J: Journal<T>>(self, journal: J) -> Builder<T, J> {
        let Self { queue_capacity, history, rules, weigher, gates, token, .. } = self;
        let shutdown_deadline = self.shutdown_deadline;
        let journal = Some(journal);
        Builder {
            queue_capacity,
            history,
            rules,
            weigher,
            gates,
            token,
            shutdown_deadline,
            journal,
        }
    }
}

impl<T: Clone + Send + Sync + 'static, J: Journal<T>> Builder<T, J> {
    /// Sets how many commands the owner's queue holds. Further senders wait for room. The minimum is 1. Default: 1,024.
    pub fn queue_capacity(mut self, commands: usize) -> Self {
        self.queue_capacity = commands.max(1);
        self
    }

    /// Sets how many of the newest changes are kept for subscribers that fall behind or resume. Default: 4,096.
    pub fn history_changes(mut self, changes: usize) -> Self {
        self.history.0 = changes;
        self
    }

    /// Sets the maximum weight of the kept changes in bytes: that of their elements, as the weigher returns it, and
    /// that of their keys. The limit that is reached first applies. Default: 16 MiB.
    pub fn history_bytes(mut self, bytes: u64) -> Self {
        self.history.1 = bytes;
        self
    }

    /// Sets the time to live of keys that are `set`, or created by a push, without one. It must be more than zero and
    /// at most 100 years. Default: none, such keys do not expire.
    ///
    /// # Panics
    ///
    /// If the time is zero or longer than 100 years.
    #[track_caller]
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        if let Err(error) = crate::model::validate_ttl(ttl) {
            panic!("default_ttl({ttl:?}): {error}");
        }
        self.rules.default_ttl = Some(ttl);
        self
    }

    /// Sets the maximum number of entries in the store. A write over the limit is rejected with
    /// [`Error::OverLimit`](crate::Error::OverLimit); nothing is evicted. Default: no limit.
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.rules.max_entries = entries;
        self
    }

    /// Sets the maximum weight of all entries in bytes: that of their elements, as the weigher returns it, and that of
    /// their keys. A write over the limit is rejected with [`Error::OverLimit`](crate::Error::OverLimit). Default: no
    /// limit.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.rules.max_bytes = bytes;
        self
    }

    /// Sets the maximum weight of one entry in bytes: that of its elements, as the weigher returns it, and that of its
    /// key. A write of a larger entry is rejected with [`Error::TooLarge`](crate::Error::TooLarge). Default: no limit.
    pub fn max_entry_bytes(mut self, bytes: u64) -> Self {
        self.rules.max_entry_bytes = bytes;
        self
    }

    /// Sets the weigher: a function that returns the weight of an element in bytes, for the limits in bytes. It must
    /// always return the same weight for the same element. `String`, `Vec<u8>`, `Box<str>` and `Arc<str>` have a
    /// built-in weigher, which returns their length.
    ///
    /// The weigher runs in the caller of a write. If it panics, the write is rejected.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store};
    ///
    /// let store = Store::<Vec<u32>>::builder()
    ///     .weigher(|element| 4 * element.len())
    ///     .max_entry_bytes(100)
    ///     .spawn();
    /// let rejected = store.push("lists", vec![0; 100]).await;
    /// assert_eq!(rejected, Err(Error::TooLarge { weight: 405, limit: 100 })); // with the key
    /// # Ok(()) }
    /// ```
    pub fn weigher(mut self, weigh: impl Fn(&T) -> usize + Send + Sync + 'static) -> Self {
        self.weigher = Weigher::custom(weigh);
        self
    }

    /// Puts a gate in front of the keys with a prefix. If several prefixes match a key, the longest applies.
    ///
    /// # Panics
    ///
    /// If this prefix already has a gate.
    #[track_caller]
    pub fn gate<G: Gate<T>>(self, prefix: impl Into<Box<str>>, gate: G) -> Self {
        self.gate_with(prefix, gate, GateOptions::default())
    }

    /// Puts a gate in front of the keys with a prefix, with its own timeout and queue capacity.
    ///
    /// # Panics
    ///
    /// If this prefix already has a gate.
    #[track_caller]
    pub fn gate_with<G: Gate<T>>(
        mut self,
        prefix: impl Into<Box<str>>,
        gate: G,
        options: GateOptions,
    ) -> Self {
        let prefix = prefix.into();
        assert!(
            self.gates.iter().all(|other| other.prefix != prefix),
            "the prefix {prefix:?} already has a gate"
        );
        let start: StartGate<T> = Box::new(|task, tracker| drop(tracker.spawn(task.run(gate))));
        self.gates.push(GateConfig { prefix, options, start });
        self
    }

    /// Stops the store when this token is cancelled. The store uses a child token, so that stopping the store
    /// stops nothing else. Default: a token of its own.
    ///
    /// Once the token is cancelled, the store rejects new commands. If tasks still have to write while they stop,
    /// pass the token to the tasks only, wait for them, and then [`shutdown`](Store::shutdown) the store.
    pub fn cancel_with(mut self, parent: &CancellationToken) -> Self {
        self.token = parent.child_token();
        self
    }

    /// Sets how long a shutdown may take to finish the queued commands. Default: 5 seconds.
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.shutdown_deadline = deadline;
        self
    }

    /// Starts the owner on the current runtime, which must have its timers enabled. Returns a handle.
    ///
    /// # Panics
    ///
    /// If called outside of a tokio runtime, or if there is a limit in bytes and no weigher for `T`.
    #[track_caller]
    pub fn spawn(mut self) -> Store<T> {
        let limited = self.rules.max_bytes.min(self.rules.max_entry_bytes) < u64::MAX;
        assert!(
            !limited || self.weigher.weighs_values(),
            "a limit in bytes needs a weigher for {}: see Builder::weigher",
            std::any::type_name::<T>()
        );
        let clock = Arc::new(Clock::start());
        let counters: Arc<Counters> = Arc::default();
        let (queue, receiver) = queue::channel(self.queue_capacity);
        let state = State::new(self.weigher.clone(), clock.now());
        let history = History::new(self.history.0, self.history.1);
        let hub = Arc::new(Hub::new(Arc::clone(state.map()), history, self.weigher.clone()));
        let tracker = TaskTracker::new();
        let gates = self.start_gates(&queue, &tracker, &hub.status);
        let token = self.token;
        let data = Data::new(state, self.rules, Arc::clone(&hub), Arc::clone(&counters));
        let log = Log::new(self.journal, Arc::clone(&hub.status), Arc::clone(&clock));
        let meter = Arc::clone(log.meter());
        let shutdown = Shutdown::new(token.clone(), tracker, self.shutdown_deadline);
        let shared = (Arc::clone(&hub), Arc::clone(&clock), Arc::clone(&counters));
        tokio::spawn(owner::run(Owner::new(receiver, data, log, shutdown, shared)));
        let watched = (clock, counters, meter);
        Store::over(Arc::new(Local::new(hub, watched, token, queue, gates)))
    }

    fn start_gates(
        &mut self,
        owner: &queue::Sender<Envelope<T>>,
        tracker: &TaskTracker,
        status: &Arc<Status>,
    ) -> Vec<GateQueue<T>> {
        let start = |GateConfig { prefix, options, start }: GateConfig<T>| {
            let (sender, queue) = queue::channel(options.queue);
            let task = GateTask {
                queue,
                owner: owner.clone(),
                timeout: options.timeout,
                status: Arc::clone(status),
                token: self.token.clone(),
                shutdown_deadline: self.shutdown_deadline,
            };
            start(task, tracker);
            GateQueue { prefix, queue: sender }
        };
        let mut gates: Vec<_> = std::mem::take(&mut self.gates).into_iter().map(start).collect();
        gates.sort_by_key(|gate| std::cmp::Reverse(gate.prefix.len()));
        gates
    }
}

impl<T, J> fmt::Debug for Builder<T, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("queue_capacity", &self.queue_capacity)
            .field("history", &self.history)
            .field("rules", &self.rules)
            .field("gates", &self.gates.len())
            .field("journal", &self.journal.is_some())
            .finish_non_exhaustive()
    }
}
