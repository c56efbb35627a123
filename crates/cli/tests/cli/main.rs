//! The commands that talk to a server: the program itself, against a server that is the program too.

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
