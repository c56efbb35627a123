//! `mainspring journal repair`.

use std::path::PathBuf;

use mainspring::journal::file::tools::{Repair, repair};

use crate::cli::exit::Exit;
use crate::cli::output::{say, say_json};
use crate::cli::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder of the journal
    dir: PathBuf,

    /// Do it, after a copy of the folder was made beside it
    #[arg(long)]
    write: bool,

    /// Print what is done as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("reading");
    let done = repair(&args.dir, args.write, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        say_json(&done)?;
    } else {
        tell(&done, args)?;
    }
    let is_damaged = !done.steps.is_empty() && done.backup.is_none();
    Ok(if is_damaged { Exit::Failed } else { Exit::Fine })
}

fn tell(done: &Repair, args: &Args) -> anyhow::Result<()> {
    if done.steps.is_empty() {
        say("There is nothing to repair.")?;
        return Ok(());
    }
    if let Some(backup) = &done.backup {
        say(format!("copied the folder to {}", backup.display()))?;
    }
    for step in &done.steps {
        say(step)?;
    }
    let (kept, lost) =
        if args.write { ("is kept", "are lost") } else { ("would be kept", "would be lost") };
    let Repair { revision, seen, .. } = *done;
    match seen - revision {
        0 => say(format!("Everything {kept}, up to revision {revision}."))?,
        n => say(format!(
            "Revisions {} to {seen} {lost}, {n} in all; what is left of them is in the backup. What is before \
             them {kept}, up to revision {revision}.",
            revision + 1
        ))?,
    }
    match &done.store {
        Some(store) => say(format!("The store has a new id: {store}."))?,
        None => say("Nothing was changed: add --write to do it.")?,
    }
    Ok(())
}
