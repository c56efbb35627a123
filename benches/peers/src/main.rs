//! Runs what is chosen, prints a table, and writes what else was asked for.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use peers::check::{ATTEMPTS, Recorded};
use peers::instructions::Operations;
use peers::plot::Plot;
use peers::report::{self, Row};
use peers::rows::{self, Case};
use peers::settings::Settings;

/// Measures Mainspring against what people would pick instead.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    /// Only what has one of these words in its name; see --list
    words: Vec<String>,
    /// Less of each, in under three minutes, and without the plots
    #[arg(long)]
    short: bool,
    /// How often the sides take turns
    #[arg(long)]
    rounds: Option<usize>,
    /// Print the names of what can be measured, and nothing else
    #[arg(long)]
    list: bool,
    /// Write the rows that have a goal
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the tables as Markdown too
    #[arg(long)]
    markdown: bool,
    /// Where plots are drawn
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plots"))]
    plots: PathBuf,
    /// Fail if a ratio to the plain actor is worse than it was when it was recorded
    #[arg(long)]
    check: bool,
    /// Record the ratios to the plain actor
    #[arg(long, conflicts_with = "check")]
    record: bool,
    /// Where they are recorded
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded.json"))]
    recorded: PathBuf,
    #[command(subcommand)]
    own: Option<Own>,
}

/// What this program asks of itself.
#[derive(Debug, clap::Subcommand)]
enum Own {
    /// Do so many operations: for callgrind
    #[command(hide = true)]
    Operations(Operations),
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Own::Operations(operations)) = args.own {
        operations.run();
        return Ok(());
    }
    let cases = rows::all();
    let is_wanted = |case: &&Case| {
        let has_time = !(args.short && case.long);
        let is_asked = !case.counts || args.check || args.record || !args.words.is_empty();
        has_time && is_asked && case.is_chosen(&args.words)
    };
    let chosen: Vec<_> = cases.iter().filter(is_wanted).collect();
    ensure!(!chosen.is_empty(), "nothing has {:?} in its name; see --list", args.words);
    if args.list {
        chosen.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    measure(&args, &chosen)
}

fn measure(args: &Args, cases: &[&Case]) -> Result<()> {
    let settings = Settings::new(args.short, args.rounds);
    let mut recorded = if args.check || (args.record && args.recorded.exists()) {
        Recorded::read(&args.recorded)?
    } else {
        Recorded::default()
    };
    let (mut rows, mut plots) = (Vec::new(), Vec::new());
    for case in cases {
        let start = Instant::now();
        let outcome = case.run(&settings)?;
        eprintln!("{} in {:.1?}", case.name, start.elapsed());
        for plot in &outcome.plots {
            plot.draw(&args.plots)?;
        }
        plots.extend(outcome.plots);
        rows.extend(if args.check {
            settled(case, &settings, outcome.rows, &recorded)?
        } else {
            outcome.rows
        });
    }
    println!("{}", report::table(&rows));
    if args.markdown {
        println!("{}", report::markdown(&rows));
        plots.iter().map(Plot::markdown).for_each(|text| println!("{text}"));
    }
    if let Some(path) = &args.json {
        report::write_json(path, &rows)?;
    }
    if args.record {
        recorded.insert(&rows);
        recorded.write(&args.recorded)?;
    }
    let complaints: Vec<_> = rows.iter().filter_map(|row| recorded.complaint(row)).collect();
    if args.check && !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

/// The best of a few attempts, if the first is worse than what was recorded.
fn settled(
    case: &Case,
    settings: &Settings,
    mut rows: Vec<Row>,
    recorded: &Recorded,
) -> Result<Vec<Row>> {
    for _ in 1..ATTEMPTS {
        if rows.iter().all(|row| recorded.complaint(row).is_none()) {
            break;
        }
        eprintln!("{} again", case.name);
        let again = case.run(settings)?.rows;
        let better =
            |(row, again): (Row, Row)| if again.is_better_than(&row) { again } else { row };
        rows = rows.into_iter().zip(again).map(better).collect();
    }
    Ok(rows)
}
