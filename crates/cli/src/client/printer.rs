//! Prints results: for people on a terminal, for programs in a pipe, or as JSON.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _, stdout};
use std::time::{Duration, SystemTime};

use mainspring::{Entry, Timestamp, Value, wire::Json};

use crate::output::{escaped, escaped_json};

/// The format of the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printer {
    pub json: bool,
    pub terminal: bool,
    pub color: bool,
}

/// The style of a part of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Dim,
    Bold,
    Good,
    Bad,
    Marked,
}

impl Printer {
    /// Print a line. Fails if the standard output is closed.
    pub fn print_line(self, line: impl Display) -> io::Result<()> {
        writeln!(stdout(), "{}", self.line(&line.to_string()))
    }

    /// Escape a line of JSON for a terminal; other lines are unchanged.
    pub fn line(self, line: &str) -> Cow<'_, str> {
        if self.json && self.terminal { escaped_json(line) } else { line.into() }
    }

    pub fn paint(self, style: Style, text: impl Display) -> String {
        if !self.color {
            return text.to_string();
        }
        let code = match style {
            Style::Dim => "2",
            Style::Bold => "1",
            Style::Good => "32",
            Style::Bad => "31",
            Style::Marked => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Escape a text for one line of a terminal; unchanged in a pipe.
    pub fn text(self, text: &str) -> Cow<'_, str> {
        if self.terminal { escaped(text, false) } else { text.into() }
    }

    /// Like [`text`](Self::text), but keeps line breaks and tabs.
    pub fn lines(self, text: &str) -> Cow<'_, str> {
        if self.terminal { escaped(text, true) } else { text.into() }
    }

    /// Format a value as one line.
    pub fn value(self, value: &Value<Json>) -> String {
        match value {
            Value::Item(item) => self.text(&plain(item)).into_owned(),
            Value::List(list) => {
                let list: Vec<_> = list.iter().map(Json::as_str).collect();
                self.text(&format!("[{}]", list.join(","))).into_owned()
            }
        }
    }

    /// Describe an entry: length of a list, revision, age, deadline.
    pub fn describe(self, entry: &Entry<Json>) -> String {
        let now = now();
        let mut text =
            format!("revision {}, updated {}", entry.revision, ago(entry.updated_at, now));
        if let Some(list) = entry.list() {
            text.insert_str(0, &format!("list of {}, ", list.len()));
        }
        if let Some(time) = entry.expires_at {
            let _ = write!(text, ", expires {}", until(time, now));
        }
        text
    }
}

/// A JSON string without quotes; other elements as they are.
pub fn plain(element: &Json) -> Cow<'_, str> {
    element.as_text().map_or_else(|| element.as_str().into(), Cow::from)
}

pub fn now() -> Timestamp {
    SystemTime::now().into()
}

pub fn ago(time: Timestamp, now: Timestamp) -> String {
    match now.saturating_since(time) {
        passed if passed < Duration::from_secs(1) => "now".into(),
        passed => format!("{} ago", short(passed)),
    }
}

pub fn until(time: Timestamp, now: Timestamp) -> String {
    format!("in {}", short(time.saturating_since(now)))
}

/// Format a duration in its largest unit.
fn short(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.as_millis()),
        s @ 1..60 => format!("{s}s"),
        s @ 60..3_600 => format!("{}m", s / 60),
        s @ 3_600..172_800 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_formatted_in_its_largest_unit() {
        for (seconds, text) in [
            (1, "1s"),
            (59, "59s"),
            (3_599, "59m"),
            (3_600, "1h"),
            (90_000, "25h"),
            (172_800, "2d"),
        ] {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
        assert_eq!(short(Duration::from_millis(250)), "250ms");
    }
}
