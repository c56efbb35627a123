//! The commands that connect to a server, run with the real program on both sides.

mod accounts;
mod batches;
mod bench;
mod command;
mod demo;
mod failures;
mod moves;
mod reads;
mod round_trips;
mod server;
mod shells;
mod terminal;
mod watching;
mod writes;
