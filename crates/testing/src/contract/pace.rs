//! Paused time, and waiting in real time for what happens on other threads and sockets.

use std::sync::mpsc;
use std::time::Duration;

use mainspring::{Event, Result, Store, Subscription};
use tokio::time::sleep;

/// Await something that happens on another thread or over a socket. The paused time stands still meanwhile, because a
/// blocking task runs.
pub(super) async fn in_real_time<O>(future: impl Future<Output = O>) -> O {
    let (release, held) = mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || held.recv().is_ok());
    let answer = future.await;
    drop(release);
    hold.await.unwrap();
    answer
}

/// How time passes while a store is used.
#[derive(Debug)]
pub(super) enum Pace {
    /// Paused: everything happens in the runtime of the test.
    Paused,
    /// Real while something is on its way over a socket. This store in the server tells what has been published.
    Real(Store<String>),
}

impl Pace {
    pub(super) async fn run<O>(&self, future: impl Future<Output = O>) -> O {
        match self {
            Self::Paused => future.await,
            Self::Real(_) => in_real_time(future).await,
        }
    }

    pub(super) async fn of_events(&self) -> EventPace {
        match self {
            Self::Paused => EventPace(None),
            Self::Real(store) => EventPace(Some(store.subscribe().await.unwrap())),
        }
    }
}

/// How time passes while a subscription waits for an event, which may be on its way, or due later: time stands still for
/// a moment of real time, and then goes on until something is published.
#[derive(Debug)]
pub(super) struct EventPace(Option<Subscription<String>>);

/// How long an event may be on its way, in real time: if nothing was published, and if something was.
const UNPUBLISHED: Duration = Duration::from_millis(10);
const PUBLISHED: Duration = Duration::from_millis(500);

impl EventPace {
    pub(super) async fn next(
        &mut self,
        events: &mut Subscription<String>,
    ) -> Result<Event<String>> {
        let Some(published) = &mut self.0 else { return events.recv().await };
        let (mut patience, mut step) = (UNPUBLISHED, Duration::from_millis(1));
        loop {
            let (release, held) = mpsc::channel::<()>();
            let mut hold = tokio::task::spawn_blocking(move || held.recv_timeout(patience).is_ok());
            let event = tokio::select! {
                biased;
                event = events.recv() => Some(event),
                _ = &mut hold => None,
            };
            drop(release);
            if let Some(event) = event {
                hold.await.unwrap();
                // What has been delivered needs no more waiting.
                while tokio::time::timeout(Duration::ZERO, published.recv()).await.is_ok() {}
                return event;
            }
            tokio::select! {
                biased;
                _ = published.recv() => patience = PUBLISHED,
                () = sleep(step) => patience = UNPUBLISHED,
            }
            step = (step * 2).min(Duration::from_secs(3_600));
        }
    }
}
