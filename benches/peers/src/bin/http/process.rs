//! A server in processes of its own: where they run, what they took of the processor and hold of memory.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// The core of servers and that of the load, where they are kept apart.
const CORES: (&str, &str) = ("0", "1");

/// Where programs run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// Servers on one core and the load on another.
    Apart,
    /// Wherever the system puts them.
    Anywhere,
}

impl Place {
    /// For the name of a row.
    pub(crate) fn words(self) -> &'static str {
        if self == Self::Apart { "" } else { ", on shared cores" }
    }

    pub(crate) fn server(self, program: &str) -> Command {
        self.on(CORES.0, program)
    }

    pub(crate) fn load(self, program: &str) -> Command {
        self.on(CORES.1, program)
    }

    fn on(self, core: &str, program: &str) -> Command {
        if self == Self::Anywhere {
            return Command::new(program);
        }
        // It becomes the program: the process is the same.
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core, program]);
        command
    }
}

/// A server that is ready.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// What it wants to see with each request.
    pub(crate) token: Option<String>,
    /// One, or two where a front has a store behind it.
    processes: Vec<Child>,
    _folder: Option<TempDir>,
}

impl Server {
    /// Start the command, and wait until the port takes connections.
    pub(crate) fn start(port: u16, command: &mut Command) -> Result<Self> {
        let mut server = Self { port, token: None, processes: Vec::new(), _folder: None };
        server.add(port, command)?;
        Ok(server)
    }

    /// Start one more process that belongs to it.
    pub(crate) fn add(&mut self, port: u16, command: &mut Command) -> Result<()> {
        let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.processes.push(started.spawn().with_context(|| format!("{command:?}"))?);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended =
                self.processes.last_mut().and_then(|process| process.try_wait().transpose());
            if let Some(status) = ended {
                bail!("{command:?} has ended: {}", status?);
            }
            ensure!(start.elapsed() < Duration::from_secs(20), "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Remove this folder when it has ended.
    pub(crate) fn with(mut self, folder: TempDir) -> Self {
        self._folder = Some(folder);
        self
    }

    /// What its processes took so far, in the kernel too.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let times = self.processes.iter().map(|process| times(&process.id().to_string(), 14));
        times.sum()
    }

    /// The memory that its processes hold, in bytes.
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

/// What the programs that were run and waited for took so far.
pub(crate) fn cpu_of_children() -> Result<Duration> {
    times("self", 16)
}

/// User and system time of a process, which are the field of this number and the next of its `stat`.
fn times(process: &str, field: usize) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is a name in brackets, which may have spaces in it.
    let (_, rest) = stat.rsplit_once(')').context("no stat")?;
    let ticks = rest.split_whitespace().skip(field - 3).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<_, _>>()?;
    Ok(Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second())?)
}

pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether there is such a program. Not all say what version they are instead of starting.
pub(crate) fn exists(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Send a request on a connection of its own, and read the body of the answer, which has to be a success.
pub(crate) fn ask(port: u16, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.starts_with("HTTP/1.1 2"), "to {request} it said {answer}");
    Ok(body.to_owned())
}

/// Let this process, and those that it starts, open as many files as the system allows.
pub(crate) fn raise_limit() -> Result<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}
