//! Options of all commands that connect to a server, before or after the name of the command.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use mainspring::wire::parse_duration;

use super::Failure;
use super::identity::Identity;
use super::printer::Printer;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Server and output")]
pub struct ConnectionOptions {
    /// The URL of the server [env: MAINSPRING_URL] [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Trust the certificate authorities in this PEM file instead of those of the system [env: MAINSPRING_CACERT]
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Use the token in this file instead of the stored login; `-` is the standard input. MAINSPRING_TOKEN can
    /// contain a token too
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Print JSON, one line per result
    #[arg(long)]
    json: bool,

    /// Timeout of a request [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,

    /// When to use colors: auto (on a terminal, unless NO_COLOR is set), always, never [default: auto]
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
pub struct CommandArgs<A: clap::Args> {
    #[command(flatten)]
    pub command: A,

    #[command(flatten)]
    pub options: ConnectionOptions,
}

impl ConnectionOptions {
    /// Use the options of `other` where these are not set.
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

    /// The first option that is set, for commands that do not support them.
    pub fn first_present(&self) -> Option<&'static str> {
        [
            ("--url", self.url.is_some()),
            ("--cacert", self.cacert.is_some()),
            ("--token-file", self.token_file.is_some()),
            ("--json", self.json),
            ("--timeout", self.timeout.is_some()),
            ("--color", self.color.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_present)| is_present.then_some(name))
    }

    /// The URL of the server. The variable is read here, because clap would prefer it to an option before the command.
    pub fn url(&self) -> anyhow::Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        match std::env::var("MAINSPRING_URL") {
            Ok(url) if !url.is_empty() => Ok(url),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(Failure::usage("environment variable MAINSPRING_URL: not valid UTF-8".into()))
            }
            _ => Ok(DEFAULT_URL.into()),
        }
    }

    /// The trusted certificate authorities, if not those of the system.
    pub fn root_certificates(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let variable = || std::env::var_os("MAINSPRING_CACERT").map(PathBuf::from);
        let path =
            self.cacert.clone().or_else(variable).filter(|path| !path.as_os_str().is_empty());
        let Some(path) = path else { return Ok(None) };
        match std::fs::read(&path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => {
                let path = path.display();
                Err(Failure::usage(format!("--cacert {path}: cannot read the file ({error})")))
            }
        }
    }

    /// The identity at a server. The URL contains no password.
    pub fn identity(&self, url: &str) -> anyhow::Result<Identity> {
        Identity::resolve(url, self.token_file.as_deref())
    }

    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(DEFAULT_TIMEOUT)
    }

    pub fn printer(&self) -> Printer {
        let terminal = stdout().is_terminal();
        let is_disabled = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match self.color.unwrap_or(Color::Auto) {
            Color::Auto => terminal && !is_disabled(),
            Color::Always => true,
            Color::Never => false,
        };
        Printer { json: self.json, terminal, color }
    }
}

/// Parse a duration above zero.
pub fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("expected a duration above zero, such as 30s".into()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
