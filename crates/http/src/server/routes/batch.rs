//! Batches: several writes in one request.

use axum::response::Response;
use mainspring::{Write, Written};

use crate::protocol::parameters::BatchQuery;
use crate::protocol::responses::BatchResult;
use crate::protocol::{Command, Problem};
use crate::server::app::{App, Element, send};
use crate::server::auth::{AuditRecord, Context};
use crate::server::extract::{FullBody, Query, Unconditional};
use crate::server::response::{Failure, json};

pub(in crate::server) async fn batch<T: Element>(
    Context(app, caller): Context<T>,
    Query(BatchQuery { independent }): Query<BatchQuery>,
    _: Unconditional,
    FullBody(body): FullBody,
) -> Result<Response, Failure> {
    let to_write = |(index, command): (usize, Command<'_>)| {
        let write: Result<Write<T>, Problem> = command
            .key()
            .and_then(|key| command.write(&command.command, key))
            .map_err(|problem| problem.at(index));
        write
    };
    let commands = Command::read_all(&body)?;
    let writes = commands.into_iter().enumerate().map(to_write).collect::<Result<Vec<_>, _>>()?;
    writes.iter().try_for_each(|write| caller.require_key(write.key()))?;
    let audits: Vec<AuditRecord> = writes.iter().map(|write| caller.audit_write(write)).collect();
    let have_length: Vec<bool> = writes.iter().map(|write| write.action().is_of_list()).collect();
    let results = if independent {
        independent_writes(&app, writes).await
    } else {
        atomic(&app, writes).await
    };
    let results = match results {
        Ok(results) => results,
        Err(failure) => {
            audits.into_iter().for_each(|audit| audit.finish(Err(&failure.0)));
            return Err(failure);
        }
    };

    for (audit, result) in audits.into_iter().zip(&results) {
        audit.finish(result.as_ref().map(|written| written.revision));
    }
    let last = results.iter().flatten().map(|written| written.revision).max();
    let outcomes = results.iter().zip(have_length);
    let outcomes: Vec<_> =
        outcomes.map(|(result, length)| BatchResult::new(result, length)).collect();
    let body = serde_json::to_vec(&outcomes).map_err(|error| match last {
        Some(revision) => Failure::from(error).after(revision),
        None => error.into(),
    });
    Ok(json(body?))
}

type Results<T> = Vec<Result<Written<T>, Problem>>;

async fn atomic<T: Element>(app: &App<T>, writes: Vec<Write<T>>) -> Result<Results<T>, Failure> {
    Ok(send(app.store.batch(writes)).await?.into_iter().map(Ok).collect())
}

async fn independent_writes<T: Element>(
    app: &App<T>,
    writes: Vec<Write<T>>,
) -> Result<Results<T>, Failure> {
    let results = send(app.store.write_many(writes)).await?;
    Ok(results.into_iter().map(|result| result.map_err(|error| Problem::from(&error))).collect())
}
