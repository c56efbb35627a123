//! Options of a client.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::Login;
use crate::auth::Secret;

/// Options of a client, from [`Client::builder`](crate::Client::builder).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mainspring_http::Client;
///
/// let store = Client::<f64>::builder("http://127.0.0.1:8080/store")
///     .timeout(Duration::from_secs(5))
///     .tries(1)
///     .connect()?;
/// # drop(store);
/// # Ok::<(), mainspring::Error>(())
/// ```
#[derive(Clone)]
pub struct ClientBuilder<T> {
    pub(super) url: String,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) silence: Duration,
    pub(super) tries: usize,
    pub(super) max_answer_bytes: usize,
    pub(super) max_event_bytes: usize,
    #[cfg(feature = "tls")]
    pub(super) root_certificates: Option<Vec<u8>>,
    pub(super) credentials: Option<Credentials>,
    element: PhantomData<fn() -> T>,
}

/// The credentials of a client.
#[derive(Clone)]
pub(super) enum Credentials {
    /// A token that is not renewed.
    Token(Secret),
    /// Tokens that are renewed.
    Login(Login),
}

impl<T> ClientBuilder<T> {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            silence: Duration::from_secs(45),
            tries: 3,
            max_answer_bytes: usize::MAX,
            max_event_bytes: usize::MAX,
            #[cfg(feature = "tls")]
            root_certificates: None,
            credentials: None,
            element: PhantomData,
        }
    }

    /// Sets the time limit for making a connection. Default: 5 seconds. It is at most nine tenths of the
    /// [timeout](Self::timeout), so that a write that was not sent is reported as such, and not as a timeout.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the time limit for one try of a request, from connecting to the last byte of the response. Default: 30 seconds.
    /// For a subscription, it applies until the subscription begins. For a [compaction](mainspring::Store::compact), which
    /// may take longer, it applies only to connecting; keep-alive probes detect a server that is gone.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time without data after which the connection of a subscription is replaced, and a backup ends with an error.
    /// Default: 45 seconds, three heartbeats of the server.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Sets the maximum number of tries of a command that can be retried, at least 1. Default: 3.
    ///
    /// # Examples
    ///
    /// ```
    /// use mainspring_http::Client;
    ///
    /// // Report the first failure at once.
    /// let store = Client::<f64>::builder("http://127.0.0.1:8080").tries(1).connect()?;
    /// # drop(store);
    /// # Ok::<(), mainspring::Error>(())
    /// ```
    #[must_use]
    pub fn tries(mut self, tries: usize) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// Sets the maximum size of a response to a command, in bytes. Default: no limit, because a list can grow to any size.
    /// A read with a larger response fails with [`Error::Rejected`](mainspring::Error::Rejected), which names the key and the
    /// size, a write with [`Error::Unknown`](mainspring::Error::Unknown). A scan requests smaller pages instead, so that
    /// only an entry that is itself too large cannot be read.
    #[must_use]
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// Sets the maximum size of an event of a subscription, in bytes as sent. Default: no limit. An event is an entry of a
    /// snapshot, a change or a complete batch. A larger one ends the subscription with
    /// [`Error::Rejected`](mainspring::Error::Rejected), which names its key and its size.
    #[must_use]
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Trusts these authorities instead of those of the system. `pem` contains their certificates in PEM form. Has no effect
    /// on connections without TLS.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use mainspring_http::Client;
    ///
    /// let store = Client::<f64>::builder("https://store.internal:8080")
    ///     .root_certificates(std::fs::read("ca.pem")?)
    ///     .connect()?;
    /// # drop(store);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Authenticates with this API token, from [`Accounts::add_token`](super::Accounts::add_token).
    ///
    /// # Examples
    ///
    /// ```
    /// use mainspring_http::Client;
    ///
    /// let token = "mst_dash.x1Y2z3-_.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    /// let store = Client::<f64>::builder("http://127.0.0.1:8080").token(token).connect()?;
    /// # drop(store);
    /// # Ok::<(), mainspring::Error>(())
    /// ```
    #[must_use]
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.credentials = Some(Credentials::Token(token.into()));
        self
    }

    /// Authenticates with a login: with [`Tokens`](super::Tokens), or with a [`Login`] that other clients use too. Its
    /// tokens are renewed before they end. If the renewal is rejected, commands and subscriptions fail with
    /// [`Error::Unauthorized`](mainspring::Error::Unauthorized).
    #[must_use]
    pub fn login(mut self, login: impl Into<Login>) -> Self {
        self.credentials = Some(Credentials::Login(login.into()));
        self
    }
}

impl<T> fmt::Debug for ClientBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URL, which may contain a password, and without tokens.
        f.debug_struct("ClientBuilder")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("silence", &self.silence)
            .field("tries", &self.tries)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("max_event_bytes", &self.max_event_bytes)
            .finish_non_exhaustive()
    }
}
