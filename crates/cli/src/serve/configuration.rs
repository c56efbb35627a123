//! Merges all sources into one validated configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exposure::Exposure;
use super::file;
use super::settings::{Settings, TABLE};
use super::source::{Problems, Source, Values};
use crate::journal_url::JournalUrl;
use crate::output::argument;

/// A configuration and the sources of its values.
#[derive(Debug)]
pub struct Configuration {
    pub settings: Settings,
    pub values: Values,
    /// Valid but suspicious settings.
    pub warnings: Vec<String>,
}

/// Merge and validate the settings. Flags override environment variables, which override the file, which overrides
/// defaults.
pub fn resolve(overrides: Values, file: Option<&Path>) -> Result<Configuration, Problems> {
    let defaults = TABLE.iter().map(|s| (s.name, (s.default.to_owned(), Source::Default)));
    let mut values: Values = defaults.collect();
    let mut problems = Problems::default();
    if let Some(path) = file {
        file::read(path, &mut values, &mut problems);
    }
    values.extend(overrides);
    let settings = Settings::read(&values, &mut problems);
    let Some(mut settings) = settings.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    let mut warnings = Vec::new();
    select_journal(&mut settings, &mut values, &mut problems, &mut warnings);
    check_ports(&settings, &values, &mut problems);
    check_tls(&settings, &values, &mut problems);
    check_auth(&settings, &values, &mut problems, &mut warnings);
    check_exposure(&settings, &values, &mut problems, &mut warnings);
    if problems.is_empty() {
        Ok(Configuration { settings, values, warnings })
    } else {
        Err(problems)
    }
}

fn source<'a>(values: &'a Values, name: &str) -> &'a Source {
    values.get(name).map_or(&Source::Default, |(_, source)| source)
}

/// Select the journal. `journal` and the variables of the earlier Go server (`PERSISTENCE_ENABLED`, `DB_PATH`) both
/// name it; the one from the source of the higher rank wins.
fn select_journal(
    settings: &mut Settings,
    values: &mut Values,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) {
    let journal = source(values, "journal").clone();
    let persistence = source(values, "persistence_enabled").clone();
    let path = source(values, "db_path").clone();
    let has_priority = journal != Source::Default && journal.rank() >= persistence.rank();
    match (&settings.db_path, settings.persistence_enabled) {
        (_, true) if has_priority && journal.rank() == persistence.rank() => {
            let problem =
                format_args!("conflicts with {persistence}, which names a journal too; remove one");
            problems.at(&journal, problem);
        }
        (None, true) if !has_priority => problems.at(
            &persistence,
            "requires DB_PATH (--db-path, or `db_path` in a file), the directory of the journal",
        ),
        (Some(directory), true) if !has_priority => {
            settings.journal = JournalUrl::File(directory.clone());
            values.insert("journal", (directory.display().to_string(), path));
        }
        (Some(_), false) if journal == Source::Default => {
            let warning = "ignored, because PERSISTENCE_ENABLED is not true";
            warnings.push(format!("{path}: {warning}"));
        }
        _ => {}
    }
    if let JournalUrl::File(path) = &settings.journal
        && path.is_file()
    {
        problems.at(source(values, "journal"), is_a_file(path));
    }
}

/// The error for a journal that is a file: the earlier Go server kept its log in one.
fn is_a_file(path: &Path) -> String {
    let mut directory = path.as_os_str().to_owned();
    directory.push(".journal");
    let directory = PathBuf::from(directory);
    format!(
        "{} is a file; expected the directory of a journal. If it is a command log or an export, import it with \
         `mainspring journal import {} {}` and use that directory",
        path.display(),
        argument(&directory),
        argument(path),
    )
}

/// A certificate and its key belong together.
fn check_tls(settings: &Settings, values: &Values, problems: &mut Problems) {
    let (present, missing) = match (&settings.tls_cert, &settings.tls_key) {
        (Some(_), None) => ("tls_cert", "--tls-key FILE, the key of the certificate"),
        (None, Some(_)) => ("tls_key", "--tls-cert FILE, the certificate of the key"),
        _ => return,
    };
    problems.at(source(values, present), format_args!("requires {missing}"));
}

/// An administrator needs a name and a password, and access tokens must be short-lived.
fn check_auth(
    settings: &Settings,
    values: &Values,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) {
    let (present, missing) = match (&settings.admin_user, &settings.admin_password) {
        (Some(_), None) => {
            (Some("admin_user"), "ADMIN_PASSWORD, the password of the administrator")
        }
        (None, Some(_)) => (Some("admin_password"), "ADMIN_USER, the name of the administrator"),
        (Some(_), Some(_)) => (Some("admin_user"), ""),
        (None, None) => (None, ""),
    };
    match present {
        Some(present) if !missing.is_empty() => {
            problems.at(source(values, present), format_args!("requires {missing}"));
        }
        Some(present) if !settings.auth_enabled => {
            let warning = "ignored, because AUTH_ENABLED is not true";
            warnings.push(format!("{}: {warning}", source(values, present)));
        }
        _ => {}
    }
    if settings.access_ttl > Duration::from_secs(15 * 60) {
        problems.at(
            source(values, "access_ttl"),
            "too long; expected at most 15m (logins refresh automatically)",
        );
    }
}

fn check_exposure(
    settings: &Settings,
    values: &Values,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) {
    if !settings.health_host.is_loopback() {
        let warning = "the metrics are readable by every client that reaches this port, without authentication or TLS";
        warnings.push(format!("{}: {warning}", source(values, "health_host")));
    }

    let exposure = Exposure {
        host: settings.host,
        has_authentication: settings.auth_enabled,
        has_tls: settings.tls_cert.is_some() || settings.tls_key.is_some(),
        insecure_without_authentication: settings.insecure_without_authentication,
        insecure_without_tls: settings.insecure_without_tls,
    };
    exposure.problems().iter().for_each(|problem| problems.at(source(values, "host"), problem));
}

fn check_ports(settings: &Settings, values: &Values, problems: &mut Problems) {
    let has_same_host = settings.health_host == settings.host;
    if has_same_host && settings.port == settings.health_port && settings.port != 0 {
        let (api, health) = (source(values, "port"), source(values, "health_port"));
        let (at, other) =
            if *health == Source::Default { (api, "health checks") } else { (health, "API") };
        let other_source = if *health == Source::Default { health } else { api };
        problems.at(
            at,
            format_args!(
                "{} is already the port of the {other} ({other_source}); choose another",
                settings.port
            ),
        );
    }
}
