//! Rows: a ratio and its goal, as a table, as Markdown and as JSON.

use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::measure::Figures;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    More,
    Less,
}

/// The unit of the number of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub enum Unit {
    #[serde(rename = "x")]
    Times,
    #[serde(rename = "us")]
    Micros,
    #[serde(rename = "ms")]
    Millis,
    #[serde(rename = "KiB")]
    Kilobytes,
}

impl Unit {
    fn suffix(self) -> &'static str {
        match self {
            Self::Times => "x",
            Self::Micros => " us",
            Self::Millis => " ms",
            Self::Kilobytes => " KiB",
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub what: String,
    /// A ratio, or an amount, depending on `unit`.
    pub ratio: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<f64>,
    pub met: bool,
    pub better: Better,
    pub unit: Unit,
    /// Whether the ratio is compared with the recorded one.
    #[serde(skip)]
    pub recorded: bool,
    pub figures: Vec<Figures>,
}

impl Row {
    fn new(what: String, ratio: f64, goal: Option<f64>, better: Better) -> Self {
        assert!(ratio.is_finite(), "{what}: {ratio}");
        let met = goal.is_none_or(|goal| match better {
            Better::More => ratio >= goal,
            Better::Less => ratio <= goal,
        });
        let unit = Unit::Times;
        Self { what, ratio, goal, met, better, unit, recorded: false, figures: Vec::new() }
    }

    pub fn at_least(goal: f64, what: impl Into<String>, ratio: f64) -> Self {
        Self::new(what.into(), ratio, Some(goal), Better::More)
    }

    pub fn at_most(goal: f64, what: impl Into<String>, ratio: f64) -> Self {
        Self::new(what.into(), ratio, Some(goal), Better::Less)
    }

    /// Without a goal.
    pub fn without_goal(better: Better, what: impl Into<String>, ratio: f64) -> Self {
        Self::new(what.into(), ratio, None, better)
    }

    /// Whether this row is better than another one of the same measurement.
    pub fn is_better_than(&self, other: &Self) -> bool {
        match self.better {
            Better::More => self.ratio > other.ratio,
            Better::Less => self.ratio < other.ratio,
        }
    }

    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub fn figures(mut self, figures: impl IntoIterator<Item = Figures>) -> Self {
        self.figures.extend(figures);
        self
    }

    pub fn recorded(mut self) -> Self {
        self.recorded = true;
        self
    }

    fn cells(&self) -> [String; 4] {
        let (suffix, sign) =
            (self.unit.suffix(), if self.better == Better::More { "≥" } else { "≤" });
        let goal = self.goal.map(|goal| format!("{sign} {goal}{suffix}"));
        let met = self.goal.map(|_| if self.met { "yes" } else { "no" });
        let ratio = format!("{:.2}{suffix}", self.ratio);
        [self.what.clone(), ratio, goal.unwrap_or_default(), met.unwrap_or_default().to_owned()]
    }

    fn details(&self) -> String {
        let mut text = String::new();
        for figures in &self.figures {
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = write!(text, "{}:", figures.of);
            for (name, value) in &figures.values {
                let _ = write!(text, " {name} {}", amount(*value));
            }
        }
        text
    }
}

/// Format a number.
fn amount(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2} M", value / 1e6),
        1e4.. => format!("{:.0} k", value / 1e3),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Format the rows for a terminal, with further figures.
pub fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["row", "ratio", "goal", "met", "figures"]);
    for row in rows {
        let [what, ratio, goal, met] = row.cells();
        table.add_row([what, ratio, goal, met, row.details()]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Format the rows for `docs/benchmarks.md`.
pub fn markdown(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["what", "ratio", "goal", "met"]);
    table.add_rows(rows.iter().map(Row::cells));
    table.to_string()
}

/// Write the rows with a goal.
pub fn write_json(path: &Path, rows: &[Row]) -> Result<()> {
    let rows: Vec<_> = rows.iter().filter(|row| row.goal.is_some()).collect();
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    serde_json::to_writer_pretty(file, &rows)?;
    Ok(())
}
