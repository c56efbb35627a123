//! The thread that has the journal: it reads all of it, then it writes, and nobody else does.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc as pieces, oneshot};
use tokio_util::sync::CancellationToken;

use super::catalog::Catalog;
use super::disk::Disk;
use super::error::FileError;
use super::recover::{Lock, Opened, recover};
use super::replay::Progress;
use super::{OnProgress, SyncPolicy};
use crate::journal::{AppendError, JournalError, Meter, Recovered};
use crate::model::{Change, Error, StoreId};

/// How many things that were read travel together, and how many such pieces wait to be taken.
const PIECE: usize = 512;
const PIECES: usize = 4;

/// What the thread is asked to do.
pub(crate) enum Order<T> {
    Append {
        after: u64,
        changes: Arc<[Change<T>]>,
        reply: oneshot::Sender<Appended>,
    },
    /// Begin another segment, so that a compaction can remove the current one.
    Rotate {
        reply: oneshot::Sender<Result<(), AppendError>>,
    },
    Close {
        reply: oneshot::Sender<Result<(), JournalError>>,
    },
}

/// What came of an append; or `T`'s own code has panicked, and then nothing was written.
pub(crate) type Appended = Result<Result<(), AppendError>, Box<dyn Any + Send>>;

/// What opening tells, in order.
pub(crate) enum Opening<T> {
    Piece(Vec<Recovered<T>>),
    /// With a token that is cancelled when a sync has failed that nobody waited for.
    Done(StoreId, Arc<Catalog>, CancellationToken),
    Failed(JournalError),
    Panicked(Box<dyn Any + Send>),
}

/// The thread, as those who give it orders see it.
pub(crate) struct Writer<T> {
    orders: Option<mpsc::Sender<Order<T>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<T> Writer<T> {
    pub(crate) fn send(&self, order: Order<T>) {
        if let Some(orders) = &self.orders {
            // If the thread has ended, the reply is dropped, which tells.
            let _ = orders.send(order);
        }
    }
}

/// The lock of the folder is free when this is gone.
impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It has told of its panics.
            let _ = thread.join();
        }
    }
}

/// What the thread needs to know.
pub(crate) struct Setup {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) meter: Arc<Meter>,
    pub(crate) on_progress: OnProgress,
    /// The lock of the folder, if it was taken before.
    pub(crate) lock: Option<Lock>,
}

/// Start the thread. It reads at once, and tells what it has read.
pub(crate) fn start<T>(setup: Setup) -> std::io::Result<(Writer<T>, pieces::Receiver<Opening<T>>)>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let (orders, queue) = mpsc::channel();
    let (tell, opening) = pieces::channel(PIECES);
    let span = tracing::Span::current();
    let run = move || {
        let opened = span.in_scope(|| catch_unwind(AssertUnwindSafe(|| open(setup, &tell))));
        match opened {
            Ok(Ok(mut opened)) => {
                let failed = CancellationToken::new();
                let catalog = Arc::clone(&opened.catalog);
                let done = Opening::Done(opened.store, catalog, failed.clone());
                if tell.blocking_send(done).is_ok() {
                    drop(tell);
                    serve(opened, &queue, &failed);
                } else if let Err(error) = opened.log.close() {
                    // The store was shut down meanwhile.
                    tracing::warn!(%error, "the journal could not be closed as it should be");
                }
            }
            Ok(Err(error)) => drop(tell.blocking_send(Opening::Failed(error.into()))),
            Err(panic) => drop(tell.blocking_send(Opening::Panicked(panic))),
        }
    };
    let thread = thread::Builder::new().name("mainspring-journal".into()).spawn(run)?;
    Ok((Writer { orders: Some(orders), thread: Some(thread) }, opening))
}

fn open<T>(setup: Setup, tell: &pieces::Sender<Opening<T>>) -> Result<Opened, FileError>
where
    T: DeserializeOwned,
{
    let Setup { disk, sync, segment_bytes, meter, mut on_progress, lock } = setup;
    let mut piece = Vec::with_capacity(PIECE);
    let send = |piece: &mut Vec<_>| {
        let full = std::mem::replace(piece, Vec::with_capacity(PIECE));
        let sent = tell.blocking_send(Opening::Piece(full));
        sent.map_err(|_| FileError::Impossible(Error::Closed.to_string()))
    };
    let mut progress = |progress: Progress| {
        if let Some(on_progress) = &mut on_progress {
            on_progress(progress);
        }
    };
    let mut tell = |recovered| {
        piece.push(recovered);
        if piece.len() == PIECE { send(&mut piece) } else { Ok(()) }
    };
    let opened = recover(&disk, lock, (sync, segment_bytes), &meter, &mut progress, &mut tell)?;
    send(&mut piece)?;
    Ok(opened)
}

/// Do as ordered until nobody orders any more, and sync when it is time.
fn serve<T: Serialize + DeserializeOwned>(
    opened: Opened,
    queue: &mpsc::Receiver<Order<T>>,
    failed: &CancellationToken,
) {
    // The log is dropped before the lock.
    let Opened { _lock, mut log, .. } = opened;
    loop {
        let order = match log.sync_in() {
            Some(time) => match queue.recv_timeout(time) {
                Ok(order) => order,
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
                Ok(order) => order,
                Err(_) => break,
            },
        };
        match order {
            Order::Append { after, changes, reply } => {
                let append = AssertUnwindSafe(|| log.append(after, &changes));
                let appended = catch_unwind(append);
                // The owner has the last of them, so that they are dropped there.
                drop(changes);
                let _ = reply.send(appended);
            }
            Order::Rotate { reply } => {
                let _ = reply.send(log.rotate());
            }
            Order::Close { reply } => {
                let _ = reply.send(log.close().map_err(JournalError));
                break;
            }
        }
    }
}
