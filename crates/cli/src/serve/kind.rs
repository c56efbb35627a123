//! What a setting can be: how each kind of value is read, and how it is written.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use mainspring::journal::file::SyncPolicy;
use mainspring::wire::{format_duration, parse_duration};
use mainspring_http::auth::Secret;
use toml::Value;

use super::bytes;
use super::logs::{self, Format};
use super::source::not;
use crate::journal_url::JournalUrl;

/// A kind of value.
pub struct Kind<T> {
    /// What stands for a value in the help.
    pub value_name: &'static str,
    pub form: Form,
    /// From its text; an error repeats the text and says what is allowed.
    pub read: fn(&str) -> Result<T, String>,
    /// As a configuration file has it.
    pub write: fn(&T) -> Value,
}

/// How a flag takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    One,
    /// Without a value it is `true`.
    Switch,
    /// May be given several times, and has values with commas between them.
    List,
}

/// The longest time that can be set.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// How soon an expired key is gone, whatever is configured.
const REMOVED_WITHIN: Duration = Duration::from_millis(10);

pub const HOST: Kind<IpAddr> = Kind {
    value_name: "ADDRESS",
    form: Form::One,
    read: |text| match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        text => text.parse().map_err(|_| {
            not(text, "an address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0 (all of IPv4)")
        }),
    },
    write: |host| host.to_string().into(),
};

pub const PORT: Kind<u16> = Kind {
    value_name: "PORT",
    form: Form::One,
    read: |text| text.parse().map_err(|_| not(text, "a port: 0 to 65535, where 0 is any free one")),
    write: |port| Value::Integer((*port).into()),
};

pub const TEXT: Kind<String> = Kind {
    value_name: "TEXT",
    form: Form::One,
    read: |text| match text {
        "" => Err(not(text, "a text of at least one character")),
        text if text.chars().any(char::is_control) => Err(not(text, "a text in one line")),
        text => Ok(text.into()),
    },
    write: |text| text.as_str().into(),
};

/// A text that is not shown: not in errors, and not in the printed configuration.
pub const SECRET: Kind<Option<Secret>> = Kind {
    value_name: "TEXT",
    form: Form::One,
    read: |text| Ok(Some(text).filter(|text| !text.is_empty()).map(Secret::from)),
    write: |_| "".into(),
};

/// A name of an account.
pub const NAME: Kind<Option<String>> = Kind {
    value_name: "NAME",
    form: Form::One,
    read: |text| Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
    write: |name| name.as_deref().unwrap_or_default().into(),
};

/// Where accounts are kept, if not where the data is.
pub const ACCOUNTS: Kind<Option<JournalUrl>> = Kind {
    value_name: "URL",
    form: Form::One,
    read: |text| match text {
        "" => Ok(None),
        text => JournalUrl::parse(text).map(Some),
    },
    write: |url| url.as_ref().map_or_else(String::new, ToString::to_string).into(),
};

pub const SWITCH: Kind<bool> = Kind {
    value_name: "BOOL",
    form: Form::Switch,
    read: |text| match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(not(text, "true or false")),
    },
    write: |on| Value::Boolean(*on),
};

/// More than zero.
pub const TIME: Kind<Duration> = Kind {
    value_name: "TIME",
    form: Form::One,
    read: |text| match time(text)? {
        Duration::ZERO => Err(not(text, "a time of more than zero, such as 10s")),
        time => Ok(time),
    },
    write: |time| format_duration(*time).into(),
};

/// May be zero.
pub const WAIT: Kind<Duration> = Kind { read: time, ..TIME };

pub const TTL: Kind<Option<Duration>> = Kind {
    value_name: "TIME",
    form: Form::One,
    read: |text| match text {
        "none" => Ok(None),
        text => Ok(Some(time(text)?).filter(|ttl| !ttl.is_zero())),
    },
    write: |ttl| ttl.map_or_else(|| "none".into(), format_duration).into(),
};

pub const CLEANUP: Kind<Duration> = Kind {
    read: |text| match time(text)? {
        time if time < REMOVED_WITHIN => Err(not(
            text,
            "at least 10ms: that is how soon an expired key is removed, and sooner is not promised",
        )),
        time => Ok(time),
    },
    ..TIME
};

pub const COUNT: Kind<usize> = Kind {
    value_name: "N",
    form: Form::One,
    read: |text| match text.parse() {
        Ok(0) | Err(_) => Err(not(text, "a number of at least 1")),
        Ok(count) => Ok(count),
    },
    write: |count| integer(*count as u64),
};

pub const COUNT_LIMIT: Kind<Option<usize>> = Kind {
    value_name: "N",
    form: Form::One,
    read: |text| match text {
        "none" | "0" => Ok(None),
        text => text.parse().map(Some).map_err(|_| not(text, "a number, or none")),
    },
    write: |limit| limit.map_or_else(|| "none".into(), |count| integer(count as u64)),
};

pub const BYTES: Kind<u64> = Kind {
    value_name: "BYTES",
    form: Form::One,
    read: |text| match bytes::parse(text) {
        Some(0) | None => {
            Err(not(text, "a size of at least one byte, such as 64MiB, 1GB or 65536"))
        }
        Some(bytes) => Ok(bytes),
    },
    write: |bytes| bytes::format(*bytes).into(),
};

/// May be zero.
pub const SIZE: Kind<u64> = Kind {
    read: |text| bytes::parse(text).ok_or_else(|| not(text, "a size such as 64MiB, 1GB or 0")),
    ..BYTES
};

pub const BYTES_LIMIT: Kind<Option<u64>> = Kind {
    value_name: "BYTES",
    form: Form::One,
    read: |text| match (text, bytes::parse(text)) {
        ("none", _) | (_, Some(0)) => Ok(None),
        (_, Some(bytes)) => Ok(Some(bytes)),
        (_, None) => Err(not(text, "a size such as 64MiB, 1GB or 65536, or none")),
    },
    write: |limit| limit.map_or_else(|| "none".into(), bytes::format).into(),
};

pub const ORIGINS: Kind<Vec<String>> = Kind {
    value_name: "ORIGINS",
    form: Form::List,
    read: |text| match text {
        "none" | "" => Ok(Vec::new()),
        text => text.split(',').map(|origin| self::origin(origin.trim())).collect(),
    },
    write: |origins| Value::Array(origins.iter().map(|origin| origin.as_str().into()).collect()),
};

pub const HOSTS: Kind<Vec<String>> = Kind {
    value_name: "NAMES",
    read: |text| match text {
        "none" | "" => Ok(Vec::new()),
        text => text.split(',').map(|name| host(name.trim())).collect(),
    },
    ..ORIGINS
};

pub const JOURNAL: Kind<JournalUrl> = Kind {
    value_name: "URL",
    form: Form::One,
    read: JournalUrl::parse,
    write: |url| url.to_string().into(),
};

pub const SYNC: Kind<SyncPolicy> = Kind {
    value_name: "WHEN",
    form: Form::One,
    read: |text| match text {
        "always" => Ok(SyncPolicy::Always),
        "os" => Ok(SyncPolicy::Os),
        text => match parse_duration(text) {
            Ok(period) if !period.is_zero() && period <= CENTURY => Ok(SyncPolicy::Every(period)),
            _ => Err(not(text, "when to sync: always, os, or a time such as 100ms")),
        },
    },
    write: |sync| match sync {
        SyncPolicy::Every(period) => format_duration(*period).into(),
        other => other.to_string().into(),
    },
};

/// A text that may be missing.
pub const PATH: Kind<Option<PathBuf>> = Kind {
    value_name: "DIR",
    form: Form::One,
    read: |text| Ok(Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty())),
    write: |path| path.as_ref().map_or_else(String::new, |path| path.display().to_string()).into(),
};

pub const FILE: Kind<Option<PathBuf>> = Kind { value_name: "FILE", ..PATH };

pub const LEVEL: Kind<String> = Kind {
    value_name: "LEVEL",
    form: Form::One,
    read: logs::level,
    write: |level| level.as_str().into(),
};

pub const FORMAT: Kind<Format> = Kind {
    value_name: "FORMAT",
    form: Form::One,
    read: |text| match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        text => Err(not(text, "a format: text or json")),
    },
    write: |format| match format {
        Format::Text => "text".into(),
        Format::Json => "json".into(),
    },
};

fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(time) if time > CENTURY => Err(not(text, "a time of at most 100 years")),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

/// TOML has no numbers beyond what an `i64` holds; a text is read just as well.
fn integer(count: u64) -> Value {
    i64::try_from(count).map_or_else(|_| count.to_string().into(), Value::Integer)
}

/// A name without anything around it.
fn host(text: &str) -> Result<String, String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if text == "*" || (!text.is_empty() && text.chars().all(is_part)) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(not(text, "a name without a port, such as db.example.com, or * for all"))
}

/// A browser sends exactly this: scheme, host, and port unless it is the usual one, without a path.
fn origin(text: &str) -> Result<String, String> {
    let is_origin = || {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?.as_str();
        let bare = format!("{}://{authority}", uri.scheme_str()?);
        (bare.eq_ignore_ascii_case(text) && !authority.contains('@')).then_some(())
    };
    if text == "*" || is_origin().is_some() {
        return Ok(text.to_ascii_lowercase());
    }
    Err(not(
        text,
        "an origin, such as https://app.example.com or http://localhost:3000, or * for all",
    ))
}
