//! `mainspring journal restore`.

use std::path::{Path, PathBuf};

use mainspring::journal::file::tools::{RestoreReport, RestoreTarget, restore, restore_backup};

use crate::exit::Exit;
use crate::output::{argument, print_json, print_line, print_status};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A backup, or the directory of a journal together with --to
    #[arg(value_name = "FILE|DIR")]
    from: PathBuf,

    /// The revision to restore, or a time such as 2026-01-31T12:00:00Z; only for a journal
    #[arg(long, value_name = "REVISION|TIME")]
    to: Option<RestoreTarget>,

    /// The directory of the new journal; the accounts of a backup are restored to `accounts` inside it
    #[arg(long, value_name = "DIR")]
    into: PathBuf,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let shown = argument(&args.from);
    match args.to {
        None if args.from.is_dir() => {
            print_status(format_args!(
                "error: {shown} is a directory: specify the revision or time to restore with --to"
            ));
            Ok(Exit::Usage)
        }
        None => restore_from_backup(args),
        Some(_) if args.from.is_file() => {
            print_status(format_args!(
                "error: {shown} is a file: a backup has a single revision, so omit --to"
            ));
            Ok(Exit::Usage)
        }
        Some(to) => restore_from_journal(args, to),
    }
}

fn restore_from_journal(args: &Args, to: RestoreTarget) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("restoring");
    let report = restore(&args.from, to, &args.into, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        print_json(&report)?;
    } else {
        print_line(summary("entries", &report, &args.into))?;
    }
    Ok(Exit::Success)
}

fn restore_from_backup(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("restoring");
    let report = restore_backup(&args.from, &args.into, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        print_json(&report)?;
        return Ok(Exit::Success);
    }
    print_line(summary("entries", &report.data, &args.into))?;
    if let Some(accounts) = &report.accounts {
        print_line(summary("accounts", accounts, &args.into.join("accounts")))?;
    }
    Ok(Exit::Success)
}

fn summary(what: &str, report: &RestoreReport, into: &Path) -> String {
    let (entries, revision, store) = (report.entries, report.revision, &report.store);
    let into = argument(into);
    format!("{entries} {what} at revision {revision}, as the new store {store} in {into}")
}
