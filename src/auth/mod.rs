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
mod account;
mod accounts;
mod attempts;
mod bearer;
mod claims;
mod error;
mod grant;
mod keys;
mod login;
mod password;
mod secret;
mod service;
#[cfg(test)]
mod tests;
mod tokens;
mod verified;

use std::time::Duration;

pub(crate) use self::access::Right;
pub use self::access::{Access, Role};
pub use self::account::Account;
pub use self::accounts::Profile;
pub use self::error::AuthError;
pub(crate) use self::grant::Grant;
pub use self::keys::Keys;
pub use self::login::Tokens;
pub use self::secret::Secret;
pub use self::service::{Auth, Options};
pub use self::tokens::{NewToken, TokenInfo};

/// The longest that an access token is good, in seconds.
const MAX_ACCESS_TTL: u64 = 15 * 60;
/// How far the clock of who made a token may be ahead of ours, in seconds. None the other way: what has expired
/// has expired.
const LEEWAY: u64 = 5;

/// In whole seconds.
const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}
