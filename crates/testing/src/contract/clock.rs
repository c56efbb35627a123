//! Paused time, and waiting in real time for other threads and sockets.

use std::sync::mpsc;
use std::time::Duration;

use mainspring::{Event, Result, Store, Subscription};
use tokio::time::sleep;

/// Await a future that depends on another thread or a socket. A blocking task runs at the same time, which keeps tokio
/// from advancing the paused time.
pub(super) async fn in_real_time<O>(future: impl Future<Output = O>) -> O {
    let (release, blocked) = mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || blocked.recv().is_ok());
    let output = future.await;
    drop(release);
    hold.await.unwrap();
    output
}

/// The clock during commands to a store.
#[derive(Debug)]
pub(super) enum Clock {
    /// Paused: all tasks are in the runtime of the test.
    Paused,
    /// Real during requests over a socket. Contains the store of the server, whose subscriptions show what was
    /// published.
    Real(Store<String>),
}

impl Clock {
    pub(super) async fn run<O>(&self, future: impl Future<Output = O>) -> O {
        match self {
            Self::Paused => future.await,
            Self::Real(_) => in_real_time(future).await,
        }
    }

    pub(super) async fn event_clock(&self) -> EventClock {
        match self {
            Self::Paused => EventClock(None),
            Self::Real(store) => EventClock(Some(store.subscribe().await.unwrap())),
        }
    }
}

/// The clock while a subscription waits for an event that may be in transit or due later: the paused time does not
/// advance for a moment of real time, and then advances until an event is published.
#[derive(Debug)]
pub(super) struct EventClock(Option<Subscription<String>>);

/// How long to wait for an event in transit, in real time: if no event was published, and if one was.
const UNPUBLISHED: Duration = Duration::from_millis(10);
const PUBLISHED: Duration = Duration::from_millis(500);

impl EventClock {
    pub(super) async fn next(
        &mut self,
        events: &mut Subscription<String>,
    ) -> Result<Event<String>> {
        let Some(published) = &mut self.0 else { return events.recv().await };
        let (mut timeout, mut step) = (UNPUBLISHED, Duration::from_millis(1));
        loop {
            let (release, blocked) = mpsc::channel::<()>();
            let mut hold =
                tokio::task::spawn_blocking(move || blocked.recv_timeout(timeout).is_ok());
            let event = tokio::select! {
                biased;
                event = events.recv() => Some(event),
                _ = &mut hold => None,
            };
            drop(release);
            if let Some(event) = event {
                hold.await.unwrap();
                // Ignore what was published until the delivery.
                while tokio::time::timeout(Duration::ZERO, published.recv()).await.is_ok() {}
                return event;
            }
            tokio::select! {
                biased;
                _ = published.recv() => timeout = PUBLISHED,
                () = sleep(step) => timeout = UNPUBLISHED,
            }
            step = (step * 2).min(Duration::from_secs(3_600));
        }
    }
}
