//! One configuration of all that was given.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::exposure::Exposure;
use super::file;
use super::settings::{Settings, TABLE};
use super::source::{Problems, Source, Values};
use crate::journal_url::JournalUrl;
use crate::output::argument;

/// A configuration, and where its values come from.
#[derive(Debug)]
pub struct Resolved {
    pub settings: Settings,
    pub values: Values,
    /// What is allowed, and hardly what was meant.
    pub doubts: Vec<String>,
}

/// Flags before environment before file before defaults.
pub fn resolve(given: Values, file: Option<&Path>) -> Result<Resolved, Problems> {
    let defaults = TABLE.iter().map(|s| (s.name, (s.default.to_owned(), Source::Default)));
    let mut values: Values = defaults.collect();
    let mut problems = Problems::default();
    if let Some(path) = file {
        file::read(path, &mut values, &mut problems);
    }
    values.extend(given);
    let settings = Settings::read(&values, &mut problems);
    let Some(mut settings) = settings.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    let mut doubts = Vec::new();
    settle_journal(&mut settings, &mut values, &mut problems, &mut doubts);
    check_ports(&settings, &values, &mut problems);
    check_tls(&settings, &values, &mut problems);
    check_auth(&settings, &values, &mut problems, &mut doubts);
    check_exposure(&settings, &values, &mut problems, &mut doubts);
    if problems.is_empty() { Ok(Resolved { settings, values, doubts }) } else { Err(problems) }
}

fn source<'a>(values: &'a Values, name: &str) -> &'a Source {
    values.get(name).map_or(&Source::Default, |(_, source)| source)
}

/// Two settings name the journal, ours and 002's: the one that counts more does.
fn settle_journal(
    settings: &mut Settings,
    values: &mut Values,
    problems: &mut Problems,
    doubts: &mut Vec<String>,
) {
    let ours = source(values, "journal").clone();
    let theirs = source(values, "persistence_enabled").clone();
    let path = source(values, "db_path").clone();
    let is_ours = ours != Source::Default && ours.rank() >= theirs.rank();
    match (&settings.db_path, settings.persistence_enabled) {
        (_, true) if is_ours && ours.rank() == theirs.rank() => {
            problems.at(&ours, format_args!("{theirs} names a journal too: give one of the two"));
        }
        (None, true) if !is_ours => problems.at(
            &theirs,
            "DB_PATH (or --db-path, or `db_path` in a file) has to name the folder of the journal",
        ),
        (Some(folder), true) if !is_ours => {
            settings.journal = JournalUrl::File(folder.clone());
            values.insert("journal", (folder.display().to_string(), path));
        }
        (Some(_), false) if ours == Source::Default => {
            let doubt = "nothing is persisted, because PERSISTENCE_ENABLED is not true";
            doubts.push(format!("{path}: {doubt}"));
        }
        _ => {}
    }
    if let JournalUrl::File(path) = &settings.journal
        && path.is_file()
    {
        problems.at(source(values, "journal"), is_a_file(path));
    }
}

/// 002 kept its log in one file.
fn is_a_file(path: &Path) -> String {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".journal");
    let folder = PathBuf::from(folder);
    format!(
        "{} is a file, and a journal is a folder. If it is a log of commands or an export, make a journal of it with \
         `mainspring journal import {} {}`, and name that folder here",
        path.display(),
        argument(&folder),
        argument(path),
    )
}

/// A certificate is nothing without its key.
fn check_tls(settings: &Settings, values: &Values, problems: &mut Problems) {
    let (given, missing) = match (&settings.tls_cert, &settings.tls_key) {
        (Some(_), None) => ("tls_cert", "--tls-key FILE, the key of the certificate"),
        (None, Some(_)) => ("tls_key", "--tls-cert FILE, the certificate of the key"),
        _ => return,
    };
    problems.at(source(values, given), format_args!("needs {missing}, beside it"));
}

/// An administrator has a name and a password, and tokens do not last.
fn check_auth(
    settings: &Settings,
    values: &Values,
    problems: &mut Problems,
    doubts: &mut Vec<String>,
) {
    let (given, missing) = match (&settings.admin_user, &settings.admin_password) {
        (Some(_), None) => {
            (Some("admin_user"), "ADMIN_PASSWORD, the password of the administrator")
        }
        (None, Some(_)) => (Some("admin_password"), "ADMIN_USER, the name of the administrator"),
        (Some(_), Some(_)) => (Some("admin_user"), ""),
        (None, None) => (None, ""),
    };
    match given {
        Some(given) if !missing.is_empty() => {
            problems.at(source(values, given), format_args!("needs {missing}, beside it"));
        }
        Some(given) if !settings.auth_enabled => {
            let doubt = "nobody is asked who they are, because AUTH_ENABLED is not true";
            doubts.push(format!("{}: {doubt}", source(values, given)));
        }
        _ => {}
    }
    if settings.access_ttl > Duration::from_secs(15 * 60) {
        problems.at(source(values, "access_ttl"), "is at most 15m: a login is refreshed by itself");
    }
}

fn check_exposure(
    settings: &Settings,
    values: &Values,
    problems: &mut Problems,
    doubts: &mut Vec<String>,
) {
    if !settings.health_host.is_loopback() {
        let doubt = "whoever reaches the second port may read the metrics: they are not encrypted, and ask nobody";
        doubts.push(format!("{}: {doubt}", source(values, "health_host")));
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
                "{} is the port of the {other} ({other_source}), and each needs its own",
                settings.port
            ),
        );
    }
}
