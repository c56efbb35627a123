//! The protocol between server and client: the table of operations, and the JSON bodies of requests and responses.

pub(crate) mod accounts;
#[cfg(feature = "server")]
mod bodies;
mod command;
mod compacted;
#[cfg(feature = "server")]
mod description;
#[cfg(feature = "server")]
mod headers;
mod operation;
#[cfg(feature = "server")]
pub(crate) mod parameters;
mod problem;
#[cfg(feature = "server")]
mod response_schemas;
pub(crate) mod responses;
#[cfg(feature = "server")]
mod schemas;
mod stats;
mod table;

pub(crate) use self::command::Command;
pub use self::command::read_write;
pub(crate) use self::compacted::CompactionResult;
#[cfg(feature = "server")]
pub(crate) use self::description::{Content, Schemas};
pub(crate) use self::operation::Tag;
pub(crate) use self::problem::{Problem, STATUSES};
pub(crate) use self::stats::StoreStats;
pub(crate) use self::table::Operation;
pub(crate) use crate::auth::Right;
