//! Where the values of settings come from: what messages and `--print-config` name.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Where a value was given. A later one counts more than those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File { path: Rc<str>, key: String, line: usize },
    Environment { variable: String },
    Flag { name: String },
}

impl Source {
    /// Counts more where it is higher.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Environment { .. } => 2,
            Self::Flag { .. } => 3,
        }
    }
}

/// As the operator wrote it.
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

/// What was given for each setting, by its name.
pub type Values = BTreeMap<&'static str, (String, Source)>;

/// What is wrong with the text of a setting: it is not what is allowed.
pub fn not(text: &str, allowed: &str) -> String {
    format!("{text:?} is not {allowed}")
}

/// What is wrong with a configuration: all of it, not only what was found first.
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
