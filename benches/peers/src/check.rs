//! Compares ratios to the plain actor with the recorded ones.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::report::{Better, Row};

/// The tolerated factor below the recorded ratio: machines differ.
const TOLERATED: f64 = 0.85;

/// The number of attempts before a row fails: machines have noise.
pub const ATTEMPTS: usize = 5;

#[derive(Debug, Default, Deserialize, Serialize)]
pub struct RecordedRatios {
    ratios: BTreeMap<String, f64>,
}

impl RecordedRatios {
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("{}: see --record", path.display()))?;
        Ok(serde_json::from_reader(file)?)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }

    pub fn insert(&mut self, rows: &[Row]) {
        let recorded = rows.iter().filter(|row| row.recorded);
        // More digits would be noise.
        let rounded = |row: &Row| (row.what.clone(), (row.ratio * 100.0).round() / 100.0);
        self.ratios.extend(recorded.map(rounded));
    }

    /// The problem of a row, if any.
    pub fn problem(&self, row: &Row) -> Option<String> {
        if !row.recorded {
            return None;
        }
        let Row { what, ratio, .. } = row;
        let Some(recorded) = self.ratios.get(what) else {
            return Some(format!("{what}: no recorded ratio; see --record"));
        };
        let of_recorded = match row.better {
            Better::More => ratio / recorded,
            Better::Less => recorded / ratio,
        };
        (of_recorded < TOLERATED).then(|| {
            format!("{what}: {ratio:.2} is below {TOLERATED} of the recorded {recorded:.2}")
        })
    }
}
