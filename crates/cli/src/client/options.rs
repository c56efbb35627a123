//! What every command that talks to a server can be told: before its name, or after it.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use mainspring::wire::parse_duration;

use super::Failure;
use super::screen::Screen;
use super::who::Who;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Server and output")]
pub struct ConnectionOptions {
    /// The server [env: MAINSPRING_URL] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Trust the authorities in this file, in PEM form, and not those of the system [env: MAINSPRING_CACERT]
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Ask with the token in this file, or `-` for the standard input, and not as who is logged in; MAINSPRING_TOKEN
    /// may be a token too
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Print JSON, a line for each thing
    #[arg(long)]
    json: bool,

    /// How long a request may take [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,

    /// Whether to use colour; without this NO_COLOR counts too [default: auto, which is on a terminal]
    #[arg(long, value_name = "WHEN", hide_possible_values = true)]
    color: Option<Color>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// A command with its options.
#[derive(Debug, clap::Args)]
pub struct With<A: clap::Args> {
    #[command(flatten)]
    pub command: A,

    #[command(flatten)]
    pub options: ConnectionOptions,
}

impl ConnectionOptions {
    /// These, and where they say nothing, those.
    pub fn or(self, other: Self) -> Self {
        Self {
            url: self.url.or(other.url),
            cacert: self.cacert.or(other.cacert),
            token_file: self.token_file.or(other.token_file),
            json: self.json || other.json,
            timeout: self.timeout.or(other.timeout),
            color: self.color.or(other.color),
        }
    }

    /// One that was given: for commands that have no use for it.
    pub fn first_given(&self) -> Option<&'static str> {
        [
            ("--url", self.url.is_some()),
            ("--cacert", self.cacert.is_some()),
            ("--token-file", self.token_file.is_some()),
            ("--json", self.json),
            ("--timeout", self.timeout.is_some()),
            ("--color", self.color.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }

    /// Where the server is. Read here and not by clap, for which a variable would count as said after the command.
    pub fn url(&self) -> anyhow::Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        match std::env::var("MAINSPRING_URL") {
            Ok(url) if !url.is_empty() => Ok(url),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Failure::misused("environment variable MAINSPRING_URL: not a text".into()))
            }
            _ => Ok(DEFAULT_URL.into()),
        }
    }

    /// The authorities to trust, if not those of the system.
    pub fn root_certificates(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let variable = || std::env::var_os("MAINSPRING_CACERT").map(PathBuf::from);
        let path =
            self.cacert.clone().or_else(variable).filter(|path| !path.as_os_str().is_empty());
        let Some(path) = path else { return Ok(None) };
        match std::fs::read(&path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => {
                let path = path.display();
                Err(Failure::misused(format!("--cacert {path}: it cannot be read ({error})")))
            }
        }
    }

    /// Who asks the server, whose URL is without a password.
    pub fn who(&self, url: &str) -> anyhow::Result<Who> {
        Who::of(url, self.token_file.as_deref())
    }

    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    pub fn screen(&self) -> Screen {
        let terminal = stdout().is_terminal();
        let is_unwanted = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match self.color.unwrap_or(Color::Auto) {
            Color::Auto => terminal && !is_unwanted(),
            Color::Always => true,
            Color::Never => false,
        };
        Screen { json: self.json, terminal, color }
    }
}

/// A time of more than zero.
pub fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("a time is more than zero, such as 30s".into()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
