//! The log on the standard error, as text or as JSON lines, and the audit log.

use std::fs::File;
use std::io::stderr;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use super::source::invalid;
use crate::output::{argument, stderr_has_color};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// The target of audit events.
const AUDIT: &str = "mainspring::audit";

const LEVELS: &str = "off, error, warn, info, debug or trace; or directives such as \
                      info,mainspring=debug";

/// Parse a level or directives; levels become lower case.
///
/// `EnvFilter` reads an unknown word as a target, so a misspelled level would enable a target that does not exist. It
/// is rejected here.
pub fn level(text: &str) -> Result<String, String> {
    let directive = |part: &str| match part.trim().to_ascii_lowercase().as_str() {
        "" => None,
        "warning" => Some("warn".into()),
        level if level.parse::<LevelFilter>().is_ok() => Some(level.into()),
        _ => part.contains(['=', '[']).then(|| part.trim().into()),
    };
    let parts: Option<Vec<String>> = text.split(',').map(directive).collect();
    let level = parts.map(|parts| parts.join(","));
    level.filter(|level| EnvFilter::try_new(level).is_ok()).ok_or_else(|| invalid(text, LEVELS))
}

/// Start logging.
///
/// Audit events are logged whatever the level is: to the file `audit`, or else to the log.
pub fn start(level: &str, format: Format, audit: Option<&Path>) -> anyhow::Result<()> {
    let is_audit = |data: &Metadata<'_>| data.target() == AUDIT;
    let filter = EnvFilter::try_new(level)?;
    // Reporting a closed standard error on the standard error would panic.
    let log = fmt::layer().log_internal_errors(false).with_writer(stderr);
    let log = log.with_ansi(stderr_has_color());
    let log: Box<dyn Layer<Registry> + Send + Sync> = match format {
        Format::Text => log.boxed(),
        Format::Json => log.json().flatten_event(true).boxed(),
    };
    let log = match audit {
        Some(_) => log.with_filter(filter.and(filter_fn(is_audit).not())).boxed(),
        None => log.with_filter(filter.or(filter_fn(is_audit))).boxed(),
    };
    let audit = audit.map(open_audit).transpose()?.map(|file| {
        let lines = fmt::layer().json().flatten_event(true).with_writer(Mutex::new(file));
        // Failures to write the audit log are reported on the standard error.
        lines.log_internal_errors(true).with_filter(filter_fn(is_audit))
    });
    let started = tracing_subscriber::registry().with(log).with(audit).try_init();
    started.map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))
}

/// Open the audit log for appending. Only this user can read it.
fn open_audit(path: &Path) -> anyhow::Result<File> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let shown = path.display();
    let file = options.open(path).with_context(|| format!("cannot open the audit log {shown}"))?;
    #[cfg(unix)]
    {
        let of = file
            .metadata()
            .with_context(|| format!("cannot read the permissions of the audit log {shown}"))?;
        let mode = std::os::unix::fs::MetadataExt::mode(&of);
        let is_private = !of.is_file() || mode & 0o077 == 0;
        anyhow::ensure!(
            is_private,
            "other users can read the audit log: chmod 600 {}",
            argument(path)
        );
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_parse_and_misspelled_ones_do_not() {
        for (text, read) in [
            ("info", "info"),
            ("DEBUG", "debug"),
            ("Warning", "warn"),
            ("off", "off"),
            ("info,mainspring=debug", "info,mainspring=debug"),
            ("WARN, mainspring_http::server=trace", "warn,mainspring_http::server=trace"),
        ] {
            assert_eq!(level(text).as_deref(), Ok(read));
        }
        for text in ["", "inof", "verbose", "info,", "info,mainspring", "mainspring=loud", "a=b=c"]
        {
            assert!(level(text).is_err(), "{text}");
        }
    }
}
