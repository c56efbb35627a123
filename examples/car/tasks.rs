//! The tasks of this program: counted, named, and ended by one token.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::anyhow;
use mainspring::Error;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a task may take to finish its work, after the token was cancelled.
pub const GRACE: Duration = Duration::from_millis(400);

/// All tasks, and the token that ends them.
#[derive(Debug, Default)]
pub struct Tasks {
    token: CancellationToken,
    running: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    failures: Vec<anyhow::Error>,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// The one token. The store has a child of it.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Start a task that is dropped wherever it waits, as soon as the token is cancelled: also if it
    /// is stuck there for good.
    pub fn start<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let token = self.token.clone();
        self.start_to_finish(name, async move {
            token.run_until_cancelled(task).await.unwrap_or(Ok(()))
        });
    }

    /// Start a task that sees the end by itself, and has work to finish then. If that takes too long
    /// it is dropped all the same, and that is a failure.
    pub fn start_to_finish<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Wait until one of them has ended, of whatever cause.
    pub async fn first_to_end(&mut self) {
        self.one_ended().await;
    }

    /// End all, and say how it went.
    pub async fn end(mut self) -> Report {
        self.token.cancel();
        if timeout(GRACE, self.all_ended()).await.is_err() {
            self.running.abort_all();
            // What does not even wait somewhere cannot be dropped: then the count will tell.
            let _ = timeout(GRACE, self.all_ended()).await;
        }
        let started = self.names.len();
        let ended = started - self.running.len();
        Report { started, ended, left: left_in_the_runtime().await, failures: self.failures }
    }

    async fn all_ended(&mut self) {
        while self.one_ended().await {}
    }

    async fn one_ended(&mut self) -> bool {
        let Some(ended) = self.running.join_next_with_id().await else { return false };
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let outcome = match ended {
            Ok((_, outcome)) => outcome,
            Err(error) if error.is_cancelled() => {
                Err(anyhow!("it was stuck, and had to be dropped"))
            }
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(()) => {}
            // How the end looks to a task that is just talking to the store.
            Err(error) if error.downcast_ref() == Some(&Error::Closed) => {}
            Err(error) => {
                let name = self.names.get(&id).copied().unwrap_or_default();
                self.failures.push(error.context(format!("the task `{name}` has failed")));
            }
        }
        true
    }
}

/// The owner and the gates of the store are tasks, too, that nobody joins; the runtime knows them. They
/// are through with their work by now, but perhaps not yet gone.
async fn left_in_the_runtime() -> usize {
    let alive = || Handle::current().metrics().num_alive_tasks();
    for _ in 0..GRACE.as_millis() {
        if alive() == 0 {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    alive()
}

/// How it went.
#[derive(Debug)]
pub struct Report {
    started: usize,
    ended: usize,
    left: usize,
    failures: Vec<anyhow::Error>,
}

impl Report {
    /// The first failure, if any, is that of the program: those after it may be its consequences.
    pub fn into_result(self) -> anyhow::Result<()> {
        match self.failures.into_iter().next() {
            Some(failure) => Err(failure),
            None if self.left > 0 => Err(anyhow!("{} tasks did not end", self.left)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { started, ended, left, .. } = self;
        write!(f, "{started} tasks started, {ended} ended; the runtime has {left} left")
    }
}
