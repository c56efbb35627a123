//! Where commands go: to the owner of this process, or to a server.

use std::fmt;

use crate::op::{self, Operation};
use crate::{Entry, Key};

/// Takes commands to where the data is: to the owner in this process, or to a server.
///
/// Every method of [`Store`](crate::Store) and [`Reader`](crate::Reader) works over any carrier. Code that is generic
/// over it does not care where its data is.
///
/// Sealed: the carriers are those of this crate.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::{Carrier, Store};
///
/// /// Takes a `Store<f64>` of this process, and a `Client<f64>` of a server.
/// async fn park<C: Carrier<f64>>(car: &Store<f64, C>) -> mainspring::Result<()> {
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
pub trait Carrier<T: Clone + Send + Sync + 'static>:
    fmt::Debug
    + Send
    + Sync
    + 'static
    + Carries<T, op::Get>
    + Carries<T, op::Look<op::Contains>>
    + Carries<T, op::Look<op::Len>>
    + Carries<T, op::Look<op::Last>>
    + Carries<T, op::Look<op::Range>>
    + Carries<T, op::Scan<Key>>
    + Carries<T, op::Scan<(Key, Entry<T>)>>
    + Carries<T, op::Subscribe>
    + Carries<T, op::Single<T, op::Set>>
    + Carries<T, op::Single<T, op::Edit>>
    + Carries<T, op::Single<T, op::Push>>
    + Carries<T, op::Single<T, op::Pop>>
    + Carries<T, op::Single<T, op::Any>>
    + Carries<T, op::Many<T, op::Set>>
    + Carries<T, op::Many<T, op::Push>>
    + Carries<T, op::Many<T, op::Any>>
    + Carries<T, op::Batch<T>>
    + Carries<T, op::Clear>
    + Carries<T, op::Compact>
{
}

/// Carries one kind of command. All of them together are a [`Carrier`].
pub trait Carries<T, O: Operation<T>> {
    /// The command on its way.
    type Call<'a>: Future<Output = Result<O::Output, O::Error>> + Send
    where
        Self: 'a;

    #[doc(hidden)]
    fn call(&self, op: O) -> Self::Call<'_>;
}

impl<T: Clone + Send + Sync + 'static, C> Carrier<T> for C where
    C: fmt::Debug
        + Send
        + Sync
        + 'static
        + Carries<T, op::Get>
        + Carries<T, op::Look<op::Contains>>
        + Carries<T, op::Look<op::Len>>
        + Carries<T, op::Look<op::Last>>
        + Carries<T, op::Look<op::Range>>
        + Carries<T, op::Scan<Key>>
        + Carries<T, op::Scan<(Key, Entry<T>)>>
        + Carries<T, op::Subscribe>
        + Carries<T, op::Single<T, op::Set>>
        + Carries<T, op::Single<T, op::Edit>>
        + Carries<T, op::Single<T, op::Push>>
        + Carries<T, op::Single<T, op::Pop>>
        + Carries<T, op::Single<T, op::Any>>
        + Carries<T, op::Many<T, op::Set>>
        + Carries<T, op::Many<T, op::Push>>
        + Carries<T, op::Many<T, op::Any>>
        + Carries<T, op::Batch<T>>
        + Carries<T, op::Clear>
        + Carries<T, op::Compact>
{
}
