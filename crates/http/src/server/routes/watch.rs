//! Subscriptions as streams of server-sent events.

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
use crate::server::app::{App, Element, send};
use crate::server::auth::{Context, Ending};
use crate::server::extract::{Query, header};
use crate::server::response::Failure;

/// The id of the store whose changes the stream contains.
const STORE: HeaderName = HeaderName::from_static("mainspring-store");
/// The position after which the stream begins.
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
            return Err(Failure::new(
                "invalid_request",
                "a watch takes a key or a prefix, not both",
            ));
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
                    "invalid from={from:?}; expected now, snapshot, a revision, or the id of an event"
                );
                return Err(Failure::new("invalid_request", message));
            }
        },
    };
    let subscription = send(subscribe).await?;
    let ended = caller.ending(app.options.auth.as_ref()).await?;
    Ok(stream_response(&app, ended, caller.is_restricted(), subscription))
}

fn stream_response<T: Element>(
    app: &Arc<App<T>>,
    ended: Ending,
    is_restricted: bool,
    subscription: Subscription<T>,
) -> Response {
    let resume = subscription.resume_token();
    let stream = EventStream {
        subscription,
        shutdown: app.shutdown.clone(),
        ended,
        is_restricted,
        stage: if resume.is_some() { Stage::Start } else { Stage::Events },
    };
    let keep_alive = KeepAlive::new().interval(app.options.heartbeat);
    let events = stream::unfold(stream, EventStream::next);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
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
    // Prevents proxies from buffering the stream.
    insert(HeaderName::from_static("x-accel-buffering"), "no".to_owned());
    response
}

/// The state of one stream.
struct EventStream<T> {
    subscription: Subscription<T>,
    shutdown: CancellationToken,
    /// Completes when the rights of the caller change or end.
    ended: Ending,
    /// Whether the caller is restricted to a prefix.
    is_restricted: bool,
    stage: Stage,
}

enum Stage {
    /// The first event has only an id, so that a browser that loses the connection before the first change resumes at the
    /// start of the stream.
    Start,
    Events,
    Ended,
}

impl<T: Element> EventStream<T> {
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        let event = match self.stage {
            Stage::Start => {
                self.stage = Stage::Events;
                let token = self.subscription.resume_token()?;
                sse::Event::default().id(token.to_string())
            }
            Stage::Events => {
                let received = tokio::select! {
                    biased;
                    () = &mut self.ended => Err(Error::Unauthorized),
                    received = self.subscription.recv() => received,
                    () = self.shutdown.cancelled() => Err(Error::Closed),
                };
                match received {
                    Ok(event) if self.is_restricted => self.event(&without_count(event)),
                    Ok(event) => self.event(&event),
                    Err(error) => self.end(&error),
                }
            }
            Stage::Ended => return None,
        };
        Some((Ok(event), self))
    }

    fn event(&mut self, event: &Event<T>) -> sse::Event {
        let mut data = Vec::new();
        let written = write_event(&mut data, event).map(|()| String::from_utf8(data));
        let Ok(Ok(data)) = written else {
            tracing::error!("cannot encode a value of the store as JSON");
            return self.end(&Error::Failed("a value cannot be encoded as JSON".into()));
        };
        let sent = sse::Event::default().event(event_name(event)).data(data);
        // A stream cannot resume inside a snapshot, so its entries have no id.
        match self.subscription.resume_token().filter(|_| event.revision().is_some()) {
            Some(token) => sent.id(token.to_string()),
            None => sent,
        }
    }

    fn end(&mut self, error: &Error) -> sse::Event {
        self.stage = Stage::Ended;
        let problem = Problem::from(error);
        sse::Event::default().event("end").data(serde_json::to_string(&problem).unwrap_or_default())
    }
}

/// Removes the number of keys of a clear: a restricted caller must not learn how many other keys there were.
fn without_count<T>(mut event: Event<T>) -> Event<T> {
    if let Event::Change(change) = &mut event
        && let ChangeKind::Cleared { count } = &mut change.kind
    {
        *count = 0;
    }
    event
}
