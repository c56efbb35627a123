//! Writes over HTTP.

use mainspring::{Action, BatchError, Condition, End, Error, Write, Written};
use reqwest::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Remote;
use super::decode::{self, RequiredMember};
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
            other => {
                let expected = "set, update, remove, push, pop, trim, expire or persist";
                let name = other.name();
                return Err(cannot(format_args!("unknown action {name:?}; expected {expected}")));
            }
        };
        let request = match write.action() {
            Action::Trim { keep, .. } => {
                self.request(operation).query("key", &**write.key()).query("keep", keep)
            }
            _ => self.request_for_key(operation, write.key())?,
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
            other => {
                let expected = "none, if_absent, if_present or if_revision";
                let message = format_args!("unknown condition {other:?}; expected {expected}");
                return Err(cannot(message));
            }
        };
        Ok(match write.action() {
            Action::Remove | Action::Pop { .. } | Action::Trim { .. } => request,
            _ => request
                .json(serde_json::to_vec(&Command::from_write(write)?.body()).map_err(cannot)?),
        })
    }
}

pub(super) fn cannot(error: impl std::fmt::Display) -> Error {
    Error::Rejected(format!("cannot send the command: {error}").into())
}

/// A write as a command of a batch.
pub(super) fn command<T: Serialize>(write: &Write<T>) -> Result<Command<'static>, Error> {
    write.validate()?;
    Command::from_write(write)
}

impl Remote {
    pub(super) async fn write<T: Serialize + DeserializeOwned>(
        &self,
        write: &Write<T>,
    ) -> Result<Written<T>, Error> {
        let required = RequiredMember::of(write);
        let request = self.write_request(write)?;
        self.send(&request, |response| decode::written(&response.body, required)).await
    }

    pub(super) async fn batch<T: Serialize + DeserializeOwned>(
        &self,
        writes: &[Write<T>],
    ) -> Result<Vec<Written<T>>, BatchError> {
        let required: Vec<RequiredMember> = writes.iter().map(RequiredMember::of).collect();
        let encode = |(index, write)| command(write).map_err(|error| BatchError { index, error });
        let commands: Vec<_> = writes.iter().enumerate().map(encode).collect::<Result<_, _>>()?;
        let body = serde_json::to_vec(&commands).map_err(cannot)?;
        let request = self.request(Operation::Batch).json(body);
        self.send_batch(&request, |response| decode::batch(&response.body, &required)).await
    }
}
