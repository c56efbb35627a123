//! Who may do what: accounts, roles, and the tokens that stand for them.
//!
//! [`Auth`] keeps the accounts in a [`Store`](crate::Store) of their own, so they are durable where that store has a
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
//! use mainspring::auth::{Access, Auth, Keys, Options, Role};
//! use mainspring::{Store, http};
//!
//! let auth = Auth::new(Store::builder().spawn(), Keys::in_memory()?, Options::default())?;
//! auth.register("ada", "wheels within wheels".into(), Access::new(Role::Reader).within("car/")).await?;
//! let tokens = auth.login("ada", "wheels within wheels".into(), Ipv4Addr::LOCALHOST.into()).await?;
//!
//! let mut options = http::Options::default();
//! options.auth = Some(auth); // for `http::serve`: from now on everybody is asked who they are
//! # drop(tokens);
//! # Ok(()) }
//! ```

mod access;
#[cfg(feature = "server")]
mod account;
#[cfg(feature = "server")]
mod accounts;
#[cfg(feature = "server")]
mod attempts;
#[cfg(feature = "server")]
mod bearer;
#[cfg(feature = "server")]
mod claims;
mod error;
#[cfg(feature = "server")]
mod fingerprint;
#[cfg(all(test, feature = "server"))]
pub(crate) mod forge;
#[cfg(feature = "server")]
mod grant;
#[cfg(feature = "server")]
mod identity;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod login;
#[cfg(feature = "server")]
mod password;
mod profile;
mod secret;
#[cfg(feature = "server")]
mod service;
#[cfg(all(test, feature = "server"))]
mod tests;
#[cfg(feature = "server")]
mod tokens;
#[cfg(feature = "server")]
mod verified;

pub(crate) use self::access::Right;
pub use self::access::{Access, Role};
#[cfg(feature = "server")]
pub use self::account::Account;
pub use self::error::AuthError;
#[cfg(feature = "server")]
pub use self::grant::Grant;
#[cfg(feature = "server")]
pub use self::keys::Keys;
#[cfg(feature = "server")]
pub use self::login::Tokens;
pub use self::profile::{NewToken, Profile, TokenInfo};
pub use self::secret::Secret;
#[cfg(feature = "server")]
pub use self::service::{Auth, Options};

/// The longest that an access token is good, in seconds.
#[cfg(feature = "server")]
const MAX_ACCESS_TTL: u64 = 15 * 60;
/// How far the clock of who made a token may be ahead of ours, in seconds. None the other way: what has expired
/// has expired.
#[cfg(feature = "server")]
const LEEWAY: u64 = 5;
