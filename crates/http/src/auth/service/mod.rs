//! The accounts of a server: passwords, logins, tokens, and the rights of requests.

mod account;
mod accounts;
mod attempts;
mod auth;
mod bearer;
mod claims;
mod fingerprint;
#[cfg(test)]
pub(crate) mod fixtures;
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

/// The maximum lifetime of an access token, in seconds.
const MAX_ACCESS_TTL: u64 = 15 * 60;
/// The tolerance for an issuer whose clock is ahead, in seconds. There is none for expiry.
const LEEWAY: u64 = 5;
