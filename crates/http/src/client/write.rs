//! Writes, over HTTP.

use mainspring::{Action, BatchError, Condition, End, Error, Write, Written};
use reqwest::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Remote;
use super::answer::{self, Wanted};
use super::remote::Request;
use crate::protocol::{Command, Operation};

impl Remote {
    /// The request for one write.
    fn write_request<T: Serialize>(&self, write: &Write<T>) -> Result<Request, Error> {
        write.validate()?;
        let operation = match write.action() {
            Action::Set(_) => Operation::Put,
            Action::Update(_) => Operation::Update,
            Action::Remove => Operation::Remove,
            Action::Push { .. } => Operation::Push,
            Action::Pop { .. } => Operation::Pop,
            Action::Trim { .. } => Operation::Trim,
            Action::Touch => Operation::Expire,
            other => return Err(cannot(format_args!("{} is not known", other.name()))),
        };
        let request = match write.action() {
            Action::Trim { keep, .. } => {
                self.request(operation).query("key", &**write.key()).query("keep", keep)
            }
            _ => self.request_of_key(operation, write.key())?,
        };
        let request = match write.action() {
            Action::Push { end: End::Front, .. }
            | Action::Pop { end: End::Front }
            | Action::Trim { end: End::Front, .. } => request.query("end", "front"),
            _ => request,
        };
        let any = HeaderValue::from_static("*");
        let request = match write.condition() {
            Condition::Any => request,
            Condition::IfAbsent => request.header(IF_NONE_MATCH, any),
            Condition::IfPresent => request.header(IF_MATCH, any),
            Condition::IfRevision(revision) => {
                let tag = HeaderValue::try_from(format!("\"{revision}\"")).map_err(cannot)?;
                request.header(IF_MATCH, tag)
            }
            other => return Err(cannot(format_args!("{other:?} is not known"))),
        };
        Ok(match write.action() {
            Action::Remove | Action::Pop { .. } | Action::Trim { .. } => request,
            _ => request.json(serde_json::to_vec(&Command::of(write)?.body()).map_err(cannot)?),
        })
    }
}

pub(super) fn cannot(error: impl std::fmt::Display) -> Error {
    Error::Rejected(format!("the command cannot be sent: {error}").into())
}

/// A write as it is sent together with others.
pub(super) fn command<T: Serialize>(write: &Write<T>) -> Result<Command<'static>, Error> {
    write.validate()?;
    Command::of(write)
}

impl Remote {
    pub(super) async fn write<T: Serialize + DeserializeOwned>(
        &self,
        write: &Write<T>,
    ) -> Result<Written<T>, Error> {
        let wanted = Wanted::of(write);
        let request = self.write_request(write)?;
        self.send(&request, |answer| answer::written(&answer.body, wanted)).await
    }

    pub(super) async fn batch<T: Serialize + DeserializeOwned>(
        &self,
        writes: &[Write<T>],
    ) -> Result<Vec<Written<T>>, BatchError> {
        let wanted: Vec<Wanted> = writes.iter().map(Wanted::of).collect();
        let one = |(index, write)| command(write).map_err(|error| BatchError { index, error });
        let commands: Vec<_> = writes.iter().enumerate().map(one).collect::<Result<_, _>>()?;
        let body = serde_json::to_vec(&commands).map_err(cannot)?;
        let request = self.request(Operation::Batch).json(body);
        self.send_batch(&request, |answer| answer::all(&answer.body, &wanted)).await
    }
}
