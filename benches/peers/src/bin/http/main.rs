//! The HTTP server beside others, on loopback, in one interleaved run.

mod contenders;
mod own;
mod process;
mod programs;
mod turns;
mod watchers;
mod wrk;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use peers::check::{ATTEMPTS, Recorded};
use peers::report::{self, Row};
use peers::settings::Settings;

use self::contenders::{Contender, What};
use self::own::Own;
use self::process::{Place, exists};
use self::turns::{Run, Side};

/// Measures requests over HTTP, and the memory of those who watch.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    /// Less of each
    #[arg(long)]
    short: bool,
    /// How often the sides take turns
    #[arg(long)]
    rounds: Option<usize>,
    /// Only requests whose name has one of these words in it, or `watchers`
    words: Vec<String>,
    /// Only these, and the bare handler
    #[arg(long, value_name = "NAME")]
    among: Vec<String>,
    /// Measure another build of `mainspring` too: for before and after
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<String>,
    /// Print the tables as Markdown too
    #[arg(long)]
    markdown: bool,
    /// Fail if a ratio to the bare handler is worse than it was when it was recorded
    #[arg(long)]
    check: bool,
    /// Record the ratios to the bare handler
    #[arg(long, conflicts_with = "check")]
    record: bool,
    /// Where they are recorded
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded-http.json"))]
    recorded: PathBuf,
    #[command(subcommand)]
    own: Option<Program>,
}

/// What this program asks of itself.
#[derive(Debug, clap::Subcommand)]
enum Program {
    /// Be one of the servers
    #[command(hide = true)]
    Own(Own),
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Program::Own(own)) = args.own {
        return own.run();
    }
    wrk::require()?;
    if let Some(program) = &args.beside {
        programs::put_beside(program.clone());
    }
    // Where there are two, so that the load takes nothing from the server but what the kernel does for both.
    let apart = exists("taskset") && std::thread::available_parallelism()?.get() > 1;
    let place = if apart { Place::Apart } else { Place::Anywhere };
    let settings = settings(&args);
    if args.check || args.record {
        return check(&args, &settings, place);
    }
    let contenders = present(&args)?;
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for place in if apart { vec![Place::Apart, Place::Anywhere] } else { vec![place] } {
        // What is the scheduler's is only shown for the two that are compared.
        let ours = [Contender::Bare, Contender::Mainspring, Contender::Beside];
        let own = |contender: &&Contender| ours.contains(contender);
        let few: Vec<_> = contenders.iter().filter(own).copied().collect();
        let who = if place == Place::Apart || !apart { &contenders } else { &few };
        let run = Run::start(place, who)?;
        for what in What::ALL.into_iter().filter(|what| args.wants(what.name())) {
            let sides = run.measure(&settings, what)?;
            rows.extend(turns::rows(place, what, &sides));
            all.push((format!("{}{}", what.name(), place.words()), sides));
        }
    }
    for (name, sides) in &all {
        println!("{name}\n{}\n", turns::table(sides, args.markdown));
    }
    if args.wants("watchers") {
        rows.extend(watchers::rows(if args.short { 1_000 } else { 10_000 }, &contenders)?);
    }
    println!("{}", report::table(&rows));
    if args.markdown {
        println!("{}", report::markdown(&rows));
    }
    Ok(())
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

fn settings(args: &Args) -> Settings {
    let short = args.short || args.check || args.record;
    let usual = if short { 5 } else { 9 };
    let rounds = args.rounds.unwrap_or(usual) | 1;
    Settings { short, rounds, part: Duration::from_secs(if short { 1 } else { 2 }) }
}

/// Those who can be measured here.
fn present(args: &Args) -> Result<Vec<Contender>> {
    let is_among = |contender: &Contender| {
        let named = |name: &String| contender.name().contains(name.as_str());
        *contender == Contender::Bare || args.among.is_empty() || args.among.iter().any(named)
    };
    let mut present = Vec::new();
    for contender in Contender::ALL.into_iter().filter(is_among) {
        if contender == Contender::Beside && args.beside.is_none() {
            continue;
        }
        let missing = contender.missing();
        if missing.is_empty() {
            present.push(contender);
        } else {
            let (name, packages) = (contender.name(), missing.join(" "));
            eprintln!("{name} is left out; to have it: apt-get install -y {packages}");
        }
    }
    ensure!(present.len() > 1, "there is nobody to compare with; see --among");
    Ok(present)
}

/// The ratios to the bare handler, each in the best of a few attempts, against those that were recorded.
fn check(args: &Args, settings: &Settings, place: Place) -> Result<()> {
    let mut recorded =
        if args.check { Recorded::read(&args.recorded)? } else { Recorded::default() };
    let run = Run::start(place, &[Contender::Bare, Contender::Mainspring])?;
    let mut rows = Vec::new();
    for what in What::ALL.into_iter().filter(|what| args.wants(what.name())) {
        let mut best: Option<Row> = None;
        for attempt in 0..if args.check { ATTEMPTS } else { 1 } {
            if attempt > 0 {
                eprintln!("{} again", what.name());
            }
            let sides: Vec<Side> = run.measure(settings, what)?;
            let row = turns::rows(place, what, &sides).swap_remove(0);
            if best.as_ref().is_none_or(|best| row.is_better_than(best)) {
                best = Some(row);
            }
            if best.as_ref().is_some_and(|best| recorded.complaint(best).is_none()) {
                break;
            }
        }
        rows.extend(best);
    }
    println!("{}", report::table(&rows));
    if args.record {
        recorded.insert(&rows);
        return recorded.write(&args.recorded);
    }
    let complaints: Vec<_> = rows.iter().filter_map(|row| recorded.complaint(row)).collect();
    if complaints.is_empty() { Ok(()) } else { bail!("{}", complaints.join("\n")) }
}
