//! A future that is polled only after it was woken.
//!
//! The owner waits for several things at once and is woken mostly by one of them, its queue. Polling a
//! cancellation token in each turn takes a lock; polling it through this costs one load.
//!
//! The flag is set with `Release` when the inner future wakes, and read with `Acquire`, so that what the waking thread
//! did before is visible to the poll. It is cleared *before* the inner future is polled: a wake-up during the poll sets
//! it again, and is not lost.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

pub(super) struct LazyPoll<F> {
    future: Pin<Box<F>>,
    flag: Arc<WakeFlag>,
}

struct WakeFlag {
    is_set: AtomicBool,
    /// The waker of the task that polls.
    waker: Mutex<Option<Waker>>,
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        let waker = self.waker.lock().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<F> LazyPoll<F> {
    /// Must be polled by one task only, whose waker stays the same.
    pub(super) fn new(future: F) -> Self {
        let flag = WakeFlag { is_set: AtomicBool::new(true), waker: Mutex::new(None) };
        Self { future: Box::pin(future), flag: Arc::new(flag) }
    }

    /// Access to the future, for example to reset a timer. It is polled next time.
    pub(super) fn renew(&mut self) -> Pin<&mut F> {
        self.flag.is_set.store(true, Ordering::Relaxed);
        self.future.as_mut()
    }
}

impl<F: Future> Future for LazyPoll<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.flag.is_set.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        *self.flag.waker.lock() = Some(cx.waker().clone());
        self.flag.is_set.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.flag));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn wake_up_of_the_inner_future_is_passed_on() {
        let token = CancellationToken::new();
        let waiting = tokio::spawn(LazyPoll::new(token.clone().cancelled_owned()));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        token.cancel();
        waiting.await.unwrap();
    }
}
