//! The log file and its format.

use std::path::Path;

use anyhow::Context;
use jiff::civil::DateTime;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::args::Format;
use crate::terminal::SECONDS;

/// A log file to which complete lines are appended.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    name: String,
    format: Format,
}

impl LogFile {
    /// Open the file for appending. Existing lines are kept.
    pub async fn open(path: &Path, format: Format) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::options().append(true).create(true).open(path).await;
        let file = file.with_context(|| format!("cannot open the log {name}"))?;
        Ok(Self { file, name, format })
    }

    /// Append a line, and wait until it is written.
    pub async fn add_line(
        &mut self,
        date: DateTime,
        speed: f64,
        location: f64,
    ) -> anyhow::Result<()> {
        let date = date.strftime(SECONDS);
        let line = match self.format {
            Format::Log => format!("Date: {date}, Speed: {speed:.6}, Location: {location:.6}\n"),
            Format::Readme => format!("{date}: {speed:.6}, {location:.6}\n"),
        };
        let written = async {
            self.file.write_all(line.as_bytes()).await?;
            self.file.flush().await
        };
        written.await.with_context(|| format!("cannot write to the log {}", self.name))
    }
}
