//! The tasks of this program, with names and one cancellation token.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::anyhow;
use mainspring::Error;
use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a task may take to finish after the cancellation.
pub const GRACE: Duration = Duration::from_millis(400);

/// All tasks, and the token that stops them.
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

    /// The cancellation token. The store has a child of it.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Start a task that is dropped at its next await point after the cancellation, even if it hangs there.
    pub fn start<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let token = self.token.clone();
        self.start_graceful(name, async move {
            token.run_until_cancelled(task).await.unwrap_or(Ok(()))
        });
    }

    /// Start a task that detects the shutdown and has work to finish. If that takes too long, the task is dropped,
    /// which is a failure.
    pub fn start_graceful<F>(&mut self, name: &'static str, task: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Wait until one task has ended, for any reason.
    pub async fn first_ended(&mut self) {
        self.join_one().await;
    }

    /// Stop all tasks, and return a report.
    pub async fn stop(mut self) -> Report {
        self.token.cancel();
        if timeout(GRACE, self.join_all()).await.is_err() {
            self.running.abort_all();
            // A task that never reaches an await point cannot be dropped; the report shows it.
            let _ = timeout(GRACE, self.join_all()).await;
        }
        let started = self.names.len();
        let ended = started - self.running.len();
        Report { started, ended, left: alive_tasks().await, failures: self.failures }
    }

    async fn join_all(&mut self) {
        while self.join_one().await {}
    }

    async fn join_one(&mut self) -> bool {
        let Some(ended) = self.running.join_next_with_id().await else { return false };
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let outcome = match ended {
            Ok((_, outcome)) => outcome,
            Err(error) if error.is_cancelled() => {
                Err(anyhow!("it did not finish in time and was dropped"))
            }
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(()) => {}
            // Expected for a task that used the store during the shutdown.
            Err(error) if error.downcast_ref() == Some(&Error::Closed) => {}
            Err(error) => {
                let name = self.names.get(&id).copied().unwrap_or_default();
                self.failures.push(error.context(format!("task `{name}` failed")));
            }
        }
        true
    }
}

/// The number of tasks in the runtime. The owner and the gates of the store are tasks too, and may take a moment to
/// end.
async fn alive_tasks() -> usize {
    let alive = || Handle::current().metrics().num_alive_tasks();
    for _ in 0..GRACE.as_millis() {
        if alive() == 0 {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    alive()
}

/// The outcome of all tasks.
#[derive(Debug)]
pub struct Report {
    started: usize,
    ended: usize,
    left: usize,
    failures: Vec<anyhow::Error>,
}

impl Report {
    /// Return the first failure: later ones may be its consequences.
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
        write!(f, "{started} tasks started, {ended} ended, {left} left in the runtime")
    }
}
