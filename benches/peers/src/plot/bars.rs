//! Bar charts: one value per implementation and job.

use anyhow::{Result, anyhow};
use comfy_table::Table;
use plotters::prelude::*;

use super::{Area, colour};

#[derive(Clone, Debug)]
pub struct Bars {
    pub file: String,
    pub title: String,
    pub jobs: Vec<String>,
    /// The name of each implementation, and its value for each job.
    pub peers: Vec<(String, Vec<f64>)>,
}

impl Bars {
    /// The height in lines: one per bar, and one between implementations.
    pub(super) fn lines(&self) -> usize {
        self.peers.len() * (self.jobs.len() + 1)
    }

    pub(super) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let most =
            self.peers.iter().flat_map(|(_, numbers)| numbers).fold(0.0_f64, |a, b| a.max(*b));
        let lines = self.lines() as i32;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(150)
            .build_cartesian_2d(0.0..most * 1.05, 0..lines)
            .map_err(|error| anyhow!("{error}"))?;
        let each = self.jobs.len() as i32 + 1;
        let name = |line: &i32| {
            // Centered on its bars, from the top.
            let peer = (lines - 1 - line) / each;
            let middle = lines - 1 - peer * each - each / 2;
            if *line == middle { self.peers[peer as usize].0.clone() } else { String::new() }
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(lines as usize)
            .y_label_formatter(&name)
            .draw()
            .map_err(|error| anyhow!("{error}"))?;
        for (job, label) in self.jobs.iter().enumerate() {
            let bars = self.peers.iter().enumerate().map(|(peer, (_, numbers))| {
                let top = lines - peer as i32 * each - job as i32;
                Rectangle::new([(0.0, top - 1), (numbers[job], top)], colour(job).filled())
            });
            chart.draw_series(bars).map_err(|error| anyhow!("{error}"))?.label(label).legend(
                move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour(job).filled()),
            );
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE)
            .border_style(BLACK)
            .draw()
            .map_err(|error| anyhow!("{error}"))?;
        Ok(())
    }

    /// Draw, and return the title.
    pub(super) fn fill(&self, table: &mut Table) -> &str {
        table.set_header([String::new()].iter().chain(&self.jobs));
        for (name, numbers) in &self.peers {
            let numbers = numbers.iter().map(|number| format!("{number:.2}"));
            table.add_row([name.clone()].into_iter().chain(numbers));
        }
        &self.title
    }
}
