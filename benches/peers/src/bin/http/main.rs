//! The HTTP server compared with others, on loopback, in one interleaved run.

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
use peers::check::{ATTEMPTS, RecordedRatios};
use peers::report::{self, Row};
use peers::settings::Settings;

use self::contenders::{Contender, RequestKind};
use self::own::Own;
use self::process::{Placement, exists};
use self::turns::{Run, Side};

/// Measure requests over HTTP, and the memory of watches.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    /// Run a shorter measurement
    #[arg(long)]
    short: bool,
    /// Number of rounds
    #[arg(long)]
    rounds: Option<usize>,
    /// Run only requests whose name contains one of these words, or `watchers`
    words: Vec<String>,
    /// Measure only these servers and the bare handler
    #[arg(long, value_name = "NAME")]
    among: Vec<String>,
    /// Also measure another build of `mainspring`, for example that before a change
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<String>,
    /// Also print the tables as Markdown
    #[arg(long)]
    markdown: bool,
    /// Fail if a ratio to the bare handler is worse than the recorded one
    #[arg(long)]
    check: bool,
    /// Record the ratios to the bare handler
    #[arg(long, conflicts_with = "check")]
    record: bool,
    /// The file of the recorded ratios
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/recorded-http.json"))]
    recorded: PathBuf,
    #[command(subcommand)]
    own: Option<Program>,
}

/// For child processes of this program.
#[derive(Debug, clap::Subcommand)]
enum Program {
    /// Run one of the servers
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
        programs::set_other_build(program.clone());
    }
    // With two cores, so that load and server share only the work of the kernel.
    let apart = exists("taskset") && std::thread::available_parallelism()?.get() > 1;
    let placement = if apart { Placement::Separate } else { Placement::Shared };
    let settings = settings(&args);
    if args.check || args.record {
        return check(&args, &settings, placement);
    }
    let contenders = present(&args)?;
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for placement in
        if apart { vec![Placement::Separate, Placement::Shared] } else { vec![placement] }
    {
        // On shared cores, the scheduler has a large effect, so only the two main servers are measured.
        let ours = [Contender::Bare, Contender::Mainspring, Contender::Beside];
        let own = |contender: &&Contender| ours.contains(contender);
        let few: Vec<_> = contenders.iter().filter(own).copied().collect();
        let who = if placement == Placement::Separate || !apart { &contenders } else { &few };
        let run = Run::start(placement, who)?;
        for what in RequestKind::ALL.into_iter().filter(|what| args.wants(what.name())) {
            let sides = run.measure(&settings, what)?;
            rows.extend(turns::rows(placement, what, &sides));
            all.push((format!("{}{}", what.name(), placement.words()), sides));
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

/// The servers that are installed.
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
            eprintln!(
                "{name} is skipped because it is not installed: apt-get install -y {packages}"
            );
        }
    }
    ensure!(present.len() > 1, "no server to compare with; see --among");
    Ok(present)
}

/// Compare the ratios to the bare handler, each the best of several attempts, with the recorded ones.
fn check(args: &Args, settings: &Settings, placement: Placement) -> Result<()> {
    let mut recorded =
        if args.check { RecordedRatios::read(&args.recorded)? } else { RecordedRatios::default() };
    let run = Run::start(placement, &[Contender::Bare, Contender::Mainspring])?;
    let mut rows = Vec::new();
    for what in RequestKind::ALL.into_iter().filter(|what| args.wants(what.name())) {
        let mut best: Option<Row> = None;
        for attempt in 0..if args.check { ATTEMPTS } else { 1 } {
            if attempt > 0 {
                eprintln!("{} again", what.name());
            }
            let sides: Vec<Side> = run.measure(settings, what)?;
            let row = turns::rows(placement, what, &sides).swap_remove(0);
            if best.as_ref().is_none_or(|best| row.is_better_than(best)) {
                best = Some(row);
            }
            if best.as_ref().is_some_and(|best| recorded.problem(best).is_none()) {
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
    let complaints: Vec<_> = rows.iter().filter_map(|row| recorded.problem(row)).collect();
    if complaints.is_empty() { Ok(()) } else { bail!("{}", complaints.join("\n")) }
}
