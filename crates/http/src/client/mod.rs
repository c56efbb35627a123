//! A store in a server: the methods of [`Store`], over HTTP.

mod accounts;
mod address;
mod answer;
mod backend;
mod backup;
mod fault;
mod follow;
mod lines;
mod login;
mod many;
mod options;
mod read;
mod remote;
#[cfg(feature = "tls")]
mod tls;
mod tokens;
mod whole;
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

/// A store in a server. Its methods are those of every [`Store`], with the same options and errors.
///
/// Cheap to clone; all clones share their connections. Nothing is sent before the first command, and there is nothing
/// to shut down. It needs a tokio runtime with time and I/O.
///
/// `T` is what the server stores, or what its JSON can be read as: [`wire::Json`](mainspring::wire::Json) takes all of it.
///
/// # What is different from a store of this process
///
/// - A command waits for an answer at most as long as its [timeout](ClientBuilder::timeout).
/// - **Reads** are tried again when there is no answer, or the server is busy; at last they say
///   [`Error::Unreachable`](mainspring::Error::Unreachable).
/// - **Writes** are tried again only when it is certain that nothing has happened: there was no connection, or the
///   server said that it is busy, or still recovering. When the answer is lost, the error is
///   [`Error::Unknown`](mainspring::Error::Unknown), and nothing is ever sent twice in silence. A condition makes a write
///   safe to do again.
/// - Commands of one task that are awaited one after another take effect in that order. Those that are awaited together,
///   with `join!`, take any order: each has a connection of its own.
/// - `set_many`, `push_many` and `write_many` are several requests, one after another, where one would be too large for
///   a server. If one of them fails, those after it are not sent.
/// - A **subscription** reconnects by itself, for as long as it takes, and goes on after the last event that it told:
///   nothing is missing and nothing is told twice. A server that is restarted does not end it.
///   It ends when it cannot go on: with [`Error::Compacted`](mainspring::Error::Compacted) or
///   [`Error::AheadOfHead`](mainspring::Error::AheadOfHead) if the server does not have what follows any more,
///   [`Error::WrongStore`](mainspring::Error::WrongStore) if it is another store now,
///   [`Error::Unauthorized`](mainspring::Error::Unauthorized) and [`Error::Forbidden`](mainspring::Error::Forbidden), with
///   [`Error::Unreachable`](mainspring::Error::Unreachable) if the connection is lost before a snapshot was complete, and with
///   [`Error::Rejected`](mainspring::Error::Rejected) if what comes cannot be read.
/// - A server with accounts wants to know who asks: give it a [token](ClientBuilder::token) or a [login](ClientBuilder::login), whose
///   tokens are renewed while a subscription goes on.
/// - The keys `.` and `..` cannot be in the address of a request: [`Error::Rejected`](mainspring::Error::Rejected).
/// - [`view`](mainspring::Reader::view), [`latest`](mainspring::Reader::latest), `try_send` and `blocking_send` are for stores of
///   this process, and so are `shutdown` and what belongs to it.
///
/// Proxies that the environment names are not used, and redirects not followed. With `https://` (feature `tls`) the
/// connection is encrypted, and the server has to have a certificate of an authority that the system trusts, or that the
/// [options](ClientBuilder::root_certificates) name.
///
/// # Cancel safety
///
/// If the future of a write is dropped, the write may still take effect, and so it is with every store.
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
///     println!("{event:?}"); // also after the server was restarted
/// }
/// # Ok(()) }
/// ```
pub struct Client<T> {
    store: Store<T, Remote>,
    remote: Remote,
}

impl<T> ClientBuilder<T> {
    /// The client. Nothing is sent yet: connections are made when they are needed, and kept for the next request.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`](mainspring::Error::Rejected) if the URL is none that a client can use, there are no authorities to
    /// trust where there should be, or the token has characters that cannot be sent.
    pub fn connect(self) -> Result<Client<T>> {
        let remote = Remote::new(&self)?;
        Ok(Client { store: Store::over(Arc::new(remote.clone())), remote })
    }
}

impl<T> Client<T> {
    /// A client of the server at a URL, which may have a path: `http://127.0.0.1:8080/store`.
    ///
    /// Nothing is sent yet; [`ready`](Self::ready) waits until the server answers.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`](mainspring::Error::Rejected) if the URL is none that a client can use: `https` needs the feature `tls`.
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

    /// A client of the server at a URL, with options.
    pub fn builder(url: &str) -> ClientBuilder<T> {
        ClientBuilder::new(url)
    }
}

/// The methods of every store, and with [`Reader`](mainspring::Reader) those of every reader.
impl<T> Deref for Client<T> {
    type Target = Store<T, Remote>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

/// The store alone, for code that takes one by value and is generic over its [`Backend`](mainspring::Backend).
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
