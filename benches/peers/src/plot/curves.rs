//! Line charts with logarithmic axes.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use comfy_table::Table;
use plotters::prelude::*;

use super::{Area, colour};

#[derive(Clone, Debug)]
pub struct Curves {
    pub file: String,
    pub title: String,
    pub x: &'static str,
    pub y: &'static str,
    pub curves: Vec<Curve>,
}

#[derive(Clone, Debug)]
pub struct Curve {
    pub name: String,
    /// Sorted by x.
    pub points: Vec<(f64, f64)>,
}

impl Curves {
    fn points(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.curves.iter().flat_map(|curve| &curve.points)
    }

    pub(super) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let range = |values: Vec<f64>| {
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(0.0, f64::max);
            least / 1.5..most * 1.5
        };
        let x = range(self.points().map(|point| point.0).collect());
        let y = range(self.points().map(|point| point.1).collect());
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .build_cartesian_2d(x.log_scale(), y.log_scale())
            .map_err(|error| anyhow!("{error}"))?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .draw()
            .map_err(|error| anyhow!("{error}"))?;
        for (n, curve) in self.curves.iter().enumerate() {
            let line = LineSeries::new(curve.points.iter().copied(), colour(n).stroke_width(2));
            chart
                .draw_series(line.point_size(3))
                .map_err(|error| anyhow!("{error}"))?
                .label(&curve.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 14, y)], colour(n).stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()
            .map_err(|error| anyhow!("{error}"))?;
        Ok(())
    }

    /// Draw, and return the title.
    pub(super) fn fill(&self, table: &mut Table) -> String {
        table.set_header([self.x].into_iter().chain(self.curves.iter().map(|curve| &*curve.name)));
        // The x axis has integers.
        let all: BTreeSet<u64> = self.points().map(|point| point.0 as u64).collect();
        for x in all {
            let at = |curve: &Curve| {
                let point = curve.points.iter().find(|point| point.0 as u64 == x);
                point.map(|point| short(point.1)).unwrap_or_default()
            };
            table.add_row([short(x as f64)].into_iter().chain(self.curves.iter().map(at)));
        }
        format!("{}, {}", self.title, self.y)
    }
}

/// A short format of a number.
fn short(value: f64) -> String {
    match value {
        1e6.. => format!("{}M", round(value / 1e6)),
        1e3.. => format!("{}k", round(value / 1e3)),
        _ => round(value),
    }
}

fn round(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}
