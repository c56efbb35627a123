//! Paused time, and what happens in real time: threads, sockets.

use std::sync::mpsc;
use std::time::Duration;

use mainspring::{Event, Result, Store, Subscription};
use tokio::time::sleep;

/// What happens on another thread, or over a socket, is awaited in real time: paused time stands still meanwhile, as it
/// does wherever something runs that blocks.
pub(crate) async fn awaited<O>(future: impl Future<Output = O>) -> O {
    let (release, held) = mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || held.recv().is_ok());
    let answer = future.await;
    drop(release);
    hold.await.unwrap();
    answer
}

/// How the time goes while a store is used.
#[cfg_attr(
    not(all(feature = "client", feature = "server")),
    allow(dead_code, reason = "nothing is far away")
)]
pub(crate) enum Pace {
    /// Everything happens in this runtime.
    Paused,
    /// Something is on its way over a socket; what is published at its other end is told by this store.
    Real(Store<String>),
}

impl Pace {
    pub(crate) async fn of<O>(&self, future: impl Future<Output = O>) -> O {
        match self {
            Self::Paused => future.await,
            Self::Real(_) => awaited(future).await,
        }
    }

    pub(crate) async fn told(&self) -> ToldPace {
        match self {
            Self::Paused => ToldPace(None),
            Self::Real(store) => ToldPace(Some(store.subscribe().await.unwrap())),
        }
    }
}

/// How the time goes while something is waited for that may come by itself, or may be on its way: it stands still for a
/// moment of real time, and then goes on until something is published.
pub(crate) struct ToldPace(Option<Subscription<String>>);

/// How long something may be on its way, in real time: when nothing was published, and when something was.
const NOTHING: Duration = Duration::from_millis(10);
const SOMETHING: Duration = Duration::from_millis(500);

impl ToldPace {
    pub(crate) async fn next(&mut self, told: &mut Subscription<String>) -> Result<Event<String>> {
        let Some(published) = &mut self.0 else { return told.recv().await };
        let (mut patience, mut step) = (NOTHING, Duration::from_millis(1));
        loop {
            let (release, held) = mpsc::channel::<()>();
            let mut hold = tokio::task::spawn_blocking(move || held.recv_timeout(patience).is_ok());
            let event = tokio::select! {
                biased;
                event = told.recv() => Some(event),
                _ = &mut hold => None,
            };
            drop(release);
            if let Some(event) = event {
                hold.await.unwrap();
                // What has been told needs no waiting for.
                while tokio::time::timeout(Duration::ZERO, published.recv()).await.is_ok() {}
                return event;
            }
            tokio::select! {
                biased;
                _ = published.recv() => patience = SOMETHING,
                () = sleep(step) => patience = NOTHING,
            }
            step = (step * 2).min(Duration::from_secs(3_600));
        }
    }
}
