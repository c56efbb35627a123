//! What every handler has.

use std::sync::Arc;

use axum::extract::State;
use mainspring::{Local, Pending, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::ServerOptions;
use super::answer::Failure;
use super::openapi::Description;

/// What a store must hold to be served: elements that are read from JSON and written as JSON.
///
/// Every type that can do it is one. Its JSON is not `null` and not a list, because what begins with a
/// bracket is a list of elements.
pub trait Element: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Element for T {}

/// What every handler has.
pub(super) struct App<T> {
    pub(super) store: Store<T>,
    pub(super) options: ServerOptions,
    /// When it is cancelled, streams end.
    pub(super) shutdown: CancellationToken,
    pub(super) description: Description,
}

impl<T> App<T> {
    pub(super) fn new(
        store: Store<T>,
        options: ServerOptions,
        shutdown: CancellationToken,
    ) -> Self {
        let description = Description::new(&options.api_version, options.auth.is_some());
        Self { store, options, shutdown, description }
    }
}

pub(super) type AppState<T> = State<Arc<App<T>>>;

/// Send a command, if there is room for it in the queue: who asks over a network can ask again, and is told
/// to, rather than made to wait.
pub(super) async fn send<'a, T, A, E>(
    command: impl Into<Pending<'a, T, A, Local<T>, E>>,
) -> Result<A, Failure>
where
    T: Send + Sync + 'static,
    Failure: From<E>,
{
    match command.into().try_send() {
        Ok(reply) => Ok(reply.await?),
        Err(refused) => Err(refused.into_error().into()),
    }
}
