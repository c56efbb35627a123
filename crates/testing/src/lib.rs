//! Helpers for the tests of several packages: journals that delay or fail, replicas of a store, certificates,
//! directories, and the contract suite.

#[cfg(feature = "certificates")]
pub mod certificates;
pub mod contract;
mod directory;
pub mod journals;
mod random;
mod replica;
mod writes;

pub use self::directory::remove_all;
pub use self::random::Random;
pub use self::replica::{Replica, collect_changes};
pub use self::writes::{WriteResult, send, write_results};
