//! The caller's span follows its command to the owner, through a gate too.

use std::sync::{Arc, Mutex};

use mainspring::{Gate, Refusal, Store, Write};
use tracing::field::{Field, Visit};
use tracing::{Event, Instrument, Subscriber, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The events of a test, each with the name of its span.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, String)>>>);

#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "command" || field.name() == "message" {
            self.0 = format!("{}{}{value:?}", self.0, if self.0.is_empty() { "" } else { " " });
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let span = context.event_span(event).map_or("none", |span| span.name());
        self.0.lock().expect("no thread panics with the lock").push((span.to_owned(), words.0));
    }
}

impl Heard {
    fn has(&self, span: &str, words: &str) -> bool {
        self.0
            .lock()
            .expect("no thread panics with the lock")
            .iter()
            .any(|(s, w)| s == span && w.contains(words))
    }
}

struct Open;

impl Gate<String> for Open {
    async fn admit(&mut self, _: &Write<String>) -> Result<(), Refusal> {
        tracing::info!("admitting");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn span_of_the_caller_follows_its_command() {
    let heard = Heard::default();
    let _default = tracing::subscriber::set_default(Registry::default().with(heard.clone()));

    let store = Store::<String>::builder().gate("gated/", Open).spawn();
    store.set("k", "v").into_future().instrument(info_span!("writer")).await.unwrap();
    store.get("k").into_future().instrument(info_span!("reader")).await.unwrap();
    let ttl = std::time::Duration::from_secs(1);
    store.set("gated/k", "v").ttl(ttl).into_future().instrument(info_span!("asker")).await.unwrap();
    store.contains("k").await.unwrap();
    tokio::time::sleep(2 * ttl).await;
    store.shutdown().await.unwrap();

    assert!(heard.has("writer", "\"set\""), "{:?}", heard.0);
    assert!(heard.has("reader", "\"get\""));
    assert!(heard.has("asker", "admitting"), "the gate runs in the span of the caller");
    assert!(heard.has("asker", "\"set\""), "and so does the owner, behind the gate");
    assert!(heard.has("none", "\"look\""), "a caller without a span has no span in the owner");
    assert!(heard.has("none", "expired"), "expiry is an event of the owner's own");
    assert!(heard.has("none", "shutting down"));
    assert!(heard.has("none", "the store has ended"));
}
