//! Car telemetry with several tasks, a gate, and one cancellation token.
//!
//! ```text
//!  device ── driver ──▶ car/connected  car/speed  car/location ──▶ printer, log     actual state
//!               ▲
//!               └───── gate ◀── car/target_speed ◀── accelerator                    desired state
//! ```
//!
//! The driver owns the device and is the only writer of its actual state. To change the speed, a task sets
//! `car/target_speed`. A gate forwards the request to the device, and a rejection is returned to the caller.
//!
//! ```sh
//! cargo run --release --example car
//! cargo run --release --example car -- --for 1m --speedup 20 --format readme
//! cargo run --release --example car -- --nmea tests/data/gps-drive-bt451.nmea
//! cargo run --release --features file --example car -- --journal target/car-journal
//! ```

#![allow(unreachable_pub)] // A binary has no external users: `pub` is shorter.

mod accelerator;
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
mod speed_gate;
mod tasks;
mod terminal;

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

/// Extra time, so that ticks at the exact end of the drive are still handled.
const MARGIN: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    match Runtime::new().context("cannot start the runtime").and_then(|runtime| {
        let outcome = runtime.block_on(run(args));
        // Do not wait for threads: one may be blocked in a write to a full pipe.
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

/// Run until Ctrl-C, the end of the duration, or the end of a task, and then stop all tasks.
async fn run(args: Args) -> anyhow::Result<()> {
    let mut tasks = Tasks::new();
    let outcome = tokio::select! {
        outcome = drive(args, &mut tasks) => outcome,
        result = ctrl_c() => result.context("cannot listen for Ctrl-C"),
    };
    let report = tasks.stop().await;
    // Do not hang if the standard output is blocked.
    let _ = timeout(Duration::from_millis(200), terminal::print_line(&report.to_string())).await;
    outcome.and(report.into_result())
}

/// Open the files, and then start the tasks.
async fn drive(args: Args, tasks: &mut Tasks) -> anyhow::Result<()> {
    let recording = match &args.nmea {
        Some(file) => Some(Recording::open(file, args.speedup).await?),
        None => None,
    };
    let log = LogFile::open(&args.log, args.format).await?;
    terminal::print_line(&args.greeting()).await?;

    let clock = Clock::start(args.speedup);
    let journal = args.journal();
    match recording {
        Some(recording) => start_tasks(recording, journal, log, tasks, &clock).await?,
        None => start_tasks(SimulatedCar::new(&clock), journal, log, tasks, &clock).await?,
    }
    tokio::select! {
        () = tasks.first_ended() => {}
        () = clock.sleep(args.limit().saturating_add(MARGIN)) => {}
    }
    Ok(())
}

/// Start all tasks. Each gets only the access that it needs: two can only read.
async fn start_tasks(
    device: impl Device,
    journal: Option<PathBuf>,
    log: LogFile,
    tasks: &mut Tasks,
    clock: &Clock,
) -> anyhow::Result<()> {
    let car = driver::start(tasks, device, journal).await?;
    log::start(tasks, &car.reader(), log, clock).await?;
    printer::start(tasks, &car.reader(), clock);
    accelerator::start(tasks, car, clock);
    Ok(())
}
