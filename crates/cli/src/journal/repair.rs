//! `mainspring journal repair`.

use std::path::PathBuf;

use mainspring::journal::file::tools::{RepairOptions, RepairReport, SalvageReport, repair};

use crate::exit::Exit;
use crate::output::{print_json, print_line};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal
    dir: PathBuf,

    /// Repair the journal, after the directory was copied to a directory beside it
    #[arg(long)]
    write: bool,

    /// Keep intact changes behind the damage too. Keys whose changes are lost get older values
    #[arg(long)]
    salvage: bool,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("reading");
    let options = RepairOptions::default().write(args.write).salvage(args.salvage);
    let report = repair(&args.dir, options, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        print_json(&report)?;
    } else {
        print(&report)?;
    }
    let is_damaged = !report.steps.is_empty() && report.backup.is_none();
    Ok(if is_damaged { Exit::Failed } else { Exit::Success })
}

fn print(report: &RepairReport) -> anyhow::Result<()> {
    if report.steps.is_empty() {
        print_line("There is nothing to repair.")?;
        return Ok(());
    }
    if let Some(backup) = &report.backup {
        print_line(format!("copied the directory to {}", backup.display()))?;
    }
    for step in &report.steps {
        print_line(step)?;
    }
    let (kept, lost) = match &report.backup {
        Some(_) => ("Kept", "Lost"),
        None => ("Would keep", "Would lose"),
    };
    let RepairReport { revision, seen, entries, .. } = *report;
    print_line(format!("{kept}: {entries} entries at revision {revision}."))?;
    match &report.salvaged {
        Some(SalvageReport { changes, unfit, missing, foreign, .. }) => print_line(format!(
            "{kept} behind the damage: {changes} changes. {lost}: {missing} revisions that are missing, {unfit} changes \
                         that do not fit the state of their keys, {foreign} changes of another history."
        ))?,
        None if seen == revision => print_line(format!("{lost}: no acknowledged change."))?,
        None => print_line(format!(
            "{lost}: {} acknowledged changes, revisions {} to {seen}. `--salvage` keeps those of them that are intact, \
                         if there are any.",
            seen - revision,
            revision + 1
        ))?,
    }
    match &report.store {
        Some(store) => print_line(format!("The store has a new id: {store}."))?,
        None => print_line("Nothing was changed: add --write to repair the journal.")?,
    }
    Ok(())
}
