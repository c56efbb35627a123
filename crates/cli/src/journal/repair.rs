//! `mainspring journal repair`.

use std::path::PathBuf;

use mainspring::journal::file::tools::{RepairOptions, RepairReport, SalvageReport, repair};

use crate::exit::Exit;
use crate::output::{say, say_json};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal
    dir: PathBuf,

    /// Repair it, after the directory is copied beside itself
    #[arg(long)]
    write: bool,

    /// Keep valid changes behind the damage too. Keys that changed in what is lost get older values
    #[arg(long)]
    salvage: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("reading");
    let options = RepairOptions::default().write(args.write).salvage(args.salvage);
    let done = repair(&args.dir, options, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        say_json(&done)?;
    } else {
        print(&done)?;
    }
    let is_damaged = !done.steps.is_empty() && done.backup.is_none();
    Ok(if is_damaged { Exit::Failed } else { Exit::Fine })
}

fn print(done: &RepairReport) -> anyhow::Result<()> {
    if done.steps.is_empty() {
        say("There is nothing to repair.")?;
        return Ok(());
    }
    if let Some(backup) = &done.backup {
        say(format!("copied the directory to {}", backup.display()))?;
    }
    for step in &done.steps {
        say(step)?;
    }
    let (kept, lost) = match &done.backup {
        Some(_) => ("Kept", "Lost"),
        None => ("Would keep", "Would lose"),
    };
    let RepairReport { revision, seen, entries, .. } = *done;
    say(format!("{kept}: {entries} entries at revision {revision}."))?;
    match &done.salvaged {
        Some(SalvageReport { changes, unfit, missing, foreign, .. }) => say(format!(
            "{kept} behind the damage: {changes} changes. {lost}: {missing} revisions that are missing, {unfit} changes \
             that do not fit what is left of their keys, {foreign} changes of another history."
        ))?,
        None if seen == revision => say(format!("{lost}: no acknowledged change."))?,
        None => say(format!(
            "{lost}: {} acknowledged changes, revisions {} to {seen}. `--salvage` keeps those of them that are still \
             whole, if any.",
            seen - revision,
            revision + 1
        ))?,
    }
    match &done.store {
        Some(store) => say(format!("The store has a new id: {store}."))?,
        None => say("Nothing was changed: add --write to repair it.")?,
    }
    Ok(())
}
