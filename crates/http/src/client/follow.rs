//! Subscriptions, over HTTP: events as they come, over as many connections as it takes.

use std::marker::PhantomData;
use std::time::Duration;

use eventsource_stream::Event as Sent;
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
use super::answer::store_id;
use super::fault::Effect;
use super::lines::{Cut, EventError, Events, events};
use super::remote::{Request, endless_pauses};
use super::whole::may_pass;
use crate::protocol::{Operation, Problem};

/// Of which store a stream tells.
const STORE: HeaderName = HeaderName::from_static("mainspring-store");
/// After which place it begins.
const RESUME: HeaderName = HeaderName::from_static("mainspring-resume");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What comes is a stream of events.
const EVENT_STREAM: &str = "text/event-stream";

/// The first pause before a connection is made again. They double up to 5 seconds, and start over when an event has come.
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
        let answer = remote.retried(Effect::Read, || remote.open(&request)).await;
        let answer = answer.map_err(|fault| fault.into_error(Effect::Read, remote.address()))?;
        let store = store_of(&answer).map_err(|why| no_events(&remote, &why))?;
        let told = match start {
            Start::Snapshot => None,
            _ => Some(begin_of(&answer).map_err(|why| no_events(&remote, &why))?.revision),
        };
        let connection = Some(remote.listen(answer));
        let follow = Follow::<T> {
            remote,
            filter,
            store,
            told,
            connection,
            pauses: None,
            element: PhantomData,
        };
        let events = stream::try_unfold(Box::new(follow), |mut follow| async move {
            let event = follow.next().await?;
            Ok(Some((event, follow)))
        });
        Ok(SubscriptionSource::events(store, told, events))
    }
}

impl Remote {
    fn listen(&self, answer: Response) -> Events {
        events(answer, self.silence(), self.max_event_bytes())
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

/// What a header says.
fn said<'a>(answer: &'a Response, name: &HeaderName) -> Result<&'a str, String> {
    let value = answer.headers().get(name).ok_or_else(|| format!("it has no {name}"))?;
    value.to_str().map_err(|_| format!("its {name} is no text"))
}

fn store_of(answer: &Response) -> Result<StoreId, String> {
    if !said(answer, &CONTENT_TYPE)?.starts_with(EVENT_STREAM) {
        return Err("it is no stream of events".to_owned());
    }
    store_id(said(answer, &STORE)?)
}

fn begin_of(answer: &Response) -> Result<ResumeToken, String> {
    said(answer, &RESUME)?.parse().map_err(|error| format!("its {RESUME}: {error}"))
}

fn no_events(remote: &Remote, why: &str) -> Error {
    let server = remote.address();
    Error::Rejected(format!("what {server} answered cannot be followed: {why}").into())
}

/// One subscription.
struct Follow<T> {
    remote: Remote,
    filter: Filter,
    store: StoreId,
    /// Everything up to here has been told. `None` until the snapshot is complete, if there is one.
    told: Option<u64>,
    connection: Option<Events>,
    /// The pauses that are left, while no event comes.
    pauses: Option<Box<dyn Iterator<Item = Duration> + Send + Sync>>,
    element: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Follow<T> {
    /// The next event. An error is the end.
    async fn next(&mut self) -> Result<Event<T>, Error> {
        loop {
            // Gives way to others now and then, however much there is to read: sockets are not asked about it here.
            consume_budget().await;
            let Some(connection) = &mut self.connection else {
                self.reconnect().await?;
                continue;
            };
            match connection.next().await {
                Some(Ok(sent)) => {
                    if let Some(event) = self.take(&sent)? {
                        self.pauses = None;
                        return Ok(event);
                    }
                }
                Some(Err(EventError::Transport(cut @ (Cut::Lost(_) | Cut::Silent(_))))) => {
                    self.lost(&cut.to_string())?;
                }
                // It would be so again the next time.
                Some(Err(error)) => return Err(no_events(&self.remote, &error.to_string())),
                None => self.lost("the stream was cut off")?,
            }
        }
    }

    /// What is sent, unless it was told before or is of no concern.
    fn take(&mut self, sent: &Sent) -> Result<Option<Event<T>>, Error> {
        let invalid = |why: &dyn std::fmt::Display| {
            Err(no_events(&self.remote, &format!("an event ({}): {why}", sent.event)))
        };
        if sent.event == "end" {
            let problem: Result<Problem, _> = serde_json::from_str(&sent.data);
            let error = match problem {
                Ok(problem) => problem.into_error(),
                Err(error) => return invalid(&error),
            };
            match error {
                // Its token has ended, and is renewed. What is refused then is the end.
                Error::Unauthorized if self.remote.is_somebody() => {
                    let after = self.close(&error.to_string())?;
                    let server = self.remote.address();
                    tracing::debug!(%server, after, "the token of a subscription has ended");
                }
                error if may_pass(&error) => self.lost(&error.to_string())?,
                error => return Err(error),
            }
            return Ok(None);
        }
        let place: Option<ResumeToken> = match sent.id.as_str() {
            "" => None,
            id => match id.parse() {
                Ok(place) => Some(place),
                Err(error) => return invalid(&error),
            },
        };
        if place.is_some_and(|place| place.store != self.store) {
            return Err(Error::WrongStore);
        }
        let event = match read_event::<T>(&sent.event, &sent.data) {
            Ok(Some(event)) => event,
            // A server that is newer than this.
            Ok(None) => return Ok(None),
            Err(error) => return invalid(&error),
        };
        match (self.told, event.revision()) {
            (Some(told), Some(revision)) if revision <= told => return Ok(None),
            (Some(_), Some(revision)) => self.told = Some(revision),
            (None, Some(revision)) if matches!(event, Event::SnapshotEnd { .. }) => {
                self.told = Some(revision);
            }
            _ => {}
        }
        Ok(Some(event))
    }

    fn lost(&mut self, why: &str) -> Result<(), Error> {
        let after = self.close(why)?;
        let server = self.remote.address();
        tracing::debug!(%server, after, why, "a subscription has lost its connection");
        Ok(())
    }

    /// There is no connection any more. That is the end only of a snapshot that is not complete: nobody knows which
    /// part of it is missing. Answers after which revision it goes on.
    fn close(&mut self, why: &str) -> Result<u64, Error> {
        self.connection = None;
        self.told.ok_or_else(|| {
            let server = self.remote.address();
            let why = format!(
                "{server}: {why} before the snapshot was complete: empty the copy and subscribe again"
            );
            Error::Unreachable(why.into())
        })
    }

    /// Make a connection that goes on where the one before has ended, for as long as it takes.
    async fn reconnect(&mut self) -> Result<(), Error> {
        let revision = self.told.unwrap_or_default();
        let place = ResumeToken { store: self.store, revision };
        let server = self.remote.address();
        let id = HeaderValue::try_from(place.to_string())
            .map_err(|error| no_events(&self.remote, &error.to_string()))?;
        let start = Start::After { store: Some(self.store), revision };
        let request = request(&self.remote, &self.filter, start).header(LAST_EVENT_ID, id);
        let pauses = self.pauses.get_or_insert_with(|| Box::new(endless_pauses(FIRST_PAUSE)));
        loop {
            sleep(pauses.next().unwrap_or(FIRST_PAUSE)).await;
            let fault = match self.remote.open(&request).await {
                Ok(answer) => {
                    let store = store_of(&answer).map_err(|why| no_events(&self.remote, &why))?;
                    if store != self.store {
                        return Err(Error::WrongStore);
                    }
                    tracing::debug!(%server, after = revision, "a subscription goes on");
                    self.connection = Some(self.remote.listen(answer));
                    return Ok(());
                }
                Err(fault) => fault,
            };
            let error = fault.into_error(Effect::Read, server);
            if !may_pass(&error) {
                return Err(error);
            }
            tracing::warn!(%server, after = revision, %error, "a subscription cannot go on yet");
        }
    }
}
