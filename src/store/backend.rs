//! Where commands go: to the owner of this process, or to a server.

use std::fmt;

use crate::model::{Entry, Key};
use crate::store::op::{self, Operation};

/// Keeps carriers to those of this crate: a new kind of command is then no break for anybody.
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A trait for whatever carries all of these.
macro_rules! carrier {
    ($(#[$doc:meta])* $name:ident: $($op:ty),+ $(,)?) => {
        $(#[$doc])*
        pub trait $name<T: Clone + Send + Sync + 'static>:
            fmt::Debug + Send + Sync + 'static $(+ Carries<T, $op>)+
        {
        }

        impl<T: Clone + Send + Sync + 'static, C> $name<T> for C where
            C: fmt::Debug + Send + Sync + 'static $(+ Carries<T, $op>)+
        {
        }
    };
}

carrier! {
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
    Carrier:
        op::Get,
        op::Look<op::Contains>,
        op::Look<op::Len>,
        op::Look<op::Last>,
        op::Look<op::Range>,
        op::Scan<Key>,
        op::Scan<(Key, Entry<T>)>,
        op::Subscribe,
        op::Single<T, op::Set>,
        op::Single<T, op::Edit>,
        op::Single<T, op::Push>,
        op::Single<T, op::Pop>,
        op::Single<T, op::Any>,
        op::Many<T, op::Set>,
        op::Many<T, op::Push>,
        op::Many<T, op::Any>,
        op::Batch<T>,
        op::Clear,
        op::Compact,
}

/// Carries one kind of command. All of them together are a [`Carrier`], and as that it is sealed.
pub trait Carries<T, O: Operation<T>>: sealed::Sealed {
    /// The command on its way.
    type Call<'a>: Future<Output = Result<O::Output, O::Error>> + Send
    where
        Self: 'a;

    #[doc(hidden)]
    fn call(&self, op: O) -> Self::Call<'_>;
}
