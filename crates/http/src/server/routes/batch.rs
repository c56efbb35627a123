//! Several writes in one request.

use axum::response::Response;
use mainspring::{Write, Written};

use crate::protocol::answers::BatchResult;
use crate::protocol::parameters::BatchQuery;
use crate::protocol::{Command, Problem};
use crate::server::answer::{Failure, json};
use crate::server::app::{App, Element, send};
use crate::server::auth::{Context, Note};
use crate::server::extract::{Query, Unconditional, Whole};

pub(in crate::server) async fn batch<T: Element>(
    Context(app, caller): Context<T>,
    Query(BatchQuery { independent }): Query<BatchQuery>,
    _: Unconditional,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let read = |(index, command): (usize, Command<'_>)| {
        let write: Result<Write<T>, Problem> = command
            .key()
            .and_then(|key| command.write(&command.command, key))
            .map_err(|problem| problem.at(index));
        write
    };
    let commands = Command::read_all(&body)?;
    let writes = commands.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    writes.iter().try_for_each(|write| caller.require_key(write.key()))?;
    let notes: Vec<Note> = writes.iter().map(|write| caller.note(write)).collect();
    let have_length: Vec<bool> = writes.iter().map(|write| write.action().is_of_list()).collect();
    let results = if independent { each(&app, writes).await } else { all(&app, writes).await };
    let results = match results {
        Ok(results) => results,
        Err(failure) => {
            notes.into_iter().for_each(|note| note.ended(Err(&failure.0)));
            return Err(failure);
        }
    };

    for (note, result) in notes.into_iter().zip(&results) {
        note.ended(result.as_ref().map(|written| written.revision));
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

async fn all<T: Element>(app: &App<T>, writes: Vec<Write<T>>) -> Result<Results<T>, Failure> {
    Ok(send(app.store.batch(writes)).await?.into_iter().map(Ok).collect())
}

async fn each<T: Element>(app: &App<T>, writes: Vec<Write<T>>) -> Result<Results<T>, Failure> {
    let results = send(app.store.write_many(writes)).await?;
    Ok(results.into_iter().map(|result| result.map_err(|error| Problem::from(&error))).collect())
}
