//! Types of settings: how a value is parsed, and how it is written to a configuration file.

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
use super::source::invalid;
use crate::journal_url::JournalUrl;

/// Parsing and formatting of one type of value.
pub struct ValueType<T> {
    /// The placeholder in the help.
    pub value_name: &'static str,
    pub form: Form,
    /// Parse a text. The error contains the text and what was expected.
    pub read: fn(&str) -> Result<T, String>,
    /// Convert to a value of a configuration file.
    pub write: fn(&T) -> Value,
}

/// How a flag takes its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    One,
    /// Optional value; `true` without one.
    Switch,
    /// Repeatable, with comma-separated values.
    List,
}

/// The longest valid duration.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// How soon an expired key is removed, whatever is configured.
const EXPIRY_DELAY: Duration = Duration::from_millis(10);

pub const HOST: ValueType<IpAddr> = ValueType {
    value_name: "ADDRESS",
    form: Form::One,
    read: |text| {
        match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        text => text.parse().map_err(|_| {
            invalid(text, "an IP address of this machine, such as 127.0.0.1, ::1 or 0.0.0.0 (all IPv4 addresses)")
        }),
    }
    },
    write: |host| host.to_string().into(),
};

pub const PORT: ValueType<u16> = ValueType {
    value_name: "PORT",
    form: Form::One,
    read: |text| {
        text.parse().map_err(|_| invalid(text, "a port, 0 to 65535; 0 selects a free one"))
    },
    write: |port| Value::Integer((*port).into()),
};

pub const TEXT: ValueType<String> = ValueType {
    value_name: "TEXT",
    form: Form::One,
    read: |text| match text {
        "" => Err(invalid(text, "a text of at least one character")),
        text if text.chars().any(char::is_control) => {
            Err(invalid(text, "a text without control characters"))
        }
        text => Ok(text.into()),
    },
    write: |text| text.as_str().into(),
};

/// A text that appears neither in errors nor in the printed configuration.
pub const SECRET: ValueType<Option<Secret>> = ValueType {
    value_name: "TEXT",
    form: Form::One,
    read: |text| Ok(Some(text).filter(|text| !text.is_empty()).map(Secret::from)),
    write: |_| "".into(),
};

/// The name of an account.
pub const NAME: ValueType<Option<String>> = ValueType {
    value_name: "NAME",
    form: Form::One,
    read: |text| Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
    write: |name| name.as_deref().unwrap_or_default().into(),
};

/// The journal of the accounts, unless derived from the journal of the data.
pub const ACCOUNTS: ValueType<Option<JournalUrl>> = ValueType {
    value_name: "URL",
    form: Form::One,
    read: |text| match text {
        "" => Ok(None),
        text => JournalUrl::parse(text).map(Some),
    },
    write: |url| url.as_ref().map_or_else(String::new, ToString::to_string).into(),
};

pub const SWITCH: ValueType<bool> = ValueType {
    value_name: "BOOL",
    form: Form::Switch,
    read: |text| match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(invalid(text, "true or false")),
    },
    write: |on| Value::Boolean(*on),
};

/// A duration above zero.
pub const TIME: ValueType<Duration> = ValueType {
    value_name: "TIME",
    form: Form::One,
    read: |text| match time(text)? {
        Duration::ZERO => Err(invalid(text, "a duration above zero, such as 10s")),
        time => Ok(time),
    },
    write: |time| format_duration(*time).into(),
};

/// A duration that may be zero.
pub const WAIT: ValueType<Duration> = ValueType { read: time, ..TIME };

pub const TTL: ValueType<Option<Duration>> = ValueType {
    value_name: "TIME",
    form: Form::One,
    read: |text| match text {
        "none" => Ok(None),
        text => Ok(Some(time(text)?).filter(|ttl| !ttl.is_zero())),
    },
    write: |ttl| ttl.map_or_else(|| "none".into(), format_duration).into(),
};

pub const CLEANUP: ValueType<Duration> = ValueType {
    read: |text| match time(text)? {
        time if time < EXPIRY_DELAY => {
            Err(invalid(text, "at least 10ms, which is the guaranteed limit"))
        }
        time => Ok(time),
    },
    ..TIME
};

pub const COUNT: ValueType<usize> = ValueType {
    value_name: "N",
    form: Form::One,
    read: |text| match text.parse() {
        Ok(0) | Err(_) => Err(invalid(text, "an integer of at least 1")),
        Ok(count) => Ok(count),
    },
    write: |count| integer(*count as u64),
};

pub const COUNT_LIMIT: ValueType<Option<usize>> = ValueType {
    value_name: "N",
    form: Form::One,
    read: |text| match text {
        "none" | "0" => Ok(None),
        text => text.parse().map(Some).map_err(|_| invalid(text, "an integer or none")),
    },
    write: |limit| limit.map_or_else(|| "none".into(), |count| integer(count as u64)),
};

pub const BYTES: ValueType<u64> = ValueType {
    value_name: "BYTES",
    form: Form::One,
    read: |text| match bytes::parse(text) {
        Some(0) | None => {
            Err(invalid(text, "a size of at least one byte, such as 64MiB, 1GB or 65536"))
        }
        Some(bytes) => Ok(bytes),
    },
    write: |bytes| bytes::format(*bytes).into(),
};

/// A size that may be zero.
pub const SIZE: ValueType<u64> = ValueType {
    read: |text| bytes::parse(text).ok_or_else(|| invalid(text, "a size such as 64MiB, 1GB or 0")),
    ..BYTES
};

pub const BYTES_LIMIT: ValueType<Option<u64>> = ValueType {
    value_name: "BYTES",
    form: Form::One,
    read: |text| match (text, bytes::parse(text)) {
        ("none", _) | (_, Some(0)) => Ok(None),
        (_, Some(bytes)) => Ok(Some(bytes)),
        (_, None) => Err(invalid(text, "a size such as 64MiB, 1GB or 65536; or none")),
    },
    write: |limit| limit.map_or_else(|| "none".into(), bytes::format).into(),
};

pub const ORIGINS: ValueType<Vec<String>> = ValueType {
    value_name: "ORIGINS",
    form: Form::List,
    read: |text| match text {
        "none" | "" => Ok(Vec::new()),
        text => text.split(',').map(|origin| self::origin(origin.trim())).collect(),
    },
    write: |origins| Value::Array(origins.iter().map(|origin| origin.as_str().into()).collect()),
};

pub const HOSTS: ValueType<Vec<String>> = ValueType {
    value_name: "NAMES",
    read: |text| match text {
        "none" | "" => Ok(Vec::new()),
        text => text.split(',').map(|name| host(name.trim())).collect(),
    },
    ..ORIGINS
};

pub const JOURNAL: ValueType<JournalUrl> = ValueType {
    value_name: "URL",
    form: Form::One,
    read: JournalUrl::parse,
    write: |url| url.to_string().into(),
};

pub const SYNC: ValueType<SyncPolicy> = ValueType {
    value_name: "WHEN",
    form: Form::One,
    read: |text| match text {
        "always" => Ok(SyncPolicy::Always),
        "os" => Ok(SyncPolicy::Os),
        text => match parse_duration(text) {
            Ok(period) if !period.is_zero() && period <= MAX_DURATION => {
                Ok(SyncPolicy::Every(period))
            }
            _ => Err(invalid(text, "always, os, or a duration such as 100ms")),
        },
    },
    write: |sync| match sync {
        SyncPolicy::Every(period) => format_duration(*period).into(),
        other => other.to_string().into(),
    },
};

/// An optional path.
pub const PATH: ValueType<Option<PathBuf>> = ValueType {
    value_name: "DIR",
    form: Form::One,
    read: |text| Ok(Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty())),
    write: |path| path.as_ref().map_or_else(String::new, |path| path.display().to_string()).into(),
};

pub const FILE: ValueType<Option<PathBuf>> = ValueType { value_name: "FILE", ..PATH };

pub const LEVEL: ValueType<String> = ValueType {
    value_name: "LEVEL",
    form: Form::One,
    read: logs::level,
    write: |level| level.as_str().into(),
};

pub const FORMAT: ValueType<Format> = ValueType {
    value_name: "FORMAT",
    form: Form::One,
    read: |text| match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        text => Err(invalid(text, "text or json")),
    },
    write: |format| match format {
        Format::Text => "text".into(),
        Format::Json => "json".into(),
    },
};

fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(time) if time > MAX_DURATION => Err(invalid(text, "a duration of at most 100 years")),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}

/// Larger than an `i64`, the largest integer of TOML, is written as a text, which is parsed too.
fn integer(count: u64) -> Value {
    i64::try_from(count).map_or_else(|_| count.to_string().into(), Value::Integer)
}

/// A host name without a port.
fn host(text: &str) -> Result<String, String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if text == "*" || (!text.is_empty() && text.chars().all(is_part)) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(invalid(text, "a host name without a port, such as db.example.com, or * for all"))
}

/// An origin as browsers send it: scheme, host, and the port unless it is the default, without a path.
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
    Err(invalid(
        text,
        "an origin, such as https://app.example.com or http://localhost:3000, or * for all",
    ))
}
