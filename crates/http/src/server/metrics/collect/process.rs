//! Metrics of the process and the build, with the names that Prometheus defines.
//!
//! Outside Linux, only the start time is available.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit::{Bytes, Seconds};

use super::writer::Writer;

/// The number of clock ticks per second in `/proc`. It is the same on every Linux that Rust supports.
const TICKS: f64 = 100.0;

#[derive(Debug)]
pub(super) struct Process {
    /// In seconds since the Unix epoch.
    started: f64,
}

impl Process {
    /// The metrics of a process that has just started.
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: now.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(encoder);
        let help = "Start time of the process in seconds since the Unix epoch";
        to.gauge("process_start_time", Some(&Seconds), help, self.started)?;
        if let Some(kib) = line("/proc/self/status", "VmRSS:") {
            let help = "Resident memory of the process";
            to.gauge("process_resident_memory", Some(&Bytes), help, kib * 1024)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let help = "Processor time used by the process, user and system";
            to.counter("process_cpu", Some(&Seconds), help, seconds)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // Without the descriptor that reads the directory.
            let count = open.count().saturating_sub(1);
            to.gauge("process_open_fds", None, "Open file descriptors", count)?;
        }
        if let Some(limit) = line("/proc/self/limits", "Max open files") {
            to.gauge("process_max_fds", None, "Maximum number of open file descriptors", limit)?;
        }
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        to.family(
            "mainspring_build",
            None,
            "Version of the program",
            MetricType::Info,
            |mut family| family.info(&build),
        )
    }
}

/// Returns the first number after a name in a file.
fn line(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may contain any character.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) as f64 / TICKS)
}
