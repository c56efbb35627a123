//! The state of the handlers.

use std::sync::Arc;

use axum::extract::State;
use mainspring::{Local, Pending, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::ServerOptions;
use super::openapi::Description;
use super::response::Failure;

/// The element type of a store that is served: serialized to JSON and deserialized from it.
///
/// Implemented for every type that meets the requirements. Its JSON must not be `null` and must not be a list, because a
/// JSON list stands for a list of elements.
pub trait Element: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Element for T {}

/// The state of the handlers.
pub(super) struct App<T> {
    pub(super) store: Store<T>,
    pub(super) options: ServerOptions,
    /// Ends streams when it is cancelled.
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

/// Sends a command if the queue has room, and awaits its result. A client can retry, so a full queue is reported at once
/// instead of making requests wait in the server.
pub(super) async fn send<'a, T, A, E>(
    command: impl Into<Pending<'a, T, A, Local<T>, E>>,
) -> Result<A, Failure>
where
    T: Send + Sync + 'static,
    Failure: From<E>,
{
    match command.into().try_send() {
        Ok(reply) => Ok(reply.await?),
        Err(rejected) => Err(rejected.into_error().into()),
    }
}
