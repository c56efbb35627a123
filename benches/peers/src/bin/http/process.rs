//! The processes of a server: their cores, CPU time and memory.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// The core of servers and that of the load, if separate.
const CORES: (&str, &str) = ("0", "1");

/// The placement of programs on cores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Placement {
    /// Servers on one core and the load on another.
    Separate,
    /// All cores, shared.
    Shared,
}

impl Placement {
    /// The suffix of a row name.
    pub(crate) fn words(self) -> &'static str {
        if self == Self::Separate { "" } else { ", on shared cores" }
    }

    pub(crate) fn server(self, program: &str) -> Command {
        self.on(CORES.0, program)
    }

    pub(crate) fn load(self, program: &str) -> Command {
        self.on(CORES.1, program)
    }

    fn on(self, core: &str, program: &str) -> Command {
        if self == Self::Shared {
            return Command::new(program);
        }
        // `taskset` replaces itself with the program, so the process id is that of the program.
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core, program]);
        command
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// The headers that each request needs.
    pub(crate) token: Option<String>,
    /// One process, or two for a gateway and its store.
    processes: Vec<Child>,
    _folder: Option<TempDir>,
}

impl Server {
    /// Start a command, and wait until it listens on the port.
    pub(crate) fn start(port: u16, command: &mut Command) -> Result<Self> {
        let mut server = Self { port, token: None, processes: Vec::new(), _folder: None };
        server.add(port, command)?;
        Ok(server)
    }

    /// Start another process of the server.
    pub(crate) fn add(&mut self, port: u16, command: &mut Command) -> Result<()> {
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.processes.push(started.spawn().with_context(|| format!("{command:?}"))?);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended =
                self.processes.last_mut().and_then(|process| process.try_wait().transpose());
            if let Some(status) = ended {
                bail!("{command:?} has exited: {}", status?);
            }
            ensure!(
                start.elapsed() < Duration::from_secs(20),
                "timeout: {command:?} does not listen"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Remove this directory at the end.
    pub(crate) fn with(mut self, directory: TempDir) -> Self {
        self._folder = Some(directory);
        self
    }

    /// The user and system time of its processes.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let times = self.processes.iter().map(|process| times(&process.id().to_string(), 14));
        times.sum()
    }

    /// The resident memory of its processes in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let of = |process: &Child| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.id()))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
            let kilobytes: u64 = kilobytes.context("no VmRSS")?.trim().parse()?;
            Ok(kilobytes << 10)
        };
        self.processes.iter().map(of).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The CPU time of finished child processes.
pub(crate) fn cpu_of_children() -> Result<Duration> {
    times("self", 16)
}

/// User and system time of a process: this field of its `stat` and the next.
fn times(process: &str, field: usize) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in brackets, which can contain spaces.
    let (_, rest) = stat.rsplit_once(')').context("no stat")?;
    let ticks = rest.split_whitespace().skip(field - 3).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<_, _>>()?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether a program exists. Not all support `--version`.
pub(crate) fn exists(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Send a request on a new connection, and return the body of the response, which must be a success.
pub(crate) fn send_request(port: u16, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no response")?;
    ensure!(head.starts_with("HTTP/1.1 2"), "{request}: unexpected response {answer}");
    Ok(body.to_owned())
}

/// Raise the limit of open files of this process and its children as far as possible.
pub(crate) fn raise_limit() -> Result<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
