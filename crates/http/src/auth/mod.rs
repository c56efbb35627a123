//! Who may do what: accounts, roles, and the tokens that stand for them.
//!
//! [`Auth`] keeps the accounts in a [`Store`](mainspring::Store) of their own, so they are durable where that store has a
//! journal, and every change takes effect at once: whoever is logged out, limited or removed is refused with the next
//! request, and loses the streams that are open.
//!
//! People log in with a password ([`Auth::login`]) and get two tokens. The access token is a JWT that is signed with
//! Ed25519 and good for minutes; it says who it is for, and what that account may do is looked up with each request.
//! The refresh token is good for one [`Auth::refresh`], which answers the next two; one that comes a second time was
//! stolen from somebody, and ends that login. Programs get a long random token of their own ([`Auth::add_token`]), that
//! is shown once.
//!
//! # Examples
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::Ipv4Addr;
//! use mainspring_http::auth::{Access, Auth, Keys, AuthOptions, Role};
//! use mainspring::Store;
//! use mainspring_http::server;
//!
//! let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, AuthOptions::default())?;
//! auth.register("ada", "wheels within wheels".into(), Access::new(Role::Reader).within("car/")).await?;
//! let tokens = auth.login("ada", "wheels within wheels".into(), Ipv4Addr::LOCALHOST.into()).await?;
//!
//! let mut options = server::ServerOptions::default();
//! options.auth = Some(auth); // for `server::serve`: from now on everybody is asked who they are
//! # drop(tokens);
//! # Ok(()) }
//! ```

mod access;
mod error;
mod profile;
mod secret;
#[cfg(feature = "server")]
mod service;

pub(crate) use self::access::Right;
pub use self::access::{Access, Role};
pub use self::error::AuthError;
pub use self::profile::{NewToken, Profile, TokenInfo};
pub use self::secret::Secret;
#[cfg(all(test, feature = "server"))]
pub(crate) use self::service::forge;
#[cfg(feature = "server")]
pub use self::service::{Account, Auth, AuthOptions, Grant, Keys, Tokens};
