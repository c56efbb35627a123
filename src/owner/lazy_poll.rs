//! A future that is polled only when it has asked for it.
//!
//! The owner waits for several things at once and is woken mostly by one of them, its inbox. Asking a
//! cancellation token each time whether it was cancelled costs a lock; asking this costs one load.

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
    /// Who waits for it.
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

    /// The future, to be changed; it is polled afterwards.
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
    async fn it_wakes_the_one_who_waits() {
        let token = CancellationToken::new();
        let waiting = tokio::spawn(LazyPoll::new(token.clone().cancelled_owned()));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        token.cancel();
        waiting.await.unwrap();
    }
}
