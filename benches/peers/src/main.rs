//! Runs the selected rows, prints a table, and writes further output.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use peers::check::{ATTEMPTS, RecordedRatios};
use peers::instructions::Operations;
use peers::plot::Plot;
use peers::report::{self, Row};
use peers::rows::{self, Case};
use peers::settings::Settings;

/// Compare Mainspring with alternatives.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    /// Run only rows whose name contains one of these words; see --list
    words: Vec<String>,
    /// Run a shorter measurement, in under three minutes, without plots
    #[arg(long)]
    short: bool,
    /// Number of rounds
    #[arg(long)]
    rounds: Option<usize>,
    /// Print the names of all rows, and exit
    #[arg(long)]
    list: bool,
    /// Write the rows with a goal as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also print the tables as Markdown
    #[arg(long)]
    markdown: bool,
    /// The directory of the plots
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plots"))]
    plots: PathBuf,
    /// Fail if a ratio to the plain actor is worse than the recorded one
    #[arg(long)]
    check: bool,
    /// Record the ratios to the plain actor
    #[arg(long, conflicts_with = "check")]
    record: bool,
    /// The file of the recorded ratios
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded.json"))]
    recorded: PathBuf,
    #[command(subcommand)]
    own: Option<Own>,
}

/// For child processes of this program.
#[derive(Debug, clap::Subcommand)]
enum Own {
    /// Run this many operations, for callgrind
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
    ensure!(!chosen.is_empty(), "no row has {:?} in its name; see --list", args.words);
    if args.list {
        chosen.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    }
    measure(&args, &chosen)
}

fn measure(args: &Args, cases: &[&Case]) -> Result<()> {
    let settings = Settings::new(args.short, args.rounds);
    let mut recorded = if args.check || (args.record && args.recorded.exists()) {
        RecordedRatios::read(&args.recorded)?
    } else {
        RecordedRatios::default()
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
    let complaints: Vec<_> = rows.iter().filter_map(|row| recorded.problem(row)).collect();
    if args.check && !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

/// Return the best of several attempts, if the first is worse than the recorded ratio.
fn settled(
    case: &Case,
    settings: &Settings,
    mut rows: Vec<Row>,
    recorded: &RecordedRatios,
) -> Result<Vec<Row>> {
    for _ in 1..ATTEMPTS {
        if rows.iter().all(|row| recorded.problem(row).is_none()) {
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
