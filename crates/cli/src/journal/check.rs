//! `mainspring journal check`.

use std::path::PathBuf;

use mainspring::journal::file::tools::{BackupReport, CheckReport, Verdict, check, check_backup};

use crate::exit::Exit;
use crate::output::{argument, print_json, print_line};
use crate::progress::Bar;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the journal, or the file of a backup
    #[arg(value_name = "DIR|FILE")]
    dir: PathBuf,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut bar = Bar::new("checking");
    if args.dir.is_file() {
        let report = check_backup(&args.dir, &mut |progress| bar.show(progress))?;
        drop(bar);
        if args.json {
            print_json(&report)?;
        } else {
            print_backup(&report)?;
        }
        return Ok(Exit::Success);
    }
    let report = check(&args.dir, &mut |progress| bar.show(progress))?;
    drop(bar);
    if args.json {
        print_json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(match report.verdict {
        _ if report.is_damaged() => Exit::Failed,
        Verdict::Cut { .. } => Exit::Incomplete,
        _ => Exit::Success,
    })
}

fn print_backup(report: &BackupReport) -> anyhow::Result<()> {
    let BackupReport { time, data, .. } = report;
    let accounts = match &report.accounts {
        Some(accounts) => {
            format!("{} accounts at revision {}", accounts.entries, accounts.revision)
        }
        None => "no accounts".into(),
    };
    let (entries, revision) = (data.entries, data.revision);
    print_line(format!(
        "The backup is intact: {entries} entries at revision {revision}, {accounts}, made at {time}"
    ))?;
    Ok(())
}

fn print(report: &CheckReport) -> anyhow::Result<()> {
    match &report.manifest {
        Some(problem) => print_line(format!("MANIFEST: {}", problem.what))?,
        None => print_line("MANIFEST: intact")?,
    }
    for file in &report.files {
        let name = &file.name;
        match &file.problem {
            Some(problem) => {
                print_line(format!("{name}: byte {}: {}", problem.offset, problem.what))?;
            }
            None => print_line(format!("{name}: intact, up to revision {}", file.revision))?,
        }
    }
    for name in &report.others {
        print_line(format!("{name}: does not belong to the journal"))?;
    }
    let dir = argument(&report.folder);
    match (&report.verdict, report.revision) {
        (Verdict::Refuse { why }, _) => {
            print_line(format!("A store cannot start from this journal: {why}"))?;
        }
        (Verdict::Cut { file, offset, what }, revision) => print_line(format!(
            "The next start will cut {file} at byte {offset} ({what}) and continue at revision {}. The data that is cut \
                         off was not known to be synced; it is saved in {file}.cut-{offset}",
            revision.unwrap_or(0)
        ))?,
        (_, revision) if report.is_damaged() => print_line(format!(
            "There is damage, but a store can start and continue at revision {}; `mainspring journal repair {dir}` \
                         shows how to remove the damage",
            revision.unwrap_or(0)
        ))?,
        (_, revision) => {
            print_line(format!(
                "The journal is intact: a store continues at revision {}",
                revision.unwrap_or(0)
            ))?;
        }
    }
    Ok(())
}
