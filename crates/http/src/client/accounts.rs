//! Account management over HTTP.

use std::time::Duration;

use mainspring::Error;
use mainspring::wire::format_duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::failure::{Effect, Failure};
use super::login::Refresher;
use super::remote::{Authentication, Request};
use super::tokens::Tokens;
use super::{Client, Remote};
use crate::auth::{Access, AuthError, NewToken, Profile, Secret};
use crate::protocol::Operation;
use crate::protocol::accounts::{
    Login, Logout, NewAccount, NewTokenRequest, OwnPassword, Password, Profiles, Refresh,
    SigningKeys, TokenPair,
};

type Result<A, E = AuthError> = std::result::Result<A, E>;

/// The accounts of a server: login and logout, and for administrators the management of all accounts. Cheap to clone.
///
/// The accounts of a client use its options and its connections, see [`Client::accounts`](crate::Client::accounts).
///
/// # Errors
///
/// The error that the server reports: [`AuthError::Denied`], [`Forbidden`](AuthError::Forbidden),
/// [`Exists`](AuthError::Exists), [`NotFound`](AuthError::NotFound), [`TooManyAttempts`](AuthError::TooManyAttempts),
/// [`Busy`](AuthError::Busy). Every other error is [`AuthError::Store`] with the [`Error`] that a store would return: an
/// invalid name or password is [`Error::Rejected`] with the message of the server, and so is a server without accounts. If
/// the response to a change is lost, the error is [`Error::Unknown`].
///
/// # Cancel safety
///
/// If the future of a method that changes something is dropped, the change may or may not have been made.
///
/// # Examples
///
/// ```
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// # #[cfg(feature = "server")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring_http::Client;
/// use mainspring_http::auth::{Access, Role};
/// use mainspring_http::client::Accounts;
/// # use mainspring::{Store, wire::Json};
/// # use mainspring_http::{auth::{Auth, AuthOptions, Keys}, server};
/// # let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, AuthOptions::default())?;
/// # auth.ensure_admin("ada", "wheels within wheels".into()).await?;
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = &format!("http://{}", listener.local_addr()?);
/// # let mut options = server::ServerOptions::default();
/// # options.auth = Some(auth);
/// # let store = Store::<Json>::builder().spawn();
/// # tokio::spawn(server::serve(listener, store, options, Default::default()));
///
/// let tokens = Accounts::connect(url)?.login("ada", "wheels within wheels").await?;
/// let store = Client::<f64>::builder(url).login(tokens).connect()?;
/// store.set("car/speed", 42.0).await?;
///
/// let accounts = store.accounts();
/// accounts.register("grace", "nanoseconds", Access::new(Role::Writer).within("car/")).await?;
/// let access = Access::new(Role::Reader).within("car/");
/// let created = accounts.add_token("grace", "dashboard", Some(access), None).await?;
///
/// let dashboard = Client::<f64>::builder(url).token(created.token).connect()?;
/// assert_eq!(dashboard.get("car/speed").await?.unwrap().item(), Some(&42.0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Accounts(Remote);

impl<T> Client<T> {
    /// Returns the accounts of the server.
    pub fn accounts(&self) -> Accounts {
        Accounts(self.remote.clone())
    }
}

impl Accounts {
    /// Creates a handle to the accounts of the server at a URL, for a client that is not logged in yet.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`](crate::Client::connect).
    pub fn connect(url: &str) -> Result<Self, Error> {
        Ok(Client::<()>::connect(url)?.accounts())
    }

    /// Logs in. Pass the tokens to [`ClientBuilder::login`](super::ClientBuilder::login).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the attempt may count as failed, or a login may remain whose tokens are lost.
    pub async fn login(&self, name: &str, password: impl Into<Secret>) -> Result<Tokens> {
        let body = Login { name: name.to_owned(), password: password.into() };
        let request = self.0.request(Operation::Login);
        let request = with_body(request, &body)?.authentication(Authentication::None);
        Ok(Tokens::new(self.request(&request).await?))
    }

    /// Ends the login of this client, or all logins of the account.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the logins may or may not have ended.
    pub async fn logout(&self, all: bool) -> Result<()> {
        self.send(Operation::Logout, &Logout { all }).await.map(ignore)
    }

    /// Returns the account of the caller.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn me(&self) -> Result<Profile> {
        self.request(&self.0.request(Operation::Me)).await
    }

    /// Changes the password of the caller. All logins of the account end, including this one.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the password may or may not have been changed.
    pub async fn change_password(
        &self,
        current: impl Into<Secret>,
        new: impl Into<Secret>,
    ) -> Result<()> {
        let body = OwnPassword { current: current.into(), new: new.into() };
        let request = self.0.request(Operation::ChangePassword);
        // A rejection most likely means a wrong password, and another attempt would count as one more failure.
        let request = with_body(request, &body)?.authentication(Authentication::ConfiguredOnce);
        self.request(&request).await.map(ignore)
    }

    /// Creates an account.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the account may or may not have been created.
    pub async fn register(
        &self,
        name: &str,
        password: impl Into<Secret>,
        access: Access,
    ) -> Result<Profile> {
        let Access { role, prefix } = access;
        let body = NewAccount { name: name.to_owned(), password: password.into(), role, prefix };
        self.send(Operation::Register, &body).await
    }

    /// Returns all accounts, by name.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn list(&self) -> Result<Vec<Profile>> {
        let request = self.0.request(Operation::Accounts);
        self.request(&request).await.map(|Profiles { accounts }| accounts)
    }

    /// Changes the access of an account, from its next request on.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the access may or may not have been changed.
    pub async fn set_access(&self, name: &str, access: Access) -> Result<()> {
        let request = self.0.request_with(Operation::SetAccess, &[name])?;
        self.request(&with_body(request, &access)?).await.map(ignore)
    }

    /// Sets the password of an account. All logins of the account end.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the password may or may not have been changed.
    pub async fn set_password(&self, name: &str, password: impl Into<Secret>) -> Result<()> {
        let request = self.0.request_with(Operation::SetPassword, &[name])?;
        let body = Password { password: password.into() };
        self.request(&with_body(request, &body)?).await.map(ignore)
    }

    /// Removes an account, with its logins and tokens.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the account may or may not have been removed.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.request(&self.0.request_with(Operation::RemoveAccount, &[name])?).await.map(ignore)
    }

    /// Creates an API token, by default with the access of the account and without an expiry.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a token may have been created that is lost.
    pub async fn add_token(
        &self,
        name: &str,
        label: &str,
        access: Option<Access>,
        ttl: Option<Duration>,
    ) -> Result<NewToken> {
        let (label, account) = (label.to_owned(), Some(name.to_owned()));
        let body = NewTokenRequest {
            label,
            account,
            access: access.map(Into::into),
            ttl: ttl.map(format_duration),
        };
        self.send(Operation::AddToken, &body).await
    }

    /// Removes an API token of an account, by its id.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the token may or may not have been removed.
    pub async fn remove_token(&self, name: &str, id: &str) -> Result<()> {
        self.request(&self.0.request_with(Operation::RemoveToken, &[name, id])?).await.map(ignore)
    }

    /// Makes the server sign with a new key. Returns the ids of the valid keys, newest first.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the keys may or may not have been rotated.
    pub async fn rotate_keys(&self) -> Result<Vec<String>> {
        let request = self.0.request(Operation::RotateKeys);
        self.request(&request).await.map(|SigningKeys { keys }| keys)
    }

    async fn send<A: DeserializeOwned>(
        &self,
        operation: Operation,
        body: &impl Serialize,
    ) -> Result<A> {
        self.request(&with_body(self.0.request(operation), body)?).await
    }

    async fn request<A: DeserializeOwned>(&self, request: &Request) -> Result<A> {
        let (remote, effect) = (&self.0, request.effect);
        let to_error = |failure| auth_error(failure, effect, remote);
        let response =
            remote.retry(effect, || remote.send_once(request)).await.map_err(to_error)?;
        parse(&response.body).map_err(to_error)
    }
}

impl Refresher for Remote {
    async fn refresh(&self, token: &Secret) -> Result<Tokens, Failure> {
        let body = Refresh { refresh_token: token.clone() };
        let request = self.request(Operation::Refresh);
        let request =
            with_body(request, &body).map_err(|error| Failure::Invalid(error.to_string()))?;
        let response = self.send_as(&request, None).await?;
        parse::<TokenPair>(&response.body).map(Tokens::new)
    }

    fn server(&self) -> &Address {
        self.address()
    }
}

fn with_body(request: Request, body: &impl Serialize) -> Result<Request> {
    Ok(request.json(serde_json::to_vec(body).map_err(super::write::cannot)?))
}

/// The error does not contain the message of serde, which may quote a token.
fn parse<A: DeserializeOwned>(body: &[u8]) -> Result<A, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::Unreadable(format!("unexpected JSON at line {line}, column {column}"))
    })
}

fn ignore(_: serde::de::IgnoredAny) {}

fn auth_error(failure: Failure, effect: Effect, remote: &Remote) -> AuthError {
    match (failure.status(), failure.code()) {
        (Some(401), _) => AuthError::Denied,
        (Some(403), _) => AuthError::Forbidden,
        (_, Some("too_many_attempts")) => {
            AuthError::TooManyAttempts { wait: failure.after().unwrap_or(Duration::from_secs(1)) }
        }
        (_, Some("account_exists")) => AuthError::Exists,
        (_, Some("account_not_found")) => AuthError::NotFound,
        (_, Some("busy")) => AuthError::Busy,
        (_, Some("not_found")) => {
            let why =
                format!("{} has no accounts: it runs without authentication", remote.address());
            Error::Rejected(why.into()).into()
        }
        _ => failure.into_error(effect, remote.address()).into(),
    }
}
