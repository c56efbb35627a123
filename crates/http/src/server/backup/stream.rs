//! A backup on its way to a client.

use axum::body::Bytes;
use futures_util::{StreamExt, stream};
use mainspring::Error;
use mainspring::internal::{CutShort, PartName, PartWriter};
use tokio_util::sync::CancellationToken;

use crate::auth::{Account, Auth};
use crate::protocol::Problem;
use crate::server::app::Element;
use crate::server::auth::{Caller, Ending, Note};

/// The parts of a backup, one after the other. The accounts are begun when the data is complete, so that they do not fall
/// behind meanwhile.
pub(super) struct Stream<T> {
    stage: Stage<T>,
    auth: Option<Auth>,
    caller: Caller,
    /// Ready when the caller is no administrator any more.
    ended: Ending,
    shutdown: CancellationToken,
    /// From the first piece until it is known how the backup ended.
    note: Option<Note>,
    /// The revision of the data, once that is complete.
    revision: u64,
}

enum Stage<T> {
    Data(Box<PartWriter<T>>),
    Accounts(Box<PartWriter<Account>>),
    Over,
}

impl<T: Element> Stream<T> {
    pub(super) fn new(
        data: PartWriter<T>,
        auth: Option<Auth>,
        caller: Caller,
        ended: Ending,
        shutdown: CancellationToken,
    ) -> Self {
        let stage = Stage::Data(Box::new(data));
        Self { stage, auth, caller, ended, shutdown, note: None, revision: 0 }
    }

    /// The text of the backup. An error cuts the transfer, so that a client never takes a part for the whole.
    pub(super) fn pieces(self) -> impl futures_util::Stream<Item = Result<Bytes, CutShort>> {
        let pieces = stream::unfold(Some(self), |this| async move {
            let mut this = this?;
            if this.note.is_none() {
                this.note = Some(this.caller.note_of("backup"));
            }
            match this.next().await {
                Ok(Some(piece)) => Some((Ok(piece.into()), Some(this))),
                Ok(None) => {
                    if let Some(note) = this.note.take() {
                        note.ended::<Problem>(Ok(this.revision));
                    }
                    None
                }
                // It is the last that is sent.
                Err(error) => {
                    tracing::warn!(%error, "a backup was cut short");
                    Some((Err(error), None))
                }
            }
        });
        // Compression asks once more after the end.
        pieces.fuse()
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, CutShort> {
        loop {
            let piece = async {
                match &mut self.stage {
                    Stage::Data(part) => part.next().await,
                    Stage::Accounts(part) => part.next().await,
                    Stage::Over => Ok(None),
                }
            };
            let piece = tokio::select! {
                biased;
                () = &mut self.ended => return Err(Error::Unauthorized.into()),
                () = self.shutdown.cancelled() => return Err(Error::Closed.into()),
                piece = piece => piece?,
            };
            if piece.is_some() {
                return Ok(piece);
            }
            self.stage = match (&self.stage, &self.auth) {
                (Stage::Data(data), auth) => {
                    self.revision = data.revision().unwrap_or_default();
                    match auth {
                        Some(auth) => Stage::Accounts(Box::new(accounts(auth).await?)),
                        None => Stage::Over,
                    }
                }
                (Stage::Accounts(_), _) => Stage::Over,
                (Stage::Over, _) => return Ok(None),
            };
        }
    }
}

async fn accounts(auth: &Auth) -> Result<PartWriter<Account>, CutShort> {
    let store = auth.store();
    let snapshot = store.subscribe().from_snapshot().await?;
    Ok(PartWriter::later(snapshot, store.id(), PartName::Accounts))
}
