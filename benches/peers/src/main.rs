//! Runs what is chosen, prints a table, and writes what else was asked for.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use peers::report;
use peers::rows;
use peers::settings::Settings;

/// Measures Mainspring against what people would pick instead.
#[derive(Debug, Parser)]
struct Args {
    /// Only what has one of these words in its name; see --list.
    words: Vec<String>,
    /// Less of each, in under three minutes, and without the plots.
    #[arg(long)]
    short: bool,
    /// Print the names of what can be measured.
    #[arg(long)]
    list: bool,
    /// How often the sides take turns.
    #[arg(long)]
    rounds: Option<usize>,
    /// Write the rows that have a goal.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the table as Markdown too.
    #[arg(long)]
    markdown: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let settings = Settings::new(args.short, args.rounds, None);
    let cases = rows::all();
    let chosen: Vec<_> = cases.iter().filter(|case| case.is_chosen(&args.words)).collect();
    ensure!(!chosen.is_empty(), "nothing has {:?} in its name; see --list", args.words);
    if args.list {
        chosen.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    let mut rows = Vec::new();
    for case in chosen {
        let start = std::time::Instant::now();
        rows.extend(case.run(&settings));
        eprintln!("{} in {:.1?}", case.name, start.elapsed());
    }
    println!("{}", report::table(&rows));
    if args.markdown {
        println!("{}", report::markdown(&rows));
    }
    if let Some(path) = &args.json {
        report::write_json(path, &rows)?;
    }
    Ok(())
}
