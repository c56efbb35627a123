//! `mainspring login`, `logout` and `user`: who may do what.

pub mod login;
mod password;
mod print;
pub mod user;
