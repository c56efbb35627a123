//! Sources of settings, for messages and `--print-config`.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// The source of a value. A later variant overrides an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File { path: Rc<str>, key: String, line: usize },
    Environment { variable: String },
    Flag { name: String },
}

impl Source {
    /// A source of a higher rank overrides one of a lower rank.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment { .. } => 2,
            Self::Flag { .. } => 3,
        }
    }
}

/// The name in the form in which the user wrote it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, key, line } => write!(f, "`{key}` in {path}, line {line}"),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::Flag { name } => write!(f, "flag --{name}"),
        }
    }
}

/// The text and source of each setting, by name.
pub type Values = BTreeMap<&'static str, (String, Source)>;

/// The error for the text of a setting.
pub fn invalid(text: &str, expected: &str) -> String {
    format!("invalid value {text:?}; expected {expected}")
}

/// All problems of a configuration, not only the first.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, problem: impl fmt::Display) {
        self.0.push(problem.to_string());
    }

    pub fn at(&mut self, source: &Source, problem: impl fmt::Display) {
        self.add(format_args!("{source}: {problem}"));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
