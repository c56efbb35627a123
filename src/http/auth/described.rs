//! What bodies about accounts look like, for the description alone: nothing is read or written through these types.
#![allow(dead_code, reason = "they are described, and never made")]

use utoipa::{IntoParams, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct NameParam {
    /// The name of the account.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "ada")]
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TokenParams {
    /// The name of the account.
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "ada")]
    name: String,
    /// The id of the token.
    #[param(min_length = 1, example = "x1Y2z3-_")]
    id: String,
}

/// A name and its password.
#[derive(ToSchema)]
pub(super) struct Login {
    #[schema(min_length = 1, max_length = 64, example = "ada")]
    name: String,
    #[schema(max_length = 1024, example = "wheels within wheels")]
    password: String,
}

/// The tokens of a login.
#[derive(ToSchema)]
pub(super) struct Issued {
    /// Goes with each request, as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: String,
    /// How many seconds the access token is good.
    expires_in: u64,
    /// Is good for one `POST /auth/refresh`.
    refresh_token: String,
    /// How many seconds the refresh token is good.
    refresh_expires_in: u64,
}

/// A refresh token.
#[derive(ToSchema)]
pub(super) struct Refresh {
    refresh_token: String,
}

/// Which logins end.
#[derive(ToSchema)]
pub(super) struct Logout {
    /// Every login of the account, rather than this one.
    #[schema(default = false)]
    all: Option<bool>,
}

/// The password that one has, and the one that one wants.
#[derive(ToSchema)]
pub(super) struct OwnPassword {
    current: String,
    #[schema(min_length = 8, max_length = 1024)]
    new: String,
}

/// A password.
#[derive(ToSchema)]
pub(super) struct Password {
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
}

/// How much an account may do. Each may do what those before it may.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Role {
    Reader,
    Writer,
    Admin,
}

/// A role, for all keys or for those that begin alike.
#[derive(ToSchema)]
pub(super) struct Access {
    role: Role,
    /// Only keys that begin like this. Not of an admin.
    #[schema(min_length = 1, max_length = 1024, nullable = false)]
    prefix: Option<String>,
}

/// An account that is to be made.
#[derive(ToSchema)]
pub(super) struct NewAccount {
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "ada")]
    name: String,
    #[schema(min_length = 8, max_length = 1024, example = "wheels within wheels")]
    password: String,
    role: Role,
    /// Only keys that begin like this. Not of an admin.
    #[schema(min_length = 1, max_length = 1024, nullable = false)]
    prefix: Option<String>,
}

/// What is known of an account.
#[derive(ToSchema)]
pub(super) struct Account {
    name: String,
    role: Role,
    #[schema(nullable = false)]
    prefix: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Logins that have not ended.
    logins: usize,
    tokens: Vec<Token>,
}

/// All accounts.
#[derive(ToSchema)]
pub(super) struct Accounts {
    accounts: Vec<Account>,
}

/// What is known of a token.
#[derive(ToSchema)]
pub(super) struct Token {
    id: String,
    label: String,
    role: Role,
    #[schema(nullable = false)]
    prefix: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// `null`: never.
    #[schema(format = DateTime, required = true)]
    expires_at: Option<String>,
}

/// A token that was just made.
#[derive(ToSchema)]
pub(super) struct NewToken {
    /// Nobody can see it again.
    token: String,
    id: String,
    label: String,
    role: Role,
    #[schema(nullable = false)]
    prefix: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// `null`: never.
    #[schema(format = DateTime, required = true)]
    expires_at: Option<String>,
}

/// A token that is to be made.
#[derive(ToSchema)]
pub(super) struct TokenWanted {
    /// What it is for.
    #[schema(max_length = 100, default = "", nullable = false)]
    label: Option<String>,
    /// Whose; one's own unless said.
    account: Option<String>,
    /// What it may do; what the account may do unless said.
    access: Option<Access>,
    /// How long it is good, such as `720h`; forever unless said.
    ttl: Option<String>,
}

/// The ids of the signing keys that are live, the newest first.
#[derive(ToSchema)]
pub(super) struct SigningKeys {
    keys: Vec<String>,
}
