//! The signals that ask a server to end.

use std::io;

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::signals::Signals;

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
            let signal = name(signals.next().await);
            heard.stop.cancel();
            tracing::info!(signal, "stopping; a second signal cuts the connections that are left");
            let signal = name(signals.next().await);
            heard.hurry.cancel();
            tracing::warn!(signal, "stopping at once");
        });
        Ok(asked)
    }
}

/// Let a write beyond the file size limit of the process (`ulimit -f`) fail with an error, which the journal reports as
/// full, from now on. Otherwise its signal, SIGXFSZ, ends the process.
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
