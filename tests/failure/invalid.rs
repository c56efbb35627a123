//! Changes that the journal cannot hold: only their writes are rejected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mainspring::journal::{AppendError, Journal, MemoryJournal};
use mainspring::{Change, Error, Store, Write};
use mainspring_testing::journals::{InterceptedJournal, Interceptor};
use tokio::join;

use crate::journals::{everything, over};

/// Rejects the element "bad", and counts the appends.
struct RejectBad {
    appends: Arc<AtomicUsize>,
}

impl<J: Journal<String>> Interceptor<String, J> for RejectBad {
    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        if changes.iter().flat_map(Change::elements).any(|element| element == "bad") {
            return Err(AppendError::Invalid("it is bad".into()));
        }
        journal.append(after, changes).await
    }
}

fn rejecting() -> (Store<String>, MemoryJournal<String>, Arc<AtomicUsize>) {
    let (journal, appends) = (MemoryJournal::new(), Arc::default());
    let reject = RejectBad { appends: Arc::clone(&appends) };
    let store = Store::builder().journal(InterceptedJournal::new(journal.clone(), reject)).spawn();
    (store, journal, appends)
}

fn refused() -> Error {
    Error::Refused("it is bad".into())
}

#[tokio::test(start_paused = true)]
async fn only_the_invalid_write_is_rejected() {
    let (store, journal, _) = rejecting();
    let many = [("a", "1"), ("b", "bad"), ("c", "3"), ("d", "4"), ("e", "bad")];
    let (first, bad, read, batch, many, one, clear, last) = join!(
        store.set("k", "v"),
        store.update("k", "bad"),
        store.get("k"),
        store.batch([Write::set("x", "v"), Write::set("y", "bad")]),
        store.set_many(many),
        store.push_many("l", ["bad"]),
        store.clear(),
        store.update("k", "w").if_present(),
    );
    assert_eq!((first, bad), (Ok(1), Err(refused())));
    assert_eq!(read.unwrap().unwrap().revision, 1, "in the order of the commands");
    assert_eq!(batch.unwrap_err().error, refused());
    assert_eq!(many.unwrap(), [Ok(2), Err(refused()), Ok(3), Ok(4), Err(refused())]);
    assert_eq!(one.unwrap(), [Err(refused())]);
    assert_eq!((clear, last), (Ok(4), Err(Error::NotFound)), "decided after the earlier commands");
    assert_eq!(store.set("k", "x").await, Ok(6));
    assert_eq!((store.health(), journal.head()), (Ok(()), 6));
    assert_eq!(everything(&over(&journal)).await, everything(&store).await);
}

#[tokio::test(start_paused = true)]
async fn invalid_write_in_a_full_turn_is_found_with_few_appends() {
    for bad in [0, 77, 255] {
        let (store, journal, appends) = rejecting();
        store.ready().await.unwrap();
        let mut sent = Vec::new();
        for n in 0..256 {
            let value = if n == bad { "bad" } else { "v" };
            sent.push(store.set(format!("k{n}"), value).try_send().unwrap());
        }
        for (n, answer) in sent.into_iter().enumerate() {
            assert_eq!(answer.await.err(), (n == bad).then(refused));
        }
        assert_eq!(journal.head(), 255);
        let appends = appends.load(Ordering::SeqCst);
        assert!(appends <= 17, "{appends} appends");
    }
}

/// More than 256 writes, so that they are split into several turns.
#[tokio::test(start_paused = true)]
async fn invalid_write_in_a_large_command_is_found() {
    let (store, ..) = rejecting();
    let values = (0..1_000).map(|n| (format!("k{n}"), if n == 600 { "bad" } else { "v" }));
    let answers = store.set_many(values).await.unwrap();
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.err(), (n == 600).then(refused));
    }
}
