//! Authentication and authorization: accounts, roles and tokens.
//!
//! [`Auth`] keeps the accounts in a [`Store`](mainspring::Store) of their own, so they are durable if that store has a
//! journal.
//!
//! The design choice is that **a token proves an identity and carries no rights**. The rights of its account are looked
//! up with each request, which costs one read of a view. So every change takes effect at once: an account that is
//! logged out, restricted or removed is rejected with its next request, and its open streams end. With rights in the
//! token they would remain valid until it expires, or each server would need a list of revoked tokens. Only the result
//! of a signature check is cached.
//!
//! People log in with a password ([`Auth::login`]) and get two tokens. The access token is a JWT, signed with Ed25519 and
//! valid for minutes. The refresh token is valid for one [`Auth::refresh`], which returns the next pair. If it is used a
//! second time, it may have been stolen, and the login ends. Programs get a long random token ([`Auth::add_token`]),
//! which is shown once.
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
//! options.auth = Some(auth); // `server::serve` now requires authentication
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
pub(crate) use self::service::fixtures;
#[cfg(feature = "server")]
pub use self::service::{Account, Auth, AuthOptions, Grant, Keys, Tokens};
