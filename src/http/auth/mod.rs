//! Who asks, and the routes about accounts.

mod accounts;
mod body;
mod caller;
mod described;
mod name;
mod session;
#[cfg(test)]
mod tests;

pub(super) use self::caller::{
    Administering, Caller, Ending, Note, Reading, ReadingAll, Writing, WritingAll,
};
use self::described::{Account, Token};
use super::table::table;

table! {
    schemas: Account, Token;
    tags: (name = "accounts", description = "Who may do what: accounts, logins, tokens.");
    "/auth/login" => post: session::login;
    "/auth/refresh" => post: session::refresh;
    "/auth/logout" => post: session::logout;
    "/auth/me" => get: session::me;
    "/auth/password" => post: session::change_password;
    "/auth/register" => post: accounts::register;
    "/auth/accounts" => get: accounts::accounts;
    "/auth/accounts/{name}" => put: accounts::set_access, delete: accounts::remove_account;
    "/auth/accounts/{name}/password" => put: accounts::set_password;
    "/auth/tokens" => post: accounts::add_token;
    "/auth/tokens/{name}/{id}" => delete: accounts::remove_token;
    "/auth/keys" => post: accounts::rotate_keys;
}
