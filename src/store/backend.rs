//! Backends: where the commands of a handle go.

use std::fmt;

use crate::model::Command;
use crate::owner::message::CommandResult;

/// Where the commands of a handle go: to the owner in this process, or to a server.
///
/// Every method of [`Store`](crate::Store) and [`Reader`](crate::Reader) that sends a command works over any backend,
/// so generic code does not depend on where the data is.
///
/// The types of commands and responses are not part of the public API: implementations outside of this project are not
/// covered by semantic versioning.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::{Backend, Store};
///
/// /// Accepts a `Store<f64>` in this process and a `Client<f64>` of a server.
/// async fn park<B: Backend<f64>>(car: &Store<f64, B>) -> mainspring::Result<()> {
///     car.set("car/speed", 0.0).ttl(Duration::from_secs(60)).await?;
///     car.remove("car/target_speed").await?;
///     Ok(())
/// }
///
/// let store = Store::<f64>::builder().spawn();
/// store.set("car/target_speed", 42.0).await?;
/// park(&store).await?;
/// assert!(!store.contains("car/target_speed").await?);
/// # Ok(()) }
/// ```
pub trait Backend<T>: fmt::Debug + Send + Sync + 'static {
    #[doc(hidden)]
    type Call<'a>: Future<Output = CommandResult<T>> + Send + Unpin
    where
        Self: 'a;

    #[doc(hidden)]
    fn send(&self, command: Command<T>) -> Self::Call<'_>;
}
