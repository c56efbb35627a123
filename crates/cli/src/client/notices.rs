//! Messages on the standard error about lost and restored connections, from the log events of the client.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::printer::ago;
use crate::output::print_status;

/// The log target of the client.
const TARGET: &str = "mainspring_http::client";

/// Start printing messages.
pub fn start() {
    // Fails only if a test has set a subscriber.
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
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let EventFields { message, server, why, after } = fields;
        match message.as_str() {
            "a subscription has lost its connection" => {
                *self.lost() = Some(Instant::now());
                print_status(format_args!(
                    "lost the connection to {server} after revision {after} ({why}); reconnecting"
                ));
            }
            "a subscription has resumed" => {
                // The stream ended because its token expired.
                let Some(lost) = self.lost().take() else { return };
                let now = super::printer::now();
                let outage = match ago(now, now + lost.elapsed()) {
                    text if text == "now" => String::new(),
                    text => format!(", lost {text}"),
                };
                print_status(format_args!(
                    "reconnected to {server} after revision {after}{outage}"
                ));
            }
            // Logged by every attempt.
            "a subscription cannot resume yet" => {}
            message if *event.metadata().level() <= Level::WARN => {
                print_status(format_args!(
                    "warning: {server}: {message}{}{why}",
                    if why.is_empty() { "" } else { ": " }
                ));
            }
            _ => {}
        }
    }
}

/// The fields of a log event that are used here.
#[derive(Default)]
struct EventFields {
    message: String,
    server: String,
    why: String,
    after: String,
}

impl Visit for EventFields {
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
