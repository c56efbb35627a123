//! Several writes in one request.

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::answer::{Failure, json, put_written};
use crate::http::app::{App, Element, send};
use crate::http::auth::{Note, Writing};
use crate::http::extract::{Query, Unconditional, Whole};
use crate::http::schema;
use crate::wire::{Command, Problem};
use crate::{Action, Write, Written};

/// How the writes belong together.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Together {
    /// Each for itself, rather than all or nothing.
    #[serde(default)]
    #[param(required = false, example = true)]
    independent: bool,
}

/// Several writes in one request.
///
/// All or nothing, at one moment, and one event to those who watch: the first that fails is the error, with its `index`.
/// With `independent` each is for itself, and its error is in its place in the answer.
#[utoipa::path(
    post, path = "/batch", tag = "store", operation_id = "batch",
    params(Together),
    request_body(content = Vec<schema::Command>, example = json!([{"command": "set", "key": "car/speed", "value": 42.5}, {"command": "push", "key": "laps", "value": "b"}])),
    responses(
        (
            status = 200, description = "What each did, in their order.", body = Vec<schema::Outcome>, example = json!([{"revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}, {"revision": 8, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 2}]),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body", "item_not_found", "invalid_data_type", "list_empty"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn batch<T: Element>(
    Writing(app, caller): Writing<T>,
    Query(Together { independent }): Query<Together>,
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
                body.push(b'{');
                put_written(&mut body, written, *has_length)?;
                body.push(b'}');
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
