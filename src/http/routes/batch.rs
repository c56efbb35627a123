//! Several writes in one request.

use axum::response::Response;

use crate::http::answer::{Failure, json};
use crate::http::app::{App, Element, send};
use crate::http::auth::{Context, Note};
use crate::http::extract::{Query, Unconditional, Whole};
use crate::protocol::answers;
use crate::protocol::parameters::BatchQuery;
use crate::protocol::{Command, Problem};
use crate::{Action, Write, Written};

pub(in crate::http) async fn batch<T: Element>(
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
    writes.iter().try_for_each(|write| caller.needs_key(write.key()))?;
    let notes: Vec<Note> = writes.iter().map(|write| caller.note(write)).collect();
    let has_length: Vec<bool> = writes
        .iter()
        .map(|write| matches!(write.action(), Action::Push { .. } | Action::Pop { .. }))
        .collect();
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
    answer(&results, &has_length).map_err(|failure| match last {
        Some(revision) => failure.after(revision),
        None => failure,
    })
}

fn answer<T: Element>(results: &Results<T>, has_length: &[bool]) -> Result<Response, Failure> {
    let mut body = vec![b'['];
    for (n, (result, has_length)) in results.iter().zip(has_length).enumerate() {
        if n > 0 {
            body.push(b',');
        }
        match result {
            Ok(written) => {
                serde_json::to_writer(&mut body, &answers::Written::new(written, *has_length))?;
            }
            Err(problem) => serde_json::to_writer(&mut body, problem)?,
        }
    }
    body.push(b']');
    Ok(json(body))
}

type Results<T> = Vec<Result<Written<T>, Problem>>;

async fn all<T: Element>(app: &App<T>, writes: Vec<Write<T>>) -> Result<Results<T>, Failure> {
    Ok(send(app.store.batch(writes)).await?.into_iter().map(Ok).collect())
}

async fn each<T: Element>(app: &App<T>, writes: Vec<Write<T>>) -> Result<Results<T>, Failure> {
    let results = send(app.store.write_many(writes)).await?;
    Ok(results.into_iter().map(|result| result.map_err(|error| Problem::from(&error))).collect())
}
