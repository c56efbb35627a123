//! A car, the tasks around it, and one token that ends them all.
//!
//! ```text
//!  device ── driver ──▶ car/connected  car/speed  car/location ──▶ printer, log     what is
//!               ▲
//!               └───── gate ◀── car/target_speed ◀── wisher                         what is wanted
//! ```
//!
//! The driver has the device to itself and is the only one who writes what *is*. Whoever wants another
//! speed sets `car/target_speed`; a gate asks the device, and a refusal goes back to the one who asked.
//!
//! ```sh
//! cargo run --release --example car
//! cargo run --release --example car -- --for 1m --speedup 20 --format readme
//! cargo run --release --example car -- --nmea tests/data/gps-drive-bt451.nmea
//! cargo run --release --features file --example car -- --journal target/car-journal
//! ```

#![allow(unreachable_pub)] // Nothing in a program can be reached from outside: `pub` is shorter.

mod args;
mod clock;
mod device;
mod driver;
mod log;
mod log_file;
mod odometer;
mod printer;
mod reading;
mod recording;
mod sentence;
mod simulated;
mod tasks;
mod terminal;
mod wheel;
mod wisher;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;
use tokio::time::timeout;

use self::args::Args;
use self::clock::Clock;
use self::device::Device;
use self::log_file::LogFile;
use self::recording::Recording;
use self::simulated::SimulatedCar;
use self::tasks::Tasks;

/// What falls due just when the time is up, a line of the log or a wish, still happens.
const MOMENT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    match Runtime::new().context("cannot start the runtime").and_then(|runtime| {
        let outcome = runtime.block_on(run(args));
        // Without waiting for its threads: one may be stuck in a write that nobody will ever take.
        runtime.shutdown_background();
        outcome
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Until somebody presses Ctrl-C, the time is up, or a task ends: whichever is first ends all.
async fn run(args: Args) -> anyhow::Result<()> {
    let mut tasks = Tasks::new();
    let outcome = tokio::select! {
        outcome = drive(args, &mut tasks) => outcome,
        pressed = ctrl_c() => pressed.context("cannot listen for Ctrl-C"),
    };
    let report = tasks.end().await;
    // Even if nobody reads our output any more, the end is the end.
    let _ = timeout(Duration::from_millis(200), terminal::say(&report.to_string())).await;
    outcome.and(report.into_result())
}

/// Open what the user has named; only then begin to drive.
async fn drive(args: Args, tasks: &mut Tasks) -> anyhow::Result<()> {
    let recording = match &args.nmea {
        Some(file) => Some(Recording::open(file, args.speedup).await?),
        None => None,
    };
    let log = LogFile::open(&args.log, args.format).await?;
    terminal::say(&args.greeting()).await?;

    let clock = Clock::start(args.speedup);
    let journal = args.journal();
    match recording {
        Some(recording) => fire_up(recording, journal, log, tasks, &clock).await?,
        None => fire_up(SimulatedCar::new(&clock), journal, log, tasks, &clock).await?,
    }
    tokio::select! {
        () = tasks.first_to_end() => {}
        () = clock.sleep(args.limit().saturating_add(MOMENT)) => {}
    }
    Ok(())
}

/// Start every task, and give each no more than it needs: two can only look on.
async fn fire_up(
    device: impl Device,
    journal: Option<PathBuf>,
    log: LogFile,
    tasks: &mut Tasks,
    clock: &Clock,
) -> anyhow::Result<()> {
    let car = driver::fire_up(tasks, device, journal).await?;
    log::fire_up(tasks, &car.reader(), log, clock).await?;
    printer::fire_up(tasks, &car.reader(), clock);
    wisher::fire_up(tasks, car, clock);
    Ok(())
}
