//! The rows: one file per group of goals.

mod channel;
mod expiring;
mod expiry;
mod fan_in;
mod frameworks;
mod growing;
mod growth;
mod large;
mod lists;
mod many;
mod memory;
mod publishing;
mod scan;
mod sharing;
mod snapshot;
mod throughput;
mod view;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

pub use self::memory::MemoryUse;
use crate::instructions;
use crate::plot::Plot;
use crate::report::Row;
use crate::settings::Settings;

/// The result of a case.
pub struct Outcome {
    pub rows: Vec<Row>,
    pub plots: Vec<Plot>,
}

impl From<Vec<Row>> for Outcome {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, plots: Vec::new() }
    }
}

impl<const N: usize> From<[Row; N]> for Outcome {
    fn from(rows: [Row; N]) -> Self {
        Vec::from(rows).into()
    }
}

impl From<Row> for Outcome {
    fn from(row: Row) -> Self {
        [row].into()
    }
}

/// A measurement that starts from new state. It can be selected by name and repeated.
pub struct Case {
    /// The name, for the selection.
    pub name: String,
    /// Whether the short form skips it.
    pub long: bool,
    /// Whether it counts instructions, which requires valgrind.
    pub counts: bool,
    run: Run,
}

type Run = Box<dyn Fn(&Settings) -> Result<Outcome>>;

impl Case {
    fn new<O: Into<Outcome>>(
        name: impl Into<String>,
        run: impl Fn(&Settings) -> O + 'static,
    ) -> Self {
        Self::fallible(name, move |settings| Ok(run(settings)))
    }

    /// A case with requirements that the machine may not fulfill.
    pub(crate) fn fallible<O: Into<Outcome>>(
        name: impl Into<String>,
        run: impl Fn(&Settings) -> Result<O> + 'static,
    ) -> Self {
        let run = Box::new(move |settings: &_| run(settings).map(Into::into));
        Self { name: name.into(), long: false, counts: false, run }
    }

    fn long(self) -> Self {
        Self { long: true, ..self }
    }

    pub fn run(&self, settings: &Settings) -> Result<Outcome> {
        (self.run)(settings).with_context(|| self.name.clone())
    }

    pub(crate) fn that_counts(self) -> Self {
        Self { counts: true, ..self }
    }

    /// Whether its name contains one of these words. Without words, all cases are selected.
    pub fn is_chosen(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }
}

/// All cases: those with a goal in the order of the goals, then the others.
pub fn all() -> Vec<Case> {
    let groups = [
        channel::cases(),
        frameworks::cases(),
        view::cases(),
        many::cases(),
        fan_in::cases(),
        sharing::cases(),
        lists::cases(),
        publishing::cases(),
        expiry::cases(),
        expiring::cases(),
        memory::cases(),
        growing::cases(),
        scan::cases(),
        snapshot::cases(),
        throughput::cases(),
        growth::cases(),
        instructions::cases(),
    ];
    groups.into_iter().flatten().collect()
}

/// The runtime of a service on two cores.
fn two_workers() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the runtime starts")
}

/// A runtime on the current thread.
pub fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the runtime starts")
}
