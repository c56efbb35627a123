//! A client for a store in a server: the methods of [`Store`] over HTTP.
//!
//! A [`Client`] is a [`Store`] whose backend sends its commands to a server, so code that is generic over
//! [`Backend`](mainspring::Backend) works with both. The client never repeats a write that may have been applied: such a
//! write fails with [`Error::Unknown`](mainspring::Error::Unknown), and the caller decides.

mod accounts;
mod address;
mod backend;
mod backup;
mod decode;
mod failure;
mod lines;
mod login;
mod many;
mod options;
mod read;
mod remote;
mod store;
mod subscription;
#[cfg(feature = "tls")]
mod tls;
mod tokens;
mod write;

pub use self::accounts::Accounts;
pub use self::backup::Backup;
pub use self::login::{LockedTokens, Login, TokenStorage};
pub use self::options::ClientBuilder;
pub use self::remote::Remote;
pub use self::tokens::Tokens;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use mainspring::{Result, Store};

/// A store in a server, with the methods, options and errors of every [`Store`].
///
/// Cheap to clone; all clones share their connections. No request is sent before the first command, and no shutdown is
/// needed. It requires a Tokio runtime with time and I/O.
///
/// `T` is the element type of the server, or any type that its JSON can be deserialized to:
/// [`wire::Json`](mainspring::wire::Json) accepts every element.
///
/// # Differences from a local store
///
/// - A command waits at most for its [timeout](ClientBuilder::timeout).
/// - **Reads** are retried if there is no response, or the server is busy. After the last try they fail with
///   [`Error::Unreachable`](mainspring::Error::Unreachable).
/// - **Writes** are retried only if they were certainly not applied: there was no connection, or the server responded that
///   it is busy or still recovering. If the response is lost, the error is
///   [`Error::Unknown`](mainspring::Error::Unknown); a write is never repeated silently. A condition makes it safe to
///   repeat a write.
/// - Commands that one task awaits one after another take effect in that order. Commands that are awaited together, with
///   `join!`, take effect in any order, because each has a connection of its own.
/// - `set_many`, `push_many` and `write_many` send several requests, one after another, if one would be too large for the
///   server. If one of them fails, those after it are not sent.
/// - A **subscription** reconnects by itself, without a limit, and resumes after the last event that it delivered:
///   no event is missed or delivered twice. A restart of the server does not end it. It ends if it cannot resume: with
///   [`Error::Compacted`](mainspring::Error::Compacted) or [`Error::AheadOfHead`](mainspring::Error::AheadOfHead) if the
///   server no longer has the following changes, [`Error::WrongStore`](mainspring::Error::WrongStore) if the server now has
///   another store, [`Error::Unauthorized`](mainspring::Error::Unauthorized) and
///   [`Error::Forbidden`](mainspring::Error::Forbidden), [`Error::Unreachable`](mainspring::Error::Unreachable) if the
///   connection is lost before a snapshot is complete, and [`Error::Rejected`](mainspring::Error::Rejected) if an event
///   cannot be decoded.
/// - A server with accounts requires authentication: use a [token](ClientBuilder::token) or a
///   [login](ClientBuilder::login), whose tokens are renewed while a subscription runs.
/// - The keys `.` and `..` cannot be in the path of a request: [`Error::Rejected`](mainspring::Error::Rejected).
/// - [`view`](mainspring::Reader::view), [`latest`](mainspring::Reader::latest), `try_send` and `blocking_send` exist only
///   for local stores, and so do `shutdown` and related methods.
///
/// Proxies of the environment are not used, and redirects are not followed. With `https://` (feature `tls`) the connection
/// is encrypted, and the certificate of the server must be issued by an authority that the system trusts, or that is set
/// with [`root_certificates`](ClientBuilder::root_certificates).
///
/// # Generic code
///
/// A client dereferences to its [`Store`], so a function that takes `&Store<T, B>` takes a `&Client<T>`. Bind the client
/// to a variable first: in `park(&Client::connect(url)?)` the compiler does not apply the conversion.
///
/// # Cancel safety
///
/// If the future of a write is dropped, the write may still take effect, as with a local store.
///
/// # Examples
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::Event;
/// use mainspring_http::Client;
///
/// let store = Client::<f64>::connect("http://127.0.0.1:8080")?;
/// store.set("car/speed", 42.0).ttl(Duration::from_secs(60)).if_absent().await?;
///
/// let mut car = store.subscribe().prefix("car/").from_snapshot().await?;
/// while let Ok(event) = car.recv().await {
///     println!("{event:?}"); // resumes after a restart of the server
/// }
/// # Ok(()) }
/// ```
pub struct Client<T> {
    store: Store<T, Remote>,
    remote: Remote,
}

impl<T> ClientBuilder<T> {
    /// Creates the client. No request is sent: connections are made on demand, and kept for later requests.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`](mainspring::Error::Rejected) if the URL is invalid, the authorities to trust cannot be loaded, or
    /// the token contains characters that a header cannot have.
    pub fn connect(self) -> Result<Client<T>> {
        let remote = Remote::new(&self)?;
        Ok(Client { store: Store::over(Arc::new(remote.clone())), remote })
    }
}

impl<T> Client<T> {
    /// Creates a client of the server at a URL, which may have a path: `http://127.0.0.1:8080/store`.
    ///
    /// No request is sent; [`ready`](Self::ready) waits until the server responds.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`](mainspring::Error::Rejected) if the URL is invalid. `https` requires the feature `tls`.
    ///
    /// # Examples
    ///
    /// ```
    /// use mainspring::Error;
    /// use mainspring_http::Client;
    ///
    /// let store = Client::<String>::connect("http://127.0.0.1:8080")?;
    /// assert!(matches!(Client::<u8>::connect("127.0.0.1:8080"), Err(Error::Rejected(_))));
    /// # drop(store);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn connect(url: &str) -> Result<Self> {
        Self::builder(url).connect()
    }

    /// Returns a builder for a client of the server at a URL, to set options.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use mainspring_http::Client;
    ///
    /// let store = Client::<String>::builder("http://127.0.0.1:8080")
    ///     .timeout(Duration::from_secs(2))
    ///     .connect()?;
    /// # drop(store);
    /// # Ok::<(), mainspring::Error>(())
    /// ```
    pub fn builder(url: &str) -> ClientBuilder<T> {
        ClientBuilder::new(url)
    }
}

/// Provides the methods of every store, and with [`Reader`](mainspring::Reader) those of every reader.
impl<T> Deref for Client<T> {
    type Target = Store<T, Remote>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

/// Returns the store alone, for code that takes a store by value and is generic over its
/// [`Backend`](mainspring::Backend).
impl<T> From<Client<T>> for Store<T, Remote> {
    fn from(client: Client<T>) -> Self {
        client.store
    }
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), remote: self.remote.clone() }
    }
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.store).finish()
    }
}
