//! Changes as they come: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use mainspring::internal::{event_name, write_event};
use mainspring::{ChangeKind, Error, Event, ResumeToken, Subscription};
use tokio_util::sync::CancellationToken;

use crate::protocol::Problem;
use crate::protocol::parameters::WatchQuery;
use crate::server::answer::Failure;
use crate::server::app::{App, Element, send};
use crate::server::auth::{Context, Ending};
use crate::server::extract::{Query, header};

/// Of which store the stream tells.
const STORE: HeaderName = HeaderName::from_static("mainspring-store");
/// After which place it begins to tell.
const RESUME: HeaderName = HeaderName::from_static("mainspring-resume");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(in crate::server) async fn watch<T: Element>(
    Context(app, caller): Context<T>,
    Query(WatchQuery { key, prefix, from }): Query<WatchQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let subscribe = match (key, prefix) {
        (Some(key), None) => {
            caller.require_key(&key)?;
            app.store.subscribe().key(key)
        }
        (None, prefix) => match &*caller.narrow(prefix.unwrap_or_default().into())? {
            "" => app.store.subscribe(),
            prefix => app.store.subscribe().prefix(prefix),
        },
        (Some(_), Some(_)) => {
            return Err(Failure::new("invalid_request", "watch a key or a prefix, not both"));
        }
    };
    let last = header(&headers, &LAST_EVENT_ID)?.filter(|id| !id.is_empty());
    let subscribe = match (last, from.as_deref()) {
        (Some(id), _) => {
            let token: ResumeToken = id.parse().map_err(|error| {
                Failure::new("invalid_request", format!("Last-Event-ID {id:?}: {error}"))
            })?;
            subscribe.after(token)
        }
        (None, None | Some("now" | "")) => subscribe,
        (None, Some("snapshot")) => subscribe.from_snapshot(),
        (None, Some(from)) => match (from.parse::<u64>(), from.parse::<ResumeToken>()) {
            (Ok(revision), _) => subscribe.after(revision),
            (_, Ok(token)) => subscribe.after(token),
            _ => {
                let message = format!(
                    "from={from:?}: it is `now`, `snapshot`, a revision, or the id of an event"
                );
                return Err(Failure::new("invalid_request", message));
            }
        },
    };
    let subscription = send(subscribe).await?;
    let ended = caller.ending(app.options.auth.as_ref()).await?;
    Ok(stream_of(&app, ended, caller.is_limited(), subscription))
}

fn stream_of<T: Element>(
    app: &Arc<App<T>>,
    ended: Ending,
    is_limited: bool,
    subscription: Subscription<T>,
) -> Response {
    let resume = subscription.resume_token();
    let told = Told {
        subscription,
        shutdown: app.shutdown.clone(),
        ended,
        is_limited,
        stage: if resume.is_some() { Stage::Start } else { Stage::Telling },
    };
    let alive = KeepAlive::new().interval(app.options.heartbeat);
    let events = stream::unfold(told, Told::next);
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    let headers = response.headers_mut();
    let mut insert = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    insert(STORE, app.store.id().to_string());
    if let Some(token) = resume {
        insert(RESUME, token.to_string());
    }
    // For proxies that would otherwise collect the stream before they pass it on.
    insert(HeaderName::from_static("x-accel-buffering"), "no".to_owned());
    response
}

/// A subscription on its way to somebody.
struct Told<T> {
    subscription: Subscription<T>,
    shutdown: CancellationToken,
    /// Ready when whoever listens may not do it any more.
    ended: Ending,
    /// Whether there are keys that they may not know of.
    is_limited: bool,
    stage: Stage,
}

enum Stage {
    /// A browser that is cut off before the first change resumes from where the stream began.
    Start,
    Telling,
    Over,
}

impl<T: Element> Told<T> {
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        let event = match self.stage {
            Stage::Start => {
                self.stage = Stage::Telling;
                let token = self.subscription.resume_token()?;
                sse::Event::default().id(token.to_string())
            }
            Stage::Telling => {
                let told = tokio::select! {
                    biased;
                    () = &mut self.ended => Err(Error::Unauthorized),
                    told = self.subscription.recv() => told,
                    () = self.shutdown.cancelled() => Err(Error::Closed),
                };
                match told {
                    Ok(event) if self.is_limited => self.event(&without_counts(event)),
                    Ok(event) => self.event(&event),
                    Err(error) => self.end(&error),
                }
            }
            Stage::Over => return None,
        };
        Some((Ok(event), self))
    }

    fn event(&mut self, event: &Event<T>) -> sse::Event {
        let mut data = Vec::new();
        let written = write_event(&mut data, event).map(|()| String::from_utf8(data));
        let Ok(Ok(data)) = written else {
            tracing::error!("a value of the store cannot be written as JSON");
            return self.end(&Error::Failed("a value cannot be written as JSON".into()));
        };
        let told = sse::Event::default().event(event_name(event)).data(data);
        // The entries of a snapshot are no place to resume.
        match self.subscription.resume_token().filter(|_| event.revision().is_some()) {
            Some(token) => told.id(token.to_string()),
            None => told,
        }
    }

    fn end(&mut self, error: &Error) -> sse::Event {
        self.stage = Stage::Over;
        let problem = Problem::from(error);
        sse::Event::default().event("end").data(serde_json::to_string(&problem).unwrap_or_default())
    }
}

/// The same without how many keys there were: who may not know of all learns nothing of the others.
fn without_counts<T>(mut event: Event<T>) -> Event<T> {
    if let Event::Change(change) = &mut event
        && let ChangeKind::Cleared { count } = &mut change.kind
    {
        *count = 0;
    }
    event
}
