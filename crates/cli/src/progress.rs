//! A progress bar for long operations on a terminal.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mainspring::journal::file::Progress;

/// Shorter operations show no bar.
const MIN_DURATION: Duration = Duration::from_secs(1);

/// Draws a bar on the standard error, if that is a terminal and the operation takes longer than a second.
pub struct Bar {
    title: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
    is_visible: bool,
}

impl Bar {
    pub fn new(title: &'static str) -> Self {
        Self { title, started: Instant::now(), bar: None, is_visible: stderr().is_terminal() }
    }

    /// Show the progress of a journal operation.
    pub fn show(&mut self, progress: Progress) {
        self.show_part(progress.done, progress.total);
    }

    /// Show `done` of `total`.
    pub fn show_part(&mut self, done: u64, total: u64) {
        if !self.is_visible || self.started.elapsed() < MIN_DURATION {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
            let bar = ProgressBar::new(total).with_message(self.title);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_length(total);
        bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
