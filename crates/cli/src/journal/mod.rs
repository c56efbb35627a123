//! `mainspring journal`: a command for each tool of the library.

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
    /// Verify a journal and report what a start would do, or verify a backup; works while the store is running
    #[command(after_help = exit::HELP)]
    Check(check::Args),
    /// Show revisions, segments, snapshots and sizes; works while the store is running
    #[command(after_help = exit::HELP)]
    Stat(stat::Args),
    /// Print the changes as JSON lines; works while the store is running
    #[command(after_help = exit::HELP)]
    Dump(dump::Args),
    /// Show what can be kept of a damaged journal, and repair it with --write
    #[command(after_help = exit::HELP)]
    Repair(repair::Args),
    /// Replace the log by a snapshot; no store may be running
    #[command(after_help = exit::HELP)]
    Compact(compact::Args),
    /// Write the entries as JSON lines; works while the store is running
    #[command(after_help = exit::HELP)]
    Export(export::Args),
    /// Create a journal from an export, or from a log or a snapshot of the earlier Go server; needs memory for two to
    /// three times the size of the input
    #[command(after_help = exit::HELP)]
    Import(import::Args),
    /// Create a journal from a backup, or with the content that a store had at a revision or a time; works while the
    /// store is running
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
