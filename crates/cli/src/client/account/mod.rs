//! `mainspring login`, `logout` and `user`: logins, accounts and tokens.

pub mod login;
mod password;
mod print;
pub mod user;
