//! What is measured: one file for each group of goals.

mod channel;
mod expiry;
mod fan_in;
mod frameworks;
mod growing;
mod large;
mod lists;
mod many;
mod memory;
mod publishing;
mod scan;
mod sharing;
mod snapshot;
mod view;

use tokio::runtime::{Builder, Runtime};

pub use self::memory::Taken;
use crate::report::Row;
use crate::settings::Settings;

/// Something that is measured by itself, from a fresh start: it can be chosen by name, and repeated.
pub struct Case {
    /// Words by which it is chosen.
    pub name: String,
    run: Box<dyn Fn(&Settings) -> Vec<Row>>,
}

impl Case {
    fn new(name: impl Into<String>, run: impl Fn(&Settings) -> Vec<Row> + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }

    pub fn run(&self, settings: &Settings) -> Vec<Row> {
        (self.run)(settings)
    }

    /// Whether one of these words is in its name. No words choose everything.
    pub fn is_chosen(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }
}

/// Everything that has a goal, in the order of the goals.
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
        memory::cases(),
        growing::cases(),
        scan::cases(),
        snapshot::cases(),
    ];
    groups.into_iter().flatten().collect()
}

/// The runtime of a service on two cores.
fn two_workers() -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime")
}

/// For what has to happen on one thread.
fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}
