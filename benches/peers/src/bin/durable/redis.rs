//! Redis with `appendfsync always`, driven by `redis-benchmark`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use peers::measure::Sample;

pub(crate) struct Redis {
    server: Child,
    socket: PathBuf,
    log: PathBuf,
}

const INSTALL: &str = "redis-server is missing: apt-get install -y redis-server";

impl Redis {
    /// Start a server with the data in this directory.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let (socket, log) = (directory.join("socket"), directory.join("log"));
        if log.exists() {
            std::fs::remove_file(&log)?;
        }
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "always"])
            .args(["--auto-aof-rewrite-percentage", "0", "--aof-use-rdb-preamble", "no"])
            .args(["--dir".as_ref(), directory.as_os_str()])
            .args(["--logfile".as_ref(), log.as_os_str()])
            .args(["--unixsocket".as_ref(), socket.as_os_str()])
            .stdout(Stdio::null())
            .spawn();
        let server = match server {
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(INSTALL),
            server => server?,
        };
        let redis = Self { server, socket, log };
        redis.until_ready()?;
        Ok(redis)
    }

    fn cli(&self, words: &[&str]) -> Result<String> {
        let output = Command::new("redis-cli").arg("-s").arg(&self.socket).args(words).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Wait until the server responds, after it has loaded its log.
    fn until_ready(&self) -> Result<()> {
        let start = Instant::now();
        while self.cli(&["ping"])? != "PONG" {
            ensure!(
                start.elapsed() < Duration::from_secs(120),
                "timeout: redis-server does not respond"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// The loading time in the log of the server.
    pub(crate) fn loading_took(&self) -> Result<Duration> {
        let log = std::fs::read_to_string(&self.log)?;
        let line = log.lines().rev().find(|line| line.contains("DB loaded from append only file"));
        let seconds = line.and_then(|line| line.rsplit(": ").next());
        let seconds = seconds.and_then(|text| text.trim_end_matches(" seconds").parse().ok());
        Ok(Duration::from_secs_f64(seconds.context("no loading time in the log of redis-server")?))
    }

    /// Send sets of 100 bytes to 100,000 keys from several clients.
    pub(crate) fn sets(&self, clients: usize, requests: usize) -> Result<Sample> {
        let start = Instant::now();
        let output = Command::new("redis-benchmark")
            .arg("-s")
            .arg(&self.socket)
            .args(["-t", "set", "-d", "100", "-r", "100000", "--csv"])
            .args(["-c", &clients.to_string(), "-n", &requests.to_string()])
            .output()
            .context("redis-benchmark is missing: install redis-server or redis-tools")?;
        let text = String::from_utf8(output.stdout)?;
        // "SET","12345.67",...
        let rate = text.lines().find_map(|line| line.strip_prefix("\"SET\",\""));
        let rate = rate.and_then(|rest| rest.split('"').next());
        let rate: f64 =
            rate.with_context(|| format!("invalid output of redis-benchmark: {text}"))?.parse()?;
        let wall = Duration::from_secs_f64(requests as f64 / rate);
        Ok(Sample { done: requests as u64, wall, cpu: start.elapsed() })
    }

    /// Write entries with 16-byte keys and 100-byte values.
    pub(crate) fn fill(&self, entries: usize) -> Result<()> {
        use std::io::Write;
        let mut pipe = Command::new("redis-cli")
            .arg("-s")
            .arg(&self.socket)
            .arg("--pipe")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut input = std::io::BufWriter::new(pipe.stdin.take().context("no pipe")?);
        let value = "v".repeat(100);
        for n in 0..entries {
            write!(input, "*3\r\n$3\r\nSET\r\n$16\r\nkey-{n:012}\r\n$100\r\n{value}\r\n")?;
        }
        drop(input);
        ensure!(pipe.wait()?.success(), "redis-cli --pipe failed");
        Ok(())
    }

    /// Stop the server and keep its data.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.cli(&["shutdown"])?;
        self.server.wait()?;
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
