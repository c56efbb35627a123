//! Subscriptions over HTTP: a stream of events that reconnects and resumes.

use std::marker::PhantomData;
use std::time::Duration;

use eventsource_stream::Event as ServerEvent;
use futures_util::{StreamExt, stream};
use mainspring::internal::SubscriptionSource;
use mainspring::internal::read_event;
use mainspring::internal::{Filter, Start, Subscribe};
use mainspring::{Error, Event, ResumeToken, StoreId};
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use super::Remote;
use super::decode::store_id;
use super::failure::Effect;
use super::lines::{EventError, Events, StreamError, events};
use super::remote::{Request, endless_pauses};
use super::store::is_transient;
use crate::protocol::{Operation, Problem};

/// The id of the store whose changes the stream contains.
const STORE: HeaderName = HeaderName::from_static("mainspring-store");
/// The resume token of the position at which the stream begins.
const RESUME: HeaderName = HeaderName::from_static("mainspring-resume");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The media type of a stream of events.
const EVENT_STREAM: &str = "text/event-stream";

/// The first pause before reconnecting. Pauses double up to 5 seconds, and start again after an event was received.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

impl Remote {
    pub(super) async fn subscribe<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
        Subscribe { filter, start }: Subscribe,
    ) -> Result<SubscriptionSource<T>, Error> {
        let remote = self.clone();
        if let Filter::Key(key) = &filter {
            key.validate()?;
        }
        let request = request(&remote, &filter, start);
        let response = remote.retry(Effect::Read, || remote.open(&request)).await;
        let response =
            response.map_err(|failure| failure.into_error(Effect::Read, remote.address()))?;
        let store = store_of(&response).map_err(|why| invalid_stream(&remote, &why))?;
        let delivered = match start {
            Start::Snapshot => None,
            _ => Some(start_of(&response).map_err(|why| invalid_stream(&remote, &why))?.revision),
        };
        let connection = Some(remote.events(response));
        let subscription = RemoteSubscription::<T> {
            remote,
            filter,
            store,
            delivered,
            connection,
            pauses: None,
            element: PhantomData,
        };
        let events = stream::try_unfold(Box::new(subscription), |mut subscription| async move {
            let event = subscription.next().await?;
            Ok(Some((event, subscription)))
        });
        Ok(SubscriptionSource::events(store, delivered, events))
    }
}

impl Remote {
    fn events(&self, response: Response) -> Events {
        events(response, self.silence(), self.max_event_bytes())
    }
}

fn request(remote: &Remote, filter: &Filter, start: Start) -> Request {
    let request = remote.request(Operation::Watch);
    let request = match filter {
        Filter::All => request,
        Filter::Key(key) => request.query("key", &**key),
        Filter::Prefix(prefix) => request.query("prefix", &**prefix),
    };
    let request = match start {
        Start::Now => request.query("from", "now"),
        Start::Snapshot => request.query("from", "snapshot"),
        Start::After { store: None, revision } => request.query("from", revision),
        Start::After { store: Some(store), revision } => {
            request.query("from", ResumeToken { store, revision })
        }
    };
    request.header(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"))
}

/// Returns the text of a header.
fn header_text<'a>(response: &'a Response, name: &HeaderName) -> Result<&'a str, String> {
    let value =
        response.headers().get(name).ok_or_else(|| format!("the header {name} is missing"))?;
    value.to_str().map_err(|_| format!("the header {name} is not text"))
}

fn store_of(response: &Response) -> Result<StoreId, String> {
    if !header_text(response, &CONTENT_TYPE)?.starts_with(EVENT_STREAM) {
        return Err(format!("the response is not {EVENT_STREAM}"));
    }
    store_id(header_text(response, &STORE)?)
}

fn start_of(response: &Response) -> Result<ResumeToken, String> {
    header_text(response, &RESUME)?.parse().map_err(|error| format!("the header {RESUME}: {error}"))
}

fn invalid_stream(remote: &Remote, why: &str) -> Error {
    let server = remote.address();
    Error::Rejected(format!("invalid event stream from {server}: {why}").into())
}

/// The state of one subscription.
struct RemoteSubscription<T> {
    remote: Remote,
    filter: Filter,
    store: StoreId,
    /// The revision up to which all changes were delivered. `None` until the snapshot is complete, if there is one.
    delivered: Option<u64>,
    connection: Option<Events>,
    /// The remaining pauses, while reconnecting.
    pauses: Option<Box<dyn Iterator<Item = Duration> + Send + Sync>>,
    element: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> RemoteSubscription<T> {
    /// Returns the next event. An error ends the subscription.
    async fn next(&mut self) -> Result<Event<T>, Error> {
        loop {
            // Yields to other tasks: while data is buffered, no socket is polled that would consume the budget.
            consume_budget().await;
            let Some(connection) = &mut self.connection else {
                self.reconnect().await?;
                continue;
            };
            match connection.next().await {
                Some(Ok(received)) => {
                    if let Some(event) = self.decode(&received)? {
                        self.pauses = None;
                        return Ok(event);
                    }
                }
                Some(Err(EventError::Transport(
                    error @ (StreamError::Lost(_) | StreamError::Silent(_)),
                ))) => {
                    self.disconnect(&error.to_string())?;
                }
                // A retry would receive the same event.
                Some(Err(error)) => return Err(invalid_stream(&self.remote, &error.to_string())),
                None => self.disconnect("the stream was cut off")?,
            }
        }
    }

    /// Decodes an event. `None` if it was delivered before, or has an unknown name.
    fn decode(&mut self, received: &ServerEvent) -> Result<Option<Event<T>>, Error> {
        let invalid = |why: &dyn std::fmt::Display| {
            Err(invalid_stream(&self.remote, &format!("the event {:?}: {why}", received.event)))
        };
        if received.event == "end" {
            let problem: Result<Problem, _> = serde_json::from_str(&received.data);
            let error = match problem {
                Ok(problem) => problem.into_error(),
                Err(error) => return invalid(&error),
            };
            match error {
                // The access token has ended and is renewed by the next request. If that fails, the subscription ends.
                Error::Unauthorized if self.remote.has_credentials() => {
                    let after = self.close(&error.to_string())?;
                    let server = self.remote.address();
                    tracing::debug!(%server, after, "the token of a subscription has ended");
                }
                error if is_transient(&error) => self.disconnect(&error.to_string())?,
                error => return Err(error),
            }
            return Ok(None);
        }
        let position: Option<ResumeToken> = match received.id.as_str() {
            "" => None,
            id => match id.parse() {
                Ok(position) => Some(position),
                Err(error) => return invalid(&error),
            },
        };
        if position.is_some_and(|position| position.store != self.store) {
            return Err(Error::WrongStore);
        }
        let event = match read_event::<T>(&received.event, &received.data) {
            Ok(Some(event)) => event,
            // An event of a newer server.
            Ok(None) => return Ok(None),
            Err(error) => return invalid(&error),
        };
        match (self.delivered, event.revision()) {
            (Some(delivered), Some(revision)) if revision <= delivered => return Ok(None),
            (Some(_), Some(revision)) => self.delivered = Some(revision),
            (None, Some(revision)) if matches!(event, Event::SnapshotEnd { .. }) => {
                self.delivered = Some(revision);
            }
            _ => {}
        }
        Ok(Some(event))
    }

    fn disconnect(&mut self, why: &str) -> Result<(), Error> {
        let after = self.close(why)?;
        let server = self.remote.address();
        tracing::debug!(%server, after, why, "a subscription has lost its connection");
        Ok(())
    }

    /// Drops the connection, and returns the revision to resume after. An error if the snapshot is not complete, because
    /// a snapshot cannot be resumed.
    fn close(&mut self, why: &str) -> Result<u64, Error> {
        self.connection = None;
        self.delivered.ok_or_else(|| {
            let server = self.remote.address();
            let why = format!(
                "{server}: {why} before the snapshot was complete; discard the copy and subscribe again"
            );
            Error::Unreachable(why.into())
        })
    }

    /// Makes a connection that resumes at the end of the previous one. Retries without a limit.
    async fn reconnect(&mut self) -> Result<(), Error> {
        let revision = self.delivered.unwrap_or_default();
        let position = ResumeToken { store: self.store, revision };
        let server = self.remote.address();
        let id = HeaderValue::try_from(position.to_string())
            .map_err(|error| invalid_stream(&self.remote, &error.to_string()))?;
        let start = Start::After { store: Some(self.store), revision };
        let request = request(&self.remote, &self.filter, start).header(LAST_EVENT_ID, id);
        let pauses = self.pauses.get_or_insert_with(|| Box::new(endless_pauses(FIRST_PAUSE)));
        loop {
            sleep(pauses.next().unwrap_or(FIRST_PAUSE)).await;
            let failure = match self.remote.open(&request).await {
                Ok(response) => {
                    let store =
                        store_of(&response).map_err(|why| invalid_stream(&self.remote, &why))?;
                    if store != self.store {
                        return Err(Error::WrongStore);
                    }
                    tracing::debug!(%server, after = revision, "a subscription has resumed");
                    self.connection = Some(self.remote.events(response));
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let error = failure.into_error(Effect::Read, server);
            if !is_transient(&error) {
                return Err(error);
            }
            tracing::warn!(%server, after = revision, %error, "a subscription cannot resume yet");
        }
    }
}
