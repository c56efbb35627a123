//! The commands of the program: a thin layer over the library.

mod exit;
mod journal;
mod output;
mod progress;
mod ready;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::exit::Exit;

/// An in-memory store for async Rust: many handles, one owner, many watchers.
#[derive(Debug, Parser)]
#[command(name = "mainspring", version, after_help = exit::HELP)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Look into, repair and move the journal in a folder
    Journal(journal::Args),
    /// Ask a server whether it is ready: exit code 0 if it is, and 1 if not
    Ready(ready::Args),
    /// Serve a store over HTTP
    #[command(after_help = exit::HELP)]
    Serve(Box<serve::Args>),
}

/// Do what the command line says.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Command::Journal(args) => {
            warn();
            journal::run(args)
        }
        Command::Ready(args) => ready::run(&args),
        Command::Serve(args) => serve::run(*args),
    };
    done.unwrap_or_else(|error| Exit::of(&error)).into()
}

/// Tell what the library warns of: for commands that have no log.
fn warn() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
}
