//! Instructions per operation, counted by callgrind, which has less noise than a clock.
//!
//! This program runs itself under valgrind with one thread. The difference between two runs of different length,
//! divided by the difference of their operations, excludes the startup.

use std::io::ErrorKind;
use std::process::Command;
use std::{env, thread};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use tokio::task::JoinSet;

use crate::drive::{self, Job, Keyed, Work, callers_text};
use crate::load::Load;
use crate::measure::Figures;
use crate::peers::{Actor, Plain, store_with_all_features};
use crate::report::{Better, Row};
use crate::rows::{Case, one_thread};

const KEYS: usize = 1_000;
const SHORT: usize = 4_096;
const LONG: usize = 5 * SHORT;

/// The program under valgrind.
#[derive(Args, Clone, Copy, Debug)]
pub struct Operations {
    side: Side,
    job: Job,
    callers: usize,
    count: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Side {
    Plain,
    Store,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Store => "store",
        }
    }
}

impl Operations {
    pub fn run(self) {
        one_thread().block_on(async {
            match self.side {
                Side::Plain => self.with(Plain::<String>::spawn()).await,
                Side::Store => self.with(store_with_all_features::<String>()).await,
            }
        });
    }

    async fn with(self, actor: impl Actor<String>) {
        let load = Load::zipf(KEYS);
        drive::fill(&actor, &load).await;
        let work = Keyed::new(&actor, &load, self.job);
        let call = |caller: usize| {
            let work = work.clone();
            let first = caller * 7_919;
            async move {
                for n in first..first + self.count / self.callers {
                    assert_eq!(work.step(n).await, 1);
                }
            }
        };
        (0..self.callers).map(call).collect::<JoinSet<()>>().join_all().await;
    }

    /// The instructions of the complete program.
    fn count(self) -> Result<u64> {
        let Self { side, job, callers, count } = self;
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        valgrind.arg(env::current_exe()?).args(["operations", side.name(), job.name()]);
        let output = valgrind.args([callers.to_string(), count.to_string()]).output();
        let output = output.map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow::anyhow!("valgrind is missing: apt-get install valgrind"),
            _ => error.into(),
        })?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "valgrind: {stderr}");
        let collected = stderr.lines().find_map(|line| line.split_once("Collected : "));
        Ok(collected.context("no total in the output of callgrind")?.1.trim().parse()?)
    }

    /// The instructions per operation.
    fn each(self) -> Result<f64> {
        let [short, long] = [SHORT, LONG].map(|count| Self { count, ..self }.count());
        Ok((long? - short?) as f64 / (LONG - SHORT) as f64)
    }
}

pub(crate) fn cases() -> Vec<Case> {
    let case = |(job, callers): (Job, usize)| {
        let name = format!("instructions {} {callers}", job.name());
        Case::fallible(name, move |_| row(job, callers)).that_counts()
    };
    [(Job::Get, 1), (Job::Get, 64), (Job::Set, 1), (Job::Set, 64)].map(case).into()
}

/// The instructions of an operation of the store, relative to the plain actor.
fn row(job: Job, callers: usize) -> Result<Row> {
    let each = |side| Operations { side, job, callers, count: 0 }.each();
    let (plain, store) = thread::scope(|scope| {
        let store = scope.spawn(|| each(Side::Store));
        (each(Side::Plain), store.join().expect("no panic"))
    });
    let (plain, store) = (plain?, store?);
    let figures = Figures::named("instructions").with("store", store).with("plain", plain);
    let what = format!(
        "instructions of a {}, {}, of the plain actor's",
        job.name(),
        callers_text(callers)
    );
    Ok(Row::without_goal(Better::Less, what, store / plain).figures([figures]).recorded())
}
