//! The `mainspring` command: a thin layer over the library.

#![allow(unreachable_pub)] // A binary has no external users: `pub` is shorter.

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
use self::output::print_status;

/// An in-memory key-value store: server, client, and journal tools.
#[derive(Debug, Parser)]
#[command(name = "mainspring", version, after_help = exit::HELP, subcommand_required = true)]
struct Args {
    /// Options of the commands that connect to a server. They can also follow the command.
    #[command(flatten)]
    options: client::ConnectionOptions,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Client(client::Command),
    /// Inspect, repair and move the journal in a directory
    Journal(journal::Args),
    /// Check whether a server is ready: exit code 0 if it is, otherwise 1
    Ready(ready::Args),
    /// Serve a store over HTTP
    #[command(after_help = exit::HELP)]
    Serve(Box<serve::Args>),
    #[command(flatten)]
    Shell(shell::Command),
}

/// Run the command.
fn main() -> ExitCode {
    let Args { options, command } = Args::parse();
    let done = match (command, options.first_present()) {
        (Command::Client(command), _) => exit::unless_left(client::run(command, options)),
        (_, Some(option)) => {
            print_status(format_args!(
                "error: {option} applies only to commands that connect to a server"
            ));
            Ok(Exit::Usage)
        }
        (Command::Journal(args), _) => {
            print_warnings();
            journal::run(args)
        }
        (Command::Ready(args), _) => ready::run(&args),
        (Command::Serve(args), _) => serve::run(*args),
        (Command::Shell(command), _) => exit::unless_left(shell::run(&command)),
    };
    done.unwrap_or_else(|error| report(&error)).into()
}

/// Print warnings of the library, for commands without a log.
fn print_warnings() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .with_ansi(output::stderr_has_color())
        .without_time()
        .init();
}

/// Print an error and return its exit code.
fn report(error: &anyhow::Error) -> Exit {
    print_status(format_args!("error: {error:#}"));
    match (error.downcast_ref(), error.downcast_ref::<Failure>()) {
        (Some(FileError::Locked { .. }), _) => Exit::Locked,
        (_, Some(failure)) => failure.exit(),
        _ => Exit::Failed,
    }
}
