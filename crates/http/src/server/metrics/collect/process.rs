//! The process, under the names that Prometheus has for it, and the build.
//!
//! What the system does not tell, which is all of it but the start anywhere but on Linux, is not there.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit::{Bytes, Seconds};

use super::writer::Writer;

/// The unit of processor times in `/proc`, in parts of a second. Every Linux that Rust runs on has this one.
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process {
    /// In seconds since 1970.
    started: f64,
}

impl Process {
    /// Of a process that started just now.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: now.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(encoder);
        let help = "When the process started, in seconds since 1970";
        to.gauge("process_start_time", Some(&Seconds), help, self.started)?;
        if let Some(kib) = line("/proc/self/status", "VmRSS:") {
            let help = "Memory of the process that is in use";
            to.gauge("process_resident_memory", Some(&Bytes), help, kib * 1024)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let help = "Time that processors have worked for the process";
            to.counter("process_cpu", Some(&Seconds), help, seconds)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Without the one that reads the folder.
            let count = open.count().saturating_sub(1);
            to.gauge("process_open_fds", None, "File descriptors that are open", count)?;
        }
        if let Some(limit) = line("/proc/self/limits", "Max open files") {
            to.gauge("process_max_fds", None, "File descriptors that may be open", limit)?;
        }
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        to.family("mainspring_build", None, "The program", MetricType::Info, |mut family| {
            family.info(&build)
        })
    }
}

/// The first number after a name.
fn line(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) as f64 / TICKS)
}
