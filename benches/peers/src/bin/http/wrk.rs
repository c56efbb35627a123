//! Load by `wrk`: several connections, each of which sends a request as soon as the previous one completes.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use peers::measure::Sample;

use crate::contenders::Request;
use crate::process::{Placement, Server, cpu_of_children, exists};

/// The number of keys.
pub(crate) const KEYS: usize = 1_000;

/// The number of connections.
const CONNECTIONS: &str = "64";

/// The result of one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Includes the CPU time of the server.
    pub(crate) sample: Sample,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// The utilization of one core by the load.
    pub(crate) load: f64,
}

pub(crate) fn require() -> Result<()> {
    ensure!(exists("wrk"), "wrk is missing: apt-get install -y wrk");
    Ok(())
}

pub(crate) fn key(n: usize) -> String {
    format!("key-{n:012}")
}

/// Write the script of `wrk`: prepared requests for all keys, and a report that can be parsed.
pub(crate) fn write_script(path: &Path, request: &Request) -> Result<()> {
    let mut script = "requests = {\n".to_owned();
    for n in 0..KEYS {
        // Rust escapes ASCII like Lua. Only `\u{..}` differs, which ASCII does not need.
        writeln!(script, "{:?},", request.text(&key(n)))?;
    }
    script.push_str(
        "}
n = 0
function request()
  n = n % #requests + 1
  return requests[n]
end
function done(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format('report %d %d %d %d %d', summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(99)))
end
",
    );
    Ok(std::fs::write(path, script)?)
}

/// Run for a number of seconds.
pub(crate) fn drive(
    placement: Placement,
    server: &Server,
    script: &Path,
    time: Duration,
) -> Result<Part> {
    let (cpu, load) = (server.cpu()?, cpu_of_children()?);
    let output = placement
        .load("wrk")
        .args(["--threads", "1", "--connections", CONNECTIONS])
        .arg("--duration")
        .arg(format!("{}s", time.as_secs()))
        .arg("--script")
        .arg(script)
        .arg(format!("http://127.0.0.1:{}", server.port))
        .output()?;
    let (cpu, load) = (server.cpu()? - cpu, cpu_of_children()? - load);
    let text = String::from_utf8(output.stdout)?;
    let report = text.lines().find_map(|line| line.strip_prefix("report "));
    let report = report.with_context(|| format!("invalid output of wrk: {text}"))?;
    let numbers: Vec<u64> = report.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let &[done, wall, failed, p50, p99] = &*numbers else { bail!("invalid output of wrk: {text}") };
    ensure!(failed == 0 && done > 0, "of {done} requests {failed} failed");
    let wall = Duration::from_micros(wall);
    Ok(Part {
        sample: Sample { done, wall, cpu },
        p50: Duration::from_micros(p50),
        p99: Duration::from_micros(p99),
        load: load.as_secs_f64() / wall.as_secs_f64(),
    })
}
