//! A login that lasts: its tokens are renewed when it is time, by one at a time.

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::address::Address;
use super::fault::Fault;
use super::tokens::Tokens;
use crate::auth::Secret;

/// A login that [clients](super::ClientBuilder::login) use. They renew its tokens before the access token ends, or when the
/// server does not take it any more. Clones are the same login, and so are all clients that have one of them.
///
/// A renewal uses up the refresh token, and a server ends the login whose refresh token comes twice. So nobody else may
/// have the same tokens, unless all of them keep them in the same [place](TokenStorage).
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
    keeper: Option<Arc<dyn TokenStorage>>,
    /// Held while they are renewed.
    renewing: tokio::sync::Mutex<()>,
}

/// Keeps the tokens of a login where they outlive the process, and where several processes may share them.
///
/// Its methods may block: they are called on threads that may.
pub trait TokenStorage: Send + Sync + 'static {
    /// Take the tokens. Nobody else takes them, in this process or another, until what is answered is dropped.
    ///
    /// # Errors
    ///
    /// If they cannot be taken: then they are not renewed, and the command that needs it is
    /// [`Error::Rejected`](mainspring::Error::Rejected).
    fn take(&self) -> io::Result<Box<dyn LockedTokens>>;
}

/// Tokens that nobody else takes meanwhile.
pub trait LockedTokens: Send {
    /// Those that are kept; `None` if somebody has logged out.
    fn tokens(&self) -> Option<Tokens>;

    /// Keep these from now on.
    ///
    /// # Errors
    ///
    /// If they cannot be kept: the login goes on in this process, and is lost with it.
    fn keep(&mut self, tokens: &Tokens) -> io::Result<()>;
}

/// Exchanges refresh tokens at a server.
pub(super) trait Refresher: Clone + Send + Sync + 'static {
    /// Exchange a refresh token for the next tokens.
    fn refresh(&self, token: &Secret) -> impl Future<Output = Result<Tokens, Fault>> + Send;

    /// The server, for logs.
    fn server(&self) -> &Address;
}

impl Login {
    /// A login whose tokens are kept somewhere: these, or newer ones.
    pub fn kept(tokens: Tokens, keeper: impl TokenStorage) -> Self {
        Self::new(tokens, Some(Arc::new(keeper)))
    }

    fn new(tokens: Tokens, keeper: Option<Arc<dyn TokenStorage>>) -> Self {
        let renewing = tokio::sync::Mutex::default();
        Self(Arc::new(Inner { tokens: Mutex::new(tokens), keeper, renewing }))
    }

    /// The tokens that it has now.
    pub fn tokens(&self) -> Tokens {
        self.0.tokens.lock().clone()
    }

    /// An access token that is good for some time yet, as far as is known.
    pub(super) async fn access(&self, remote: &impl Refresher) -> Result<Secret, Fault> {
        let tokens = self.tokens();
        if tokens.are_fresh() {
            return Ok(tokens.access);
        }
        match self.renewed(remote, &tokens.access).await {
            // The server may be better off when it gets the request itself, and take the old one.
            Err(fault) if !fault.is_unauthorized() => {
                let server = remote.server();
                tracing::debug!(%server, "the login cannot be renewed yet: {fault}");
                Ok(tokens.access)
            }
            done => done,
        }
    }

    /// An access token that is not this one.
    ///
    /// # Cancel safety
    ///
    /// The renewal goes on if the future is dropped: half of it would cost the login.
    pub(super) async fn renewed(
        &self,
        remote: &impl Refresher,
        old: &Secret,
    ) -> Result<Secret, Fault> {
        let (login, remote, old) = (self.clone(), remote.clone(), old.clone());
        let renewal = tokio::spawn(async move { login.renew(&remote, &old).await });
        renewal.await.unwrap_or_else(|error| Err(cannot(error)))
    }

    async fn renew(&self, remote: &impl Refresher, old: &Secret) -> Result<Secret, Fault> {
        let _alone = self.0.renewing.lock().await;
        let mut tokens = self.tokens();
        if tokens.access != *old {
            return Ok(tokens.access);
        }
        let mut taken = match self.0.keeper.clone() {
            Some(keeper) => {
                Some(spawn_blocking(move || keeper.take()).await.map_err(cannot)?.map_err(cannot)?)
            }
            None => None,
        };
        if let Some(taken) = &taken {
            let kept = taken.tokens().ok_or_else(Fault::unauthorized)?;
            if kept.refresh != tokens.refresh {
                // Another process was faster.
                *self.0.tokens.lock() = kept.clone();
                if kept.are_fresh() {
                    return Ok(kept.access);
                }
                tokens = kept;
            }
        }
        let next = remote.refresh(&tokens.refresh).await.map_err(Fault::of_preparation)?;
        *self.0.tokens.lock() = next.clone();
        let access = next.access.clone();
        if let Some(mut taken) = taken.take() {
            let kept = spawn_blocking(move || taken.keep(&next)).await.map_err(io::Error::other);
            if let Err(error) = kept.and_then(|kept| kept) {
                let server = remote.server();
                tracing::warn!(%server, why = %error, "the login is lost with this process");
            }
        }
        Ok(access)
    }
}

fn cannot(error: impl fmt::Display) -> Fault {
    Fault::Invalid(format!("the login cannot be renewed: {error}"))
}

impl From<Tokens> for Login {
    fn from(tokens: Tokens) -> Self {
        Self::new(tokens, None)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("is_kept", &self.0.keeper.is_some()).finish_non_exhaustive()
    }
}
