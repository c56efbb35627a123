//! Writes as JSON: the bodies of requests, and the commands of a batch.

use std::borrow::Cow;

use mainspring::internal::validate_ttl;
use mainspring::internal::{parse_value, put_value};
use mainspring::wire::InvalidLine;
use mainspring::wire::{format_duration, parse_duration};
use mainspring::{Action, Condition, Error, Key, Ttl, Value, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::Problem;
#[cfg(feature = "server")]
use super::schemas::{AnyValue, TtlText};

/// A write as JSON. Its members depend on the command; the command and the key are absent if the path and method of the
/// request determine them. [`bodies`](super::bodies) describes the members of each body.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Command<'a> {
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub(crate) command: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = String, min_length = 1, max_length = 1024, example = "car/speed"))]
    pub(crate) key: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "raw")]
    #[cfg_attr(feature = "server", schema(value_type = AnyValue))]
    value: Option<Cow<'a, RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none", deserialize_with = "raw")]
    #[cfg_attr(feature = "server", schema(value_type = Option<TtlText>))]
    ttl: Option<Cow<'a, RawValue>>,
    /// The number of elements that a trim keeps at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<usize>, nullable = false, minimum = 0, maximum = 18_446_744_073_709_551_615usize))]
    keep: Option<usize>,
    /// Write only if the key is absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    if_absent: bool,
    /// Write only if the key is present.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    if_present: bool,
    /// Write only if the entry has this revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<usize>, minimum = 0, maximum = 18_446_744_073_709_551_615usize))]
    if_revision: Option<u64>,
}

/// Keeps a `null` as a value, so that it is rejected later with a specific error.
fn raw<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Cow<'de, RawValue>>, D::Error> {
    <&RawValue>::deserialize(value).map(|raw| Some(Cow::Borrowed(raw)))
}

impl<'a> Command<'a> {
    /// Parses a body.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        // serde would also accept a list of the members.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::new("invalid_request", "expected an object, found a list"));
        }
        serde_json::from_slice(body).map_err(|error| not_json(&error))
    }

    /// Parses the body of a batch. A problem has the index of its command.
    pub(crate) fn read_all(body: &'a [u8]) -> Result<Vec<Self>, Problem> {
        let commands: Vec<&RawValue> =
            serde_json::from_slice(body).map_err(|error| not_json(&error))?;
        let read = |(index, command): (usize, &'a RawValue)| {
            Self::read(command.get().as_bytes()).map_err(|problem| problem.at(index))
        };
        commands.into_iter().enumerate().map(read).collect()
    }

    /// Returns the key of the body.
    pub(crate) fn key(&self) -> Result<Key, Problem> {
        self.key.as_deref().map(Key::from).ok_or_else(|| required("key"))
    }

    fn value<T: DeserializeOwned>(&self) -> Result<Value<T>, Problem> {
        let value = self.value.as_deref().ok_or_else(|| required("value"))?;
        parse_value(value).map_err(|error| not_json(&error))
    }

    fn element<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.value()?.into_item().ok_or_else(|| {
            Problem::new("invalid_json", "`value` is a list; expected a single element to push")
        })
    }

    /// Converts to the write that the operation of this name performs.
    pub(crate) fn write<T: DeserializeOwned>(
        &self,
        operation: &str,
        key: Key,
    ) -> Result<Write<T>, Problem> {
        let write = match operation {
            "set" => Write::set(key, self.value()?),
            "update" => Write::update(key, self.value()?),
            "remove" => Write::remove(key),
            "push" => Write::push(key, self.element::<T>()?),
            "push_front" => Write::push_front(key, self.element::<T>()?),
            "pop" => Write::pop(key),
            "pop_front" => Write::pop_front(key),
            "trim" => Write::trim(key, self.keep.ok_or_else(|| required("keep"))?),
            "trim_front" => Write::trim_front(key, self.keep.ok_or_else(|| required("keep"))?),
            "expire" if self.ttl.is_none() => return Err(required("ttl")),
            // For every other command `null` means no change of the deadline; here it would mean to persist.
            "expire" if self.time_to_live()? == Ttl::Unset => {
                let message = "`null` is not a time to live; to remove the deadline, use \"none\" or the command persist";
                return Err(Problem::new("invalid_ttl", message));
            }
            // Both change the deadline; `options` sets it to the `ttl` or removes it.
            "expire" | "persist" => Write::persist(key),
            "" => return Err(required("command")),
            other => {
                let message = format!(
                    "unknown command {other:?}; expected one of: set, update, remove, push, push_front, pop, \
                     pop_front, trim, trim_front, expire, persist"
                );
                return Err(Problem::new("invalid_request", message));
            }
        };
        self.options(write)
    }

    fn options<T>(&self, write: Write<T>) -> Result<Write<T>, Problem> {
        let write = match self.time_to_live()? {
            Ttl::Unset => write,
            Ttl::Never => write.no_ttl(),
            Ttl::After(ttl) => write.ttl(ttl),
            other => {
                let message = format!(
                    "unknown time to live {other:?}; expected a duration, \"none\", or no `ttl` at all"
                );
                return Err(Problem::new("invalid_ttl", message));
            }
        };
        match (self.if_absent, self.if_present, self.if_revision) {
            (false, false, None) => Ok(write),
            (true, false, None) => Ok(write.if_absent()),
            (false, true, None) => Ok(write.if_present()),
            (false, false, Some(revision)) => Ok(write.if_revision(revision)),
            _ => Err(Problem::new(
                "invalid_request",
                "a write takes at most one condition; use one of: if_absent, if_present, if_revision",
            )),
        }
    }

    fn time_to_live(&self) -> Result<Ttl, Problem> {
        let Some(ttl) = &self.ttl else { return Ok(Ttl::Unset) };
        if ttl.get() == "null" {
            return Ok(Ttl::Unset);
        }
        match serde_json::from_str::<Cow<'_, str>>(ttl.get()) {
            Ok(text) => parse_ttl(&text),
            Err(_) => Err(Problem::new(
                "invalid_ttl",
                format!(
                    "invalid time to live {ttl}; expected a text such as \"1h30m\", or \"none\""
                ),
            )),
        }
    }
}

impl Command<'static> {
    /// Converts a write for sending.
    ///
    /// # Errors
    ///
    /// If its elements cannot be serialized to JSON.
    pub(crate) fn from_write<T: Serialize>(write: &Write<T>) -> Result<Self, Error> {
        let value = match write.action() {
            Action::Set(value) | Action::Update(value) => Some(raw_value(value)?),
            Action::Push { element, .. } => Some(raw_value(&Value::Item(element))?),
            _ => None,
        };
        let mut command = Self {
            command: match (write.action(), write.time_to_live()) {
                (Action::Touch, Ttl::After(_)) => "expire".into(),
                (Action::Touch, _) => "persist".into(),
                (action, _) => action.name().into(),
            },
            key: Some(write.key().as_str().to_owned().into()),
            keep: match write.action() {
                Action::Trim { keep, .. } => Some(*keep),
                _ => None,
            },
            value,
            ..Self::default()
        };
        if let Some(text) = ttl_text(write.time_to_live())? {
            command.ttl = Some(raw_value(&Value::Item(text))?);
        }
        match write.condition() {
            Condition::Any => {}
            Condition::IfAbsent => command.if_absent = true,
            Condition::IfPresent => command.if_present = true,
            Condition::IfRevision(revision) => command.if_revision = Some(revision),
            other => {
                let message = format!(
                    "cannot send the write: unknown condition {other:?}; expected none, if_absent, if_present or \
                     if_revision"
                );
                return Err(Error::Rejected(message.into()));
            }
        }
        Ok(command)
    }

    /// Removes the members that the path and the headers of a single request carry.
    #[cfg(feature = "client")]
    pub(crate) fn body(self) -> Self {
        Self { value: self.value, ttl: self.ttl, ..Self::default() }
    }
}

/// Parses a write in the form of a batch command: an object with `command`, `key`, and the members of that command.
///
/// # Errors
///
/// If the line is not such an object; the error describes why.
///
/// # Examples
///
/// ```
/// use mainspring::Write;
/// use mainspring_http::read_write;
///
/// let write = read_write(r#"{"command":"push","key":"list","value":7,"if_present":true}"#);
/// assert_eq!(write, Ok(Write::push("list", 7).if_present()));
///
/// let wrong = read_write::<u32>(r#"{"command":"jump","key":"k"}"#).unwrap_err();
/// assert!(wrong.to_string().starts_with(r#"unknown command "jump""#));
/// ```
pub fn read_write<T: DeserializeOwned>(line: &str) -> Result<Write<T>, InvalidLine> {
    let invalid = |problem: Problem| InvalidLine::new(problem.message);
    let command = Command::read(line.as_bytes()).map_err(invalid)?;
    let key = command.key().map_err(invalid)?;
    let write = command.write(&command.command, key).map_err(invalid)?;
    write.validate().map_err(InvalidLine::new)?;
    Ok(write)
}

fn raw_value<T: Serialize>(value: &Value<T>) -> Result<Cow<'static, RawValue>, Error> {
    let cannot = |error: &dyn std::fmt::Display| {
        Error::Rejected(format!("cannot serialize the value to JSON: {error}").into())
    };
    let mut out = Vec::new();
    put_value(&mut out, value).map_err(|error| cannot(&error))?;
    let text = String::from_utf8(out).map_err(|error| cannot(&error))?;
    Ok(Cow::Owned(RawValue::from_string(text).map_err(|error| cannot(&error))?))
}

/// Parses a time to live of a request: `1h30m`, or `none`.
fn parse_ttl(text: &str) -> Result<Ttl, Problem> {
    if text == "none" {
        return Ok(Ttl::Never);
    }
    let ttl = parse_duration(text)
        .map_err(|error| Problem::new("invalid_ttl", format!("{error}, or \"none\"")))?;
    validate_ttl(ttl).map_err(|error| Problem::from(&error))?;
    Ok(Ttl::After(ttl))
}

/// The inverse of [`parse_ttl`].
fn ttl_text(ttl: Ttl) -> Result<Option<String>, Error> {
    Ok(match ttl {
        Ttl::Unset => None,
        Ttl::Never => Some("none".to_owned()),
        Ttl::After(ttl) => Some(format_duration(ttl)),
        other => {
            let message = format!(
                "cannot send the write: unknown time to live {other:?}; expected none, a duration, or never"
            );
            return Err(Error::Rejected(message.into()));
        }
    })
}

fn required(member: &str) -> Problem {
    Problem::new("invalid_request", format!("the member `{member}` is required"))
}

fn not_json(error: &serde_json::Error) -> Problem {
    let code = if error.is_data() && error.line() > 0 { "invalid_request" } else { "invalid_json" };
    Problem::new(code, format!("invalid body: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use mainspring::wire::Json;

    fn read(body: &str) -> Result<Write<Json>, Problem> {
        let command = Command::read(body.as_bytes())?;
        command.write(&command.command, command.key()?)
    }

    #[test]
    fn every_write_round_trips() {
        let hour = Duration::from_secs(3600);
        for write in [
            Write::set("k", "v"),
            Write::set("k", Value::List(vec![])).ttl(hour).if_absent(),
            Write::update("a/b", "{}".parse::<Json>().unwrap()).no_ttl().if_revision(7),
            Write::remove("k").if_present(),
            Write::push("k", "é\n").ttl(Duration::from_nanos(1)),
            Write::push_front("k", "v"),
            Write::pop("k"),
            Write::pop_front("k").if_revision(1),
            Write::trim("k", 0).if_present(),
            Write::trim_front("k", 100),
            Write::expire("k", hour),
            Write::persist("k"),
        ] {
            let sent = serde_json::to_string(&Command::from_write(&write).unwrap()).unwrap();
            assert_eq!(read(&sent), Ok(write), "{sent}");
        }
    }

    #[test]
    fn invalid_write_is_rejected_with_its_reason() {
        for (body, code, part) in [
            ("", "invalid_json", "EOF"),
            ("{", "invalid_json", "EOF"),
            ("{} x", "invalid_json", "trailing"),
            ("[]", "invalid_request", "object"),
            (r#"{"key":"k"}"#, "invalid_request", "`command`"),
            (r#"{"command":"set"}"#, "invalid_request", "`key`"),
            (r#"{"command":"set","key":"k"}"#, "invalid_request", "`value`"),
            (r#"{"command":"set","key":1,"value":1}"#, "invalid_request", "string"),
            (r#"{"command":"set","key":"k","value":null}"#, "invalid_json", "null"),
            (r#"{"command":"set","key":"k","value":["a",null]}"#, "invalid_json", "null"),
            (r#"{"command":"set","key":"k","value":[[]]}"#, "invalid_json", "contain a list"),
            (r#"{"command":"push","key":"k","value":["a"]}"#, "invalid_json", "list"),
            (r#"{"command":"set","key":"k","value":1,"ttl":60}"#, "invalid_ttl", "60"),
            (r#"{"command":"set","key":"k","value":1,"ttl":"1d"}"#, "invalid_ttl", "units"),
            (r#"{"command":"set","key":"k","value":1,"ttl":"0"}"#, "invalid_ttl", "zero"),
            (r#"{"command":"expire","key":"k"}"#, "invalid_request", "`ttl`"),
            (r#"{"command":"expire","key":"k","ttl":null}"#, "invalid_ttl", "persist"),
            (r#"{"command":"jump","key":"k"}"#, "invalid_request", "jump"),
            (
                r#"{"command":"pop","key":"k","if_absent":true,"if_revision":1}"#,
                "invalid_request",
                "at most one condition",
            ),
        ] {
            let problem = read(body).unwrap_err();
            assert_eq!(problem.code, code, "{body}: {problem:?}");
            assert!(problem.message.contains(part), "{body}: {problem:?}");
        }
    }
}
