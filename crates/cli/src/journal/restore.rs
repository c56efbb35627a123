//! `mainspring journal restore`.

use std::path::{Path, PathBuf};

use mainspring::journal::file::tools::{RestoreReport, RestoreTarget, restore, restore_backup};

use crate::exit::Exit;
use crate::output::{argument, say, say_json, tell};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A backup, or with --to the directory of a journal
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,

    /// Of a journal: a revision, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "REVISION|TIME")]
    to: Option<RestoreTarget>,

    /// The directory of the new journal; the accounts of a backup are made in `accounts` inside it
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let shown = argument(&args.from);
    match args.to {
        None if args.from.is_dir() => {
            tell(format_args!(
                "error: {shown} is a directory: say with --to which revision or time of its journal to restore"
            ));
            Ok(Exit::Misused)
        }
        None => of_backup(args),
        Some(_) if args.from.is_file() => {
            tell(format_args!(
                "error: {shown} is a file: a backup holds one revision, and is restored without --to"
            ));
            Ok(Exit::Misused)
        }
        Some(to) => of_journal(args, to),
    }
}

fn of_journal(args: &Args, to: RestoreTarget) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("restoring");
    let done = restore(&args.from, to, &args.into, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        say_json(&done)?;
    } else {
        say(made("entries", &done, &args.into))?;
    }
    Ok(Exit::Fine)
}

fn of_backup(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("restoring");
    let done = restore_backup(&args.from, &args.into, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        say_json(&done)?;
        return Ok(Exit::Fine);
    }
    say(made("entries", &done.data, &args.into))?;
    if let Some(accounts) = &done.accounts {
        say(made("accounts", accounts, &args.into.join("accounts")))?;
    }
    Ok(Exit::Fine)
}

fn made(what: &str, done: &RestoreReport, into: &Path) -> String {
    let (entries, revision, store) = (done.entries, done.revision, &done.store);
    let into = argument(into);
    format!("{entries} {what} at revision {revision}, as the new store {store} in {into}")
}
