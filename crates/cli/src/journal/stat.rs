//! `mainspring journal stat`.

use std::path::PathBuf;

use mainspring::journal::file::tools::{StatReport, stat};

use crate::exit::Exit;
use crate::output::{print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal
    dir: PathBuf,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let stat = stat(&args.dir)?;
    if args.json {
        print_json(&stat)?;
    } else {
        print(&stat)?;
    }
    Ok(Exit::Success)
}

fn print(stat: &StatReport) -> anyhow::Result<()> {
    let StatReport { store, format, sync, revision, oldest, closed, bytes, .. } = stat;
    let closed = if *closed { "yes" } else { "no: the store is running, or was killed" };
    print_line(format!("store      {store}"))?;
    print_line(format!("format     {format}"))?;
    print_line(format!("sync       {sync}"))?;
    print_line(format!("revision   {revision}"))?;
    print_line(format!("oldest     every change after revision {oldest} is in the log"))?;
    print_line(format!("closed     {closed}"))?;
    print_line(format!("bytes      {bytes}"))?;
    for snapshot in &stat.snapshots {
        let entries = snapshot.entries.map(|entries| format!(", {entries} entries"));
        print_line(format!(
            "snapshot   {}: revision {}{}, {} bytes",
            snapshot.file,
            snapshot.revision,
            entries.unwrap_or_default(),
            snapshot.bytes
        ))?;
    }
    for segment in &stat.segments {
        let (file, base, end) = (&segment.file, segment.base, segment.end);
        let revisions = if end > base {
            format!("revisions {} to {end}", base + 1)
        } else {
            String::from("no revisions yet")
        };
        print_line(format!("segment    {file}: {revisions}, {} bytes", segment.bytes))?;
    }
    for name in &stat.aside {
        print_line(format!("saved end  {name}"))?;
    }
    Ok(())
}
