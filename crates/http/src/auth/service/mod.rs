//! The accounts of a server: passwords, logins, tokens, and what each request may do.

mod account;
mod accounts;
mod attempts;
mod auth;
mod bearer;
mod claims;
mod fingerprint;
#[cfg(test)]
pub(crate) mod forge;
mod grant;
mod identity;
mod keys;
mod login;
mod password;
#[cfg(test)]
mod tests;
mod tokens;
mod verified;

pub use self::account::Account;
pub use self::auth::{Auth, AuthOptions};
pub use self::grant::Grant;
pub use self::keys::Keys;
pub use self::login::Tokens;
use super::{AuthError, access, profile, secret};

/// The longest that an access token is good, in seconds.
const MAX_ACCESS_TTL: u64 = 15 * 60;
/// How far the clock of who made a token may be ahead of ours, in seconds. None the other way: what has expired
/// has expired.
const LEEWAY: u64 = 5;
