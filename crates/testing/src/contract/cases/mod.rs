//! The cases of the contract suite. Each is a function that is generic over the fixture.

pub mod batches;
pub mod conditions;
pub mod expiry;
pub mod limits;
pub mod lists;
pub mod pages;
pub mod subscriptions;
pub mod writes;
