//! What happens meanwhile, on the standard error: that the server was lost, and that it is back.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::screen::ago;
use crate::output::tell;

/// Where the client says so.
const TARGET: &str = "mainspring_http::client";

/// Tell of it from here on.
pub fn start() {
    // Somebody has started a log already only in a test.
    let _ = tracing_subscriber::registry().with(Notices::default()).try_init();
}

#[derive(Default)]
struct Notices {
    lost: Mutex<Option<Instant>>,
}

impl Notices {
    fn lost(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Notices {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with(TARGET) && *metadata.level() <= Level::DEBUG
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let Said { message, server, why, after } = said;
        match message.as_str() {
            "a subscription has lost its connection" => {
                *self.lost() = Some(Instant::now());
                tell(format_args!(
                    "lost the server at {server} after revision {after} ({why}); trying again"
                ));
            }
            "a subscription has resumed" => {
                // Only its token had ended.
                let Some(lost) = self.lost().take() else { return };
                let now = super::screen::now();
                let gone = match ago(now, now + lost.elapsed()) {
                    gone if gone == "now" => String::new(),
                    gone => format!(", lost {gone}"),
                };
                tell(format_args!(
                    "found the server at {server} again, after revision {after}{gone}"
                ));
            }
            // Each attempt would say it.
            "a subscription cannot resume yet" => {}
            message if *event.metadata().level() <= Level::WARN => {
                tell(format_args!(
                    "warning: {server}: {message}{}{why}",
                    if why.is_empty() { "" } else { ": " }
                ));
            }
            _ => {}
        }
    }
}

/// The fields of an event that matter here.
#[derive(Default)]
struct Said {
    message: String,
    server: String,
    why: String,
    after: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let part = match field.name() {
            "message" => &mut self.message,
            "server" => &mut self.server,
            "why" => &mut self.why,
            "after" => &mut self.after,
            _ => return,
        };
        *part = format!("{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
