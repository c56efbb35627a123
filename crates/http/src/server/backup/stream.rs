//! The stream of a backup.

use axum::body::Bytes;
use futures_util::{StreamExt, stream};
use mainspring::Error;
use mainspring::internal::{CutShort, PartName, PartWriter};
use tokio_util::sync::CancellationToken;

use crate::auth::{Account, Auth};
use crate::protocol::Problem;
use crate::server::app::Element;
use crate::server::auth::{AuditRecord, Caller, Ending};

/// The parts of a backup, one after the other. The snapshot of the accounts begins when the data is complete, so that its
/// subscription does not fall behind while the data is sent.
pub(super) struct Stream<T> {
    stage: Stage<T>,
    auth: Option<Auth>,
    caller: Caller,
    /// Completes when the caller is no longer an administrator.
    ended: Ending,
    shutdown: CancellationToken,
    /// Set from the first chunk until the result of the backup is known.
    audit: Option<AuditRecord>,
    /// The revision of the data, once that is complete.
    revision: u64,
}

enum Stage<T> {
    Data(Box<PartWriter<T>>),
    Accounts(Box<PartWriter<Account>>),
    Ended,
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
        Self { stage, auth, caller, ended, shutdown, audit: None, revision: 0 }
    }

    /// The chunks of the backup. An error cuts the transfer off, so that a client cannot mistake a part for a complete
    /// backup.
    pub(super) fn chunks(self) -> impl futures_util::Stream<Item = Result<Bytes, CutShort>> {
        let chunks = stream::unfold(Some(self), |this| async move {
            let mut this = this?;
            if this.audit.is_none() {
                this.audit = Some(this.caller.audit_operation("backup"));
            }
            match this.next().await {
                Ok(Some(chunk)) => Some((Ok(chunk.into()), Some(this))),
                Ok(None) => {
                    if let Some(audit) = this.audit.take() {
                        audit.finish::<Problem>(Ok(this.revision));
                    }
                    None
                }
                // The stream ends after the error.
                Err(error) => {
                    tracing::warn!(%error, "a backup was cut short");
                    Some((Err(error), None))
                }
            }
        });
        // The compression layer polls once more after the end.
        chunks.fuse()
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, CutShort> {
        loop {
            let chunk = async {
                match &mut self.stage {
                    Stage::Data(part) => part.next().await,
                    Stage::Accounts(part) => part.next().await,
                    Stage::Ended => Ok(None),
                }
            };
            let chunk = tokio::select! {
                biased;
                () = &mut self.ended => return Err(Error::Unauthorized.into()),
                () = self.shutdown.cancelled() => return Err(Error::Closed.into()),
                chunk = chunk => chunk?,
            };
            if chunk.is_some() {
                return Ok(chunk);
            }
            self.stage = match (&self.stage, &self.auth) {
                (Stage::Data(data), auth) => {
                    self.revision = data.revision().unwrap_or_default();
                    match auth {
                        Some(auth) => Stage::Accounts(Box::new(accounts(auth).await?)),
                        None => Stage::Ended,
                    }
                }
                (Stage::Accounts(_), _) => Stage::Ended,
                (Stage::Ended, _) => return Ok(None),
            };
        }
    }
}

async fn accounts(auth: &Auth) -> Result<PartWriter<Account>, CutShort> {
    let store = auth.store();
    let snapshot = store.subscribe().from_snapshot().await?;
    Ok(PartWriter::later(snapshot, store.id(), PartName::Accounts))
}
