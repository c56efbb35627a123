//! Plots, drawn as SVG.

mod bars;
mod curves;

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use comfy_table::{Table, presets};
use plotters::prelude::{IntoDrawingArea, SVGBackend, WHITE};
use plotters::style::RGBColor;

pub use self::bars::Bars;
pub use self::curves::{Curve, Curves};

#[derive(Clone, Debug)]
pub enum Plot {
    Bars(Bars),
    Curves(Curves),
}

type Area<'a> = plotters::drawing::DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

impl Plot {
    /// Returns the file name without its extension.
    fn file(&self) -> &str {
        match self {
            Self::Bars(bars) => &bars.file,
            Self::Curves(curves) => &curves.file,
        }
    }

    /// Writes the plot as SVG into a directory, and creates the directory if it is missing.
    pub fn draw(&self, directory: &Path) -> Result<()> {
        let path = directory.join(self.file()).with_extension("svg");
        let drawn = || -> Result<()> {
            std::fs::create_dir_all(directory)?;
            let area = SVGBackend::new(&path, self.size()).into_drawing_area();
            // The background is white, for pages with a dark background.
            area.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
            match self {
                Self::Bars(bars) => bars.draw(&area)?,
                Self::Curves(curves) => curves.draw(&area)?,
            }
            area.present().map_err(|error| anyhow!("{error}"))
        };
        drawn().with_context(|| format!("cannot draw {}", path.display()))
    }

    fn size(&self) -> (u32, u32) {
        match self {
            Self::Bars(bars) => (800, 90 + 18 * bars.lines() as u32),
            Self::Curves(_) => (800, 480),
        }
    }

    pub fn markdown(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let title: String = match self {
            Self::Bars(bars) => bars.fill(&mut table).to_owned(),
            Self::Curves(curves) => curves.fill(&mut table),
        };
        format!("{title}\n\n{table}\n")
    }
}

/// Colors that are distinguishable with color blindness (Okabe and Ito).
fn colour(n: usize) -> RGBColor {
    const COLOURS: [RGBColor; 7] = [
        RGBColor(0, 114, 178),
        RGBColor(230, 159, 0),
        RGBColor(0, 158, 115),
        RGBColor(213, 94, 0),
        RGBColor(86, 180, 233),
        RGBColor(204, 121, 167),
        RGBColor(0, 0, 0),
    ];
    COLOURS[n % COLOURS.len()]
}
