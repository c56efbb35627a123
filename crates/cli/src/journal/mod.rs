//! `mainspring journal`: a command for each of the library's tools.

mod check;
mod compact;
mod dump;
mod export;
mod import;
mod repair;
mod restore;
mod stat;

use clap::Subcommand;

use super::exit::{self, Exit};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what is intact, what is damaged, and what a start would do, or whether a backup is whole; works beside a
    /// running store
    #[command(after_help = exit::HELP)]
    Check(check::Args),
    /// Show revisions, segments, snapshots and bytes; works beside a running store
    #[command(after_help = exit::HELP)]
    Stat(stat::Args),
    /// Print the changes as JSON lines; works beside a running store
    #[command(after_help = exit::HELP)]
    Dump(dump::Args),
    /// Show what can be kept of a damaged journal, and keep it with --write
    #[command(after_help = exit::HELP)]
    Repair(repair::Args),
    /// Put a snapshot in the place of the log, while no store is running
    #[command(after_help = exit::HELP)]
    Compact(compact::Args),
    /// Write the entries as JSON lines; works beside a running store
    #[command(after_help = exit::HELP)]
    Export(export::Args),
    /// Make a journal of an export, or of a log or a snapshot of the Go program; needs two to three times the size of
    /// the input in memory
    #[command(after_help = exit::HELP)]
    Import(import::Args),
    /// Make a journal of a backup, or of what a store was at a revision or a time; works beside a running store
    #[command(after_help = exit::HELP)]
    Restore(restore::Args),
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    match args.command {
        Command::Check(args) => check::run(&args),
        Command::Stat(args) => stat::run(&args),
        Command::Dump(args) => exit::unless_left(dump::run(&args)),
        Command::Repair(args) => repair::run(&args),
        Command::Compact(args) => compact::run(&args),
        Command::Export(args) => exit::unless_left(export::run(&args)),
        Command::Import(args) => import::run(&args),
        Command::Restore(args) => restore::run(&args),
    }
}
