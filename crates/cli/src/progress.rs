//! A progress bar, where somebody sees it and there is time to look at it.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mainspring::journal::file::Progress;

/// What takes less time has no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Draws a bar to the standard error, if that is a terminal and it takes longer than a second.
pub struct Bar {
    title: &'static str,
    began: Instant,
    bar: Option<ProgressBar>,
    is_seen: bool,
}

impl Bar {
    pub fn new(title: &'static str) -> Self {
        Self { title, began: Instant::now(), bar: None, is_seen: stderr().is_terminal() }
    }

    /// It has come so far.
    pub fn show(&mut self, progress: Progress) {
        self.show_part(progress.done, progress.total);
    }

    /// It has done so much of so much.
    pub fn show_part(&mut self, done: u64, total: u64) {
        if !self.is_seen || self.began.elapsed() < PATIENCE {
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
