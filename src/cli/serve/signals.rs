//! The signals that ask a server to end.

use std::io;

use tokio_util::sync::CancellationToken;

/// Cancel the token at the first signal that asks for an end. From now on none ends the process at once.
#[cfg(unix)]
pub fn cancel(token: &CancellationToken) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = token.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        token.cancel();
        tracing::info!(signal = name, "stopping");
    });
    Ok(())
}

#[cfg(not(unix))]
pub fn cancel(token: &CancellationToken) -> io::Result<()> {
    let token = token.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            token.cancel();
            tracing::info!("stopping");
        }
    });
    Ok(())
}
