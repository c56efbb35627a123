//! The thread that owns the journal: it recovers the content, then it is the only thread that appends.
//!
//! A dedicated thread keeps file operations off the async workers, and ends deterministically: dropping [`Writer`]
//! joins it, so the lock of the directory is free afterwards.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc as async_mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::catalog::Catalog;
use super::disk::Disk;
use super::error::FileError;
use super::recover::{Lock, Opened, recover};
use super::replay::Progress;
use super::{OnProgress, SyncPolicy};
use crate::journal::{AppendError, JournalError, Meter, Recovered};
use crate::model::{Change, Error, StoreId};

/// The size of the chunks in which recovered content is sent to the owner, and how many chunks are buffered.
const CHUNK: usize = 512;
const CHUNKS: usize = 4;

/// A request to the thread.
pub(crate) enum WriterCommand<T> {
    Append {
        after: u64,
        changes: Arc<[Change<T>]>,
        reply: oneshot::Sender<AppendResult>,
    },
    /// Begins another segment, so that a compaction can remove the current one.
    Rotate {
        reply: oneshot::Sender<Result<(), AppendError>>,
    },
    Close {
        reply: oneshot::Sender<Result<(), JournalError>>,
    },
}

/// The result of an append. The outer error is a panic of the code of `T`, after which nothing was written.
pub(crate) type AppendResult = Result<Result<(), AppendError>, Box<dyn Any + Send>>;

/// A message of the thread while it opens the journal.
pub(crate) enum OpenMessage<T> {
    Recovered(Vec<Recovered<T>>),
    /// The journal is open. The token is cancelled when a background sync fails.
    Done(StoreId, Arc<Catalog>, CancellationToken),
    Failed(JournalError),
    Panicked(Box<dyn Any + Send>),
}

/// The handle of the thread.
pub(crate) struct Writer<T> {
    commands: Option<mpsc::Sender<WriterCommand<T>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<T> Writer<T> {
    pub(crate) fn send(&self, command: WriterCommand<T>) {
        if let Some(commands) = &self.commands {
            // If the thread has ended, the reply channel is dropped, which the caller notices.
            let _ = commands.send(command);
        }
    }
}

/// Waits for the end of the thread, which releases the lock of the directory.
impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // Panics were reported in a message or a reply.
            let _ = thread.join();
        }
    }
}

/// The settings of the thread.
pub(crate) struct Setup {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) meter: Arc<Meter>,
    pub(crate) on_progress: OnProgress,
    /// The lock of the directory, if it was taken before.
    pub(crate) lock: Option<Lock>,
}

/// Starts the thread. It begins to recover the content immediately.
pub(crate) fn start<T>(
    setup: Setup,
) -> std::io::Result<(Writer<T>, async_mpsc::Receiver<OpenMessage<T>>)>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let (commands, queue) = mpsc::channel();
    let (messages, opening) = async_mpsc::channel(CHUNKS);
    let span = tracing::Span::current();
    let run = move || {
        let opened = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| open(setup, &messages))));
        match opened {
            Ok(Ok(mut opened)) => {
                let failed = CancellationToken::new();
                let catalog = Arc::clone(&opened.catalog);
                let done = OpenMessage::Done(opened.store, catalog, failed.clone());
                if messages.blocking_send(done).is_ok() {
                    drop(messages);
                    serve(opened, &queue, &failed);
                } else if let Err(error) = opened.log.close() {
                    // The store was shut down while the journal was opened.
                    tracing::warn!(%error, "cannot close the journal cleanly");
                }
            }
            Ok(Err(error)) => drop(messages.blocking_send(OpenMessage::Failed(error.into()))),
            Err(panic) => drop(messages.blocking_send(OpenMessage::Panicked(panic))),
        }
    };
    let thread = thread::Builder::new().name("mainspring-journal".into()).spawn(run)?;
    Ok((Writer { commands: Some(commands), thread: Some(thread) }, opening))
}

fn open<T>(setup: Setup, messages: &async_mpsc::Sender<OpenMessage<T>>) -> Result<Opened, FileError>
where
    T: DeserializeOwned,
{
    let Setup { disk, sync, segment_bytes, meter, mut on_progress, lock } = setup;
    let mut chunk = Vec::with_capacity(CHUNK);
    let send = |chunk: &mut Vec<_>| {
        let full = std::mem::replace(chunk, Vec::with_capacity(CHUNK));
        let sent = messages.blocking_send(OpenMessage::Recovered(full));
        sent.map_err(|_| FileError::Impossible(Error::Closed.to_string()))
    };
    let mut progress = |progress: Progress| {
        if let Some(on_progress) = &mut on_progress {
            on_progress(progress);
        }
    };
    let mut visit = |recovered| {
        chunk.push(recovered);
        if chunk.len() == CHUNK { send(&mut chunk) } else { Ok(()) }
    };
    let opened = recover(&disk, lock, (sync, segment_bytes), &meter, &mut progress, &mut visit)?;
    send(&mut chunk)?;
    Ok(opened)
}

/// Executes commands until the handle is dropped, and syncs when a sync is due.
fn serve<T: Serialize + DeserializeOwned>(
    opened: Opened,
    queue: &mpsc::Receiver<WriterCommand<T>>,
    failed: &CancellationToken,
) {
    // Declared after the lock, so that the log is dropped before it.
    let Opened { _lock, mut log, .. } = opened;
    loop {
        let command = match log.sync_in() {
            Some(time) => match queue.recv_timeout(time) {
                Ok(command) => command,
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = log.sync() {
                        tracing::error!(%error, "acknowledged changes may be lost");
                        failed.cancel();
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            },
            None => match queue.recv() {
                Ok(command) => command,
                Err(_) => break,
            },
        };
        match command {
            WriterCommand::Append { after, changes, reply } => {
                let append = AssertUnwindSafe(|| log.append(after, &changes));
                let appended = catch_unwind(append);
                // Dropped before the reply, so that the owner has the last reference and the values are dropped
                // there.
                drop(changes);
                let _ = reply.send(appended);
            }
            WriterCommand::Rotate { reply } => {
                let _ = reply.send(log.rotate());
            }
            WriterCommand::Close { reply } => {
                let _ = reply.send(log.close().map_err(JournalError));
                break;
            }
        }
    }
}
