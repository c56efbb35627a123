//! Writes, over HTTP.

use reqwest::Method;
use reqwest::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Remote;
use super::answer::{self, Wanted};
use super::read::Answering;
use super::remote::Request;
use crate::protocol::Command;
use crate::store::op::{Batch, Single, WriteKind};
use crate::{Action, BatchError, Carries, Condition, End, Error, Write, Written};

impl Remote {
    /// The request for one write.
    fn request<T: Serialize>(&self, write: &Write<T>) -> Result<Request, Error> {
        write.validate()?;
        let (method, part) = match write.action() {
            Action::Set(_) => (Method::PUT, ""),
            Action::Update(_) => (Method::PATCH, ""),
            Action::Remove => (Method::DELETE, ""),
            Action::Push { end: End::Back, .. } => (Method::POST, "/push"),
            Action::Push { end: End::Front, .. } => (Method::POST, "/push?end=front"),
            Action::Pop { end: End::Back } => (Method::POST, "/pop"),
            Action::Pop { end: End::Front } => (Method::POST, "/pop?end=front"),
            Action::Touch => (Method::POST, "/ttl"),
        };
        let request = Request::write(method, self.address().of_key(write.key(), part)?);
        let any = HeaderValue::from_static("*");
        let request = match write.condition() {
            Condition::Any => request,
            Condition::IfAbsent => request.header(IF_NONE_MATCH, any),
            Condition::IfPresent => request.header(IF_MATCH, any),
            Condition::IfRevision(revision) => {
                let tag = HeaderValue::try_from(format!("\"{revision}\"")).map_err(cannot)?;
                request.header(IF_MATCH, tag)
            }
        };
        Ok(match write.action() {
            Action::Remove | Action::Pop { .. } => request,
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

impl<T, K> Carries<T, Single<T, K>> for Remote
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    K: WriteKind<T>,
{
    type Call<'a> = Answering<'a, K::Output>;

    fn call(&self, op: Single<T, K>) -> Self::Call<'_> {
        let wanted = Wanted::of(&op.write);
        let request = self.request(&op.write);
        Box::pin(async move {
            self.send(&request?, |answer| answer::written(&answer.body, wanted))
                .await
                .map(K::output)
        })
    }
}

impl<T> Carries<T, Batch<T>> for Remote
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    type Call<'a> = Answering<'a, Vec<Written<T>>, BatchError>;

    fn call(&self, Batch { writes }: Batch<T>) -> Self::Call<'_> {
        let wanted: Vec<Wanted> = writes.iter().map(Wanted::of).collect();
        let one = |(index, write)| command(write).map_err(|error| BatchError { index, error });
        let commands: Result<Vec<_>, _> = writes.iter().enumerate().map(one).collect();
        let body = commands.and_then(|commands| Ok(serde_json::to_vec(&commands).map_err(cannot)?));
        let request = Request::write(Method::POST, self.address().at("/batch"));
        Box::pin(async move {
            self.send_batch(&request.json(body?), |answer| answer::all(&answer.body, &wanted)).await
        })
    }
}
