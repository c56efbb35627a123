//! The accounts of a server.

use std::time::Duration;

use mainspring::Error;
use mainspring::wire::format_duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::address::Address;
use super::fault::{Effect, Fault};
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

/// The accounts of a server: logins, and for administrators all of them. Cheap to clone.
///
/// Those of a client have its options and its connections: see [`Client::accounts`](crate::Client::accounts).
///
/// # Errors
///
/// What the server says: [`AuthError::Denied`], [`Forbidden`](AuthError::Forbidden), [`Exists`](AuthError::Exists),
/// [`NotFound`](AuthError::NotFound), [`TooManyAttempts`](AuthError::TooManyAttempts), [`Busy`](AuthError::Busy). All the
/// rest is [`AuthError::Store`] with the [`Error`] that a store would give: a name or a password that the server does not
/// take is [`Error::Rejected`] with its words, and so is a server without accounts. When the answer to what changes
/// something is lost, that is [`Error::Unknown`].
///
/// # Cancel safety
///
/// If a future is dropped, what it asks for may still be done.
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
/// # use mainspring_http::{auth::{Auth, Keys, ClientBuilder}, server};
/// # let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, ClientBuilder::default())?;
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
/// let reads = Access::new(Role::Reader).within("car/");
/// let made = accounts.add_token("grace", "dashboard", Some(reads), None).await?;
///
/// let dashboard = Client::<f64>::builder(url).token(made.token).connect()?;
/// assert_eq!(dashboard.get("car/speed").await?.unwrap().item(), Some(&42.0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Accounts(Remote);

impl<T> Client<T> {
    /// The accounts of the server.
    pub fn accounts(&self) -> Accounts {
        Accounts(self.remote.clone())
    }
}

impl Accounts {
    /// The accounts of the server at a URL, for who is not logged in yet.
    ///
    /// # Errors
    ///
    /// As [`Client::connect`](crate::Client::connect).
    pub fn connect(url: &str) -> Result<Self, Error> {
        Ok(Client::<()>::connect(url)?.accounts())
    }

    /// Log in. The tokens are for [`ClientBuilder::login`](super::ClientBuilder::login).
    pub async fn login(&self, name: &str, password: impl Into<Secret>) -> Result<Tokens> {
        let body = Login { name: name.to_owned(), password: password.into() };
        let request = self.0.request(Operation::Login);
        let request = with(request, &body)?.by(Authentication::None);
        Ok(Tokens::of(self.ask(&request).await?))
    }

    /// End the login of this client, or all of the account.
    pub async fn logout(&self, all: bool) -> Result<()> {
        self.send(Operation::Logout, &Logout { all }).await.map(done)
    }

    /// Who one is.
    pub async fn me(&self) -> Result<Profile> {
        self.ask(&self.0.request(Operation::Me)).await
    }

    /// Change one's own password. Every login of the account ends, also this one.
    pub async fn change_password(
        &self,
        current: impl Into<Secret>,
        new: impl Into<Secret>,
    ) -> Result<()> {
        let body = OwnPassword { current: current.into(), new: new.into() };
        let request = self.0.request(Operation::ChangePassword);
        // Who is refused has most likely given the wrong password, and another try would count.
        self.ask(&with(request, &body)?.by(Authentication::ConfiguredOnce)).await.map(done)
    }

    /// Make an account.
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

    /// All accounts, by name.
    pub async fn list(&self) -> Result<Vec<Profile>> {
        let request = self.0.request(Operation::Accounts);
        self.ask(&request).await.map(|Profiles { accounts }| accounts)
    }

    /// Change what an account may do, from its next request on.
    pub async fn set_access(&self, name: &str, access: Access) -> Result<()> {
        let request = self.0.request_with(Operation::SetAccess, &[name])?;
        self.ask(&with(request, &access)?).await.map(done)
    }

    /// Give an account another password. Every login of the account ends.
    pub async fn set_password(&self, name: &str, password: impl Into<Secret>) -> Result<()> {
        let request = self.0.request_with(Operation::SetPassword, &[name])?;
        let body = Password { password: password.into() };
        self.ask(&with(request, &body)?).await.map(done)
    }

    /// Remove an account, with its logins and tokens.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.ask(&self.0.request_with(Operation::RemoveAccount, &[name])?).await.map(done)
    }

    /// Make a token for a program, for a time or for good, with the access of the account or with less.
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

    /// Remove a token of an account, by its id.
    pub async fn remove_token(&self, name: &str, id: &str) -> Result<()> {
        self.ask(&self.0.request_with(Operation::RemoveToken, &[name, id])?).await.map(done)
    }

    /// Have the server sign with a new key. Answers the ids of the keys that are live, the newest first.
    pub async fn rotate_keys(&self) -> Result<Vec<String>> {
        let request = self.0.request(Operation::RotateKeys);
        self.ask(&request).await.map(|SigningKeys { keys }| keys)
    }

    async fn send<A: DeserializeOwned>(
        &self,
        operation: Operation,
        body: &impl Serialize,
    ) -> Result<A> {
        self.ask(&with(self.0.request(operation), body)?).await
    }

    async fn ask<A: DeserializeOwned>(&self, request: &Request) -> Result<A> {
        let (remote, effect) = (&self.0, request.effect);
        let read = |fault| refusal(fault, effect, remote);
        let answer = remote.retried(effect, || remote.send_once(request)).await.map_err(read)?;
        parse(&answer.body).map_err(read)
    }
}

impl Refresher for Remote {
    async fn refresh(&self, token: &Secret) -> Result<Tokens, Fault> {
        let body = Refresh { refresh_token: token.clone() };
        let request = self.request(Operation::Refresh);
        let request = with(request, &body).map_err(|error| Fault::Invalid(error.to_string()))?;
        let answer = self.send_as(&request, None).await?;
        parse::<TokenPair>(&answer.body).map(Tokens::of)
    }

    fn server(&self) -> &Address {
        self.address()
    }
}

fn with(request: Request, body: &impl Serialize) -> Result<Request> {
    Ok(request.json(serde_json::to_vec(body).map_err(super::write::cannot)?))
}

/// What is wrong with an answer is said without serde's words, which may quote a token.
fn parse<A: DeserializeOwned>(body: &[u8]) -> Result<A, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Fault::Unreadable(format!("it is not what was asked for, at line {line}, column {column}"))
    })
}

fn done(_: serde::de::IgnoredAny) {}

fn refusal(fault: Fault, effect: Effect, remote: &Remote) -> AuthError {
    match (fault.status(), fault.code()) {
        (Some(401), _) => AuthError::Denied,
        (Some(403), _) => AuthError::Forbidden,
        (_, Some("too_many_attempts")) => {
            AuthError::TooManyAttempts { wait: fault.after().unwrap_or(Duration::from_secs(1)) }
        }
        (_, Some("account_exists")) => AuthError::Exists,
        (_, Some("account_not_found")) => AuthError::NotFound,
        (_, Some("busy")) => AuthError::Busy,
        (_, Some("not_found")) => {
            let why = format!("{} has no accounts: everybody may do everything", remote.address());
            Error::Rejected(why.into()).into()
        }
        _ => fault.into_error(effect, remote.address()).into(),
    }
}
