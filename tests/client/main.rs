//! The client, and servers that answer badly, or not at all, or are killed.

mod accounts;
mod answers;
mod kill;
mod liar;
mod limits;
mod streams;
