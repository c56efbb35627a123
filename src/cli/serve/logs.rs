//! The log: to the standard error, as text for people or as JSON lines for programs.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::kind::not;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

const LEVELS: &str = "a level: off, error, warn, info, debug or trace; or directives such as \
                      info,mainspring=debug";

/// A level, or directives for parts of the program; in lower case where it is a level.
///
/// A word that is no level would be taken for the name of a part, and a misspelled level show everything of
/// a part that does not exist.
pub fn level(text: &str) -> Result<String, String> {
    let directive = |part: &str| match part.trim().to_ascii_lowercase().as_str() {
        "" => None,
        "warning" => Some("warn".into()),
        level if level.parse::<LevelFilter>().is_ok() => Some(level.into()),
        _ => part.contains(['=', '[']).then(|| part.trim().into()),
    };
    let parts: Option<Vec<String>> = text.split(',').map(directive).collect();
    let level = parts.map(|parts| parts.join(","));
    level.filter(|level| EnvFilter::try_new(level).is_ok()).ok_or_else(|| not(text, LEVELS))
}

/// Log what the process does from here on.
pub fn start(level: &str, format: Format) -> anyhow::Result<()> {
    let log = tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(level)?);
    // When nobody reads it any more, saying so on the standard error would panic.
    let log = log.log_internal_errors(false);
    let log = log.with_writer(stderr).with_ansi(stderr().is_terminal() && !is_colour_unwanted());
    let started = match format {
        Format::Text => log.try_init(),
        Format::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// <https://no-color.org>
fn is_colour_unwanted() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        for (text, read) in [
            ("info", "info"),
            ("DEBUG", "debug"),
            ("Warning", "warn"),
            ("off", "off"),
            ("info,mainspring=debug", "info,mainspring=debug"),
            ("WARN, mainspring::http=trace", "warn,mainspring::http=trace"),
        ] {
            assert_eq!(level(text).as_deref(), Ok(read));
        }
        for text in ["", "inof", "verbose", "info,", "info,mainspring", "mainspring=loud", "a=b=c"]
        {
            assert!(level(text).is_err(), "{text}");
        }
    }
}
