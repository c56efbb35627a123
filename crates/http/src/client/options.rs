//! How a client reaches its server.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::Login;
use crate::auth::Secret;

/// How a client reaches its server. Made by [`Client::builder`](crate::Client::builder).
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

/// How a client authenticates.
#[derive(Clone)]
pub(super) enum Credentials {
    /// A token that stays as it is.
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

    /// How long it may take until there is a connection. 5 seconds, and at most nine tenths of the
    /// [timeout](Self::timeout): a write that was not sent yet has not happened, and that is to be known in time.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one try of a request may take, from the connection to the last byte of the answer. 30 seconds. For a
    /// subscription: until it begins. A [compaction](mainspring::Store::compact) may take longer: only connecting is limited,
    /// and the probes of the connection notice a server that is gone.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a subscription may be without a sign of life until its connection counts as dead, and is made
    /// again; and how long a backup may, which ends then. 45 seconds: three of the server's heartbeats.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How often a command is tried that can be tried again. 3; less than 1 is taken as 1.
    #[must_use]
    pub fn tries(mut self, tries: usize) -> Self {
        self.tries = tries.max(1);
        self
    }

    /// The largest answer to a command that is taken, in bytes. No limit unless set, because a list can grow by pushes
    /// to any size. A read whose answer is larger is [`Error::Rejected`](mainspring::Error::Rejected) with the key and the
    /// size, a write [`Error::Unknown`](mainspring::Error::Unknown). Pages of a scan get shorter as long as that helps, so
    /// that an entry which is too large is the only one that cannot be read.
    #[must_use]
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.max_answer_bytes = bytes;
        self
    }

    /// The largest event that a subscription takes, in bytes as they are sent. No limit unless set. An event is an entry
    /// of a snapshot, a change or a whole batch; a larger one ends the subscription with
    /// [`Error::Rejected`](mainspring::Error::Rejected), which names its key and its size.
    #[must_use]
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Trust these authorities, and not those of the system: their certificates in PEM form, as a file has them. Without
    /// effect where nothing is encrypted.
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

    /// Ask with this token: that of a program, from [`Accounts::add_token`](super::Accounts::add_token).
    #[must_use]
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.credentials = Some(Credentials::Token(token.into()));
        self
    }

    /// Ask as who has logged in: with [`Tokens`](super::Tokens), or a [`Login`] that others use too. They are renewed
    /// when it is time. When that is refused, commands and subscriptions are
    /// [`Error::Unauthorized`](mainspring::Error::Unauthorized).
    #[must_use]
    pub fn login(mut self, login: impl Into<Login>) -> Self {
        self.credentials = Some(Credentials::Login(login.into()));
        self
    }
}

impl<T> fmt::Debug for ClientBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the URL, which may have a password in it, and without tokens.
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
