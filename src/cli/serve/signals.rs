//! The signals that ask a server to end.

use std::io;

use tokio_util::sync::CancellationToken;

/// What a server was asked to do.
#[derive(Debug, Default, Clone)]
pub struct Asked {
    /// To stop, in order: by the first signal.
    pub stop: CancellationToken,
    /// To wait for no connection any longer: by the second.
    pub hurry: CancellationToken,
}

impl Asked {
    /// By signals, from now on: none ends the process at once.
    pub fn by_signals() -> io::Result<Self> {
        let asked = Self::default();
        let mut signals = Signals::new()?;
        let heard = asked.clone();
        tokio::spawn(async move {
            let signal = signals.next().await;
            heard.stop.cancel();
            tracing::info!(signal, "stopping; a second signal cuts the connections that are left");
            let signal = signals.next().await;
            heard.hurry.cancel();
            tracing::warn!(signal, "stopping at once");
        });
        Ok(asked)
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            // There will never be one.
            Err(_) => std::future::pending().await,
        }
    }
}
