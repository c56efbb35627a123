//! A login whose tokens are renewed before they end, by one task at a time.

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::address::Address;
use super::failure::Failure;
use super::tokens::Tokens;
use crate::auth::Secret;

/// A login for [clients](super::ClientBuilder::login). Its tokens are renewed before the access token ends, or when the
/// server rejects it. Clones share the login, and so do all clients that use one of them.
///
/// A renewal uses up the refresh token, and a server ends a login whose refresh token is used twice. So no other process
/// may use the same tokens, unless all of them keep the tokens in the same [storage](TokenStorage).
///
/// # Examples
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring_http::Client;
/// use mainspring_http::client::{Accounts, Login};
///
/// let url = "http://127.0.0.1:8080";
/// let tokens = Accounts::connect(url)?.login("ada", "wheels within wheels").await?;
/// let login = Login::from(tokens);
/// let store = Client::<f64>::builder(url).login(login.clone()).connect()?;
/// store.set("car/speed", 42.0).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Login(Arc<Inner>);

struct Inner {
    tokens: Mutex<Tokens>,
    storage: Option<Arc<dyn TokenStorage>>,
    /// Locked during a renewal.
    renewing: tokio::sync::Mutex<()>,
}

/// Stores the tokens of a login outside the process, and may share them between processes.
///
/// Its methods may block: they are called on threads for blocking work.
pub trait TokenStorage: Send + Sync + 'static {
    /// Locks the tokens, in this process and in others, until the returned value is dropped.
    ///
    /// # Errors
    ///
    /// If the tokens cannot be locked. They are not renewed then, and the command that needs the renewal fails with
    /// [`Error::Rejected`](mainspring::Error::Rejected).
    fn take(&self) -> io::Result<Box<dyn LockedTokens>>;
}

/// Exclusive access to stored tokens.
pub trait LockedTokens: Send {
    /// Returns the stored tokens; `None` after a logout.
    fn tokens(&self) -> Option<Tokens>;

    /// Replaces the stored tokens.
    ///
    /// # Errors
    ///
    /// If the tokens cannot be stored. The login continues in this process, and is lost when the process ends.
    fn keep(&mut self, tokens: &Tokens) -> io::Result<()>;
}

/// Exchanges refresh tokens at a server.
pub(super) trait Refresher: Clone + Send + Sync + 'static {
    /// Exchanges a refresh token for new tokens.
    fn refresh(&self, token: &Secret) -> impl Future<Output = Result<Tokens, Failure>> + Send;

    /// The server, for logs.
    fn server(&self) -> &Address;
}

impl Login {
    /// Creates a login whose tokens are in a storage. It begins with these tokens, and uses newer ones of the storage.
    pub fn kept(tokens: Tokens, storage: impl TokenStorage) -> Self {
        Self::new(tokens, Some(Arc::new(storage)))
    }

    fn new(tokens: Tokens, storage: Option<Arc<dyn TokenStorage>>) -> Self {
        let renewing = tokio::sync::Mutex::default();
        Self(Arc::new(Inner { tokens: Mutex::new(tokens), storage, renewing }))
    }

    /// Returns the current tokens.
    pub fn tokens(&self) -> Tokens {
        self.0.tokens.lock().clone()
    }

    /// Returns an access token, after renewing it if it is about to expire.
    pub(super) async fn access(&self, remote: &impl Refresher) -> Result<Secret, Failure> {
        let tokens = self.tokens();
        if tokens.are_fresh() {
            return Ok(tokens.access);
        }
        match self.renewed(remote, &tokens.access).await {
            // The server may still accept the old token, so the request is sent with it.
            Err(failure) if !failure.is_unauthorized() => {
                let server = remote.server();
                tracing::debug!(%server, "cannot renew the login yet: {failure}");
                Ok(tokens.access)
            }
            result => result,
        }
    }

    /// Returns an access token other than this one.
    ///
    /// # Cancel safety
    ///
    /// The renewal continues if the future is dropped: the refresh token may be used up, and its response must not be lost.
    pub(super) async fn renewed(
        &self,
        remote: &impl Refresher,
        old: &Secret,
    ) -> Result<Secret, Failure> {
        let (login, remote, old) = (self.clone(), remote.clone(), old.clone());
        let renewal = tokio::spawn(async move { login.renew(&remote, &old).await });
        renewal.await.unwrap_or_else(|error| Err(cannot(error)))
    }

    async fn renew(&self, remote: &impl Refresher, old: &Secret) -> Result<Secret, Failure> {
        let _guard = self.0.renewing.lock().await;
        let mut tokens = self.tokens();
        if tokens.access != *old {
            return Ok(tokens.access);
        }
        let mut locked = match self.0.storage.clone() {
            Some(storage) => Some(
                spawn_blocking(move || storage.take()).await.map_err(cannot)?.map_err(cannot)?,
            ),
            None => None,
        };
        if let Some(locked) = &locked {
            let stored = locked.tokens().ok_or_else(Failure::unauthorized)?;
            if stored.refresh != tokens.refresh {
                // Another process has renewed them.
                *self.0.tokens.lock() = stored.clone();
                if stored.are_fresh() {
                    return Ok(stored.access);
                }
                tokens = stored;
            }
        }
        let next = remote.refresh(&tokens.refresh).await.map_err(Failure::before_request)?;
        *self.0.tokens.lock() = next.clone();
        let access = next.access.clone();
        if let Some(mut locked) = locked.take() {
            let result = spawn_blocking(move || locked.keep(&next)).await.map_err(io::Error::other);
            if let Err(error) = result.and_then(|result| result) {
                let server = remote.server();
                tracing::warn!(%server, why = %error, "cannot store the renewed tokens; the login ends with this process");
            }
        }
        Ok(access)
    }
}

fn cannot(error: impl fmt::Display) -> Failure {
    Failure::Invalid(format!("cannot renew the login: {error}"))
}

impl From<Tokens> for Login {
    fn from(tokens: Tokens) -> Self {
        Self::new(tokens, None)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("is_kept", &self.0.storage.is_some()).finish_non_exhaustive()
    }
}
