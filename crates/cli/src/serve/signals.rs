//! Signals that stop a server.

use std::io;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::signals::Signals;

/// Tokens that the first and the second signal cancel.
#[derive(Debug, Default, Clone)]
pub struct StopSignals {
    /// Graceful shutdown: cancelled by the first signal.
    pub stop: CancellationToken,
    /// Stop waiting for connections: cancelled by the second signal.
    pub force: CancellationToken,
}

impl StopSignals {
    /// Listen for signals. From now on, they do not end the process by themselves.
    pub fn listen() -> io::Result<Self> {
        let tokens = Self::default();
        let mut signals = Signals::new()?;
        let cancelled = tokens.clone();
        tokio::spawn(async move {
            let signal = name(signals.next().await);
            cancelled.stop.cancel();
            tracing::info!(signal, "stopping; a second signal cuts the connections that are left");
            let signal = name(signals.next().await);
            cancelled.force.cancel();
            tracing::warn!(signal, "stopping at once");
        });
        Ok(tokens)
    }
}

/// Ignore SIGXFSZ, so that a write beyond the file size limit of the process (`ulimit -f`) fails with an error, which
/// the journal reports as a full disk. By default the signal ends the process.
#[cfg(unix)]
pub fn survive_file_size_limits() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    // The handler stays in place when the listener is dropped.
    signal(SignalKind::from_raw(libc::SIGXFSZ)).map(drop)
}

#[cfg(not(unix))]
pub fn survive_file_size_limits() -> io::Result<()> {
    Ok(())
}

fn name(signal: Exit) -> &'static str {
    if signal == Exit::Terminated { "SIGTERM" } else { "SIGINT" }
}
