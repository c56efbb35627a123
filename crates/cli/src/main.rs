//! The `mainspring` command: a thin layer over the library.

#![allow(unreachable_pub)] // Nothing in a program can be reached from outside: `pub` is shorter.

mod accounts;
mod client;
mod exit;
mod journal;
mod journal_url;
mod output;
mod progress;
mod ready;
mod serve;
mod shell;
mod signals;
mod url;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mainspring::journal::file::FileError;

use self::client::Failure;
use self::exit::Exit;
use self::output::tell;

/// An in-memory store for async Rust: many handles, one owner, many watchers.
#[derive(Debug, Parser)]
#[command(name = "mainspring", version, after_help = exit::HELP, subcommand_required = true)]
struct Args {
    /// For the commands that talk to a server; they take them too.
    #[command(flatten)]
    options: client::ConnectionOptions,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Client(client::Command),
    /// Look into, repair and move the journal in a folder
    Journal(journal::Args),
    /// Ask a server whether it is ready: exit code 0 if it is, and 1 if not
    Ready(ready::Args),
    /// Serve a store over HTTP
    #[command(after_help = exit::HELP)]
    Serve(Box<serve::Args>),
    #[command(flatten)]
    Shell(shell::Command),
}

/// Do what the command line says.
fn main() -> ExitCode {
    let Args { options, command } = Args::parse();
    let done = match (command, options.first_given()) {
        (Command::Client(command), _) => exit::unless_left(client::run(command, options)),
        (_, Some(option)) => {
            tell(format_args!("error: {option} is for the commands that talk to a server"));
            Ok(Exit::Misused)
        }
        (Command::Journal(args), _) => {
            warn();
            journal::run(args)
        }
        (Command::Ready(args), _) => ready::run(&args),
        (Command::Serve(args), _) => serve::run(*args),
        (Command::Shell(command), _) => exit::unless_left(shell::run(&command)),
    };
    done.unwrap_or_else(|error| report(&error)).into()
}

/// Tell what the library warns of: for commands that have no log.
fn warn() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(output::colors_stderr())
        .without_time()
        .init();
}

/// Print an error, and tell which exit code it has.
fn report(error: &anyhow::Error) -> Exit {
    tell(format_args!("error: {error:#}"));
    match (error.downcast_ref(), error.downcast_ref::<Failure>()) {
        (Some(FileError::Locked { .. }), _) => Exit::Locked,
        (_, Some(failure)) => failure.exit(),
        _ => Exit::Failed,
    }
}
