#![allow(clippy::all, unused)]
use mainspring::journal::*;
use mainspring::*;
use std::sync::atomic::*;
use std::sync::*;
use std::time::{Duration, Instant};
fn ms(n: u64) -> Duration { Duration::from_millis(n) }
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_foreign_starved() {
    let j = MemoryJournal::new();
    let a = Store::<u64>::builder().journal(j.clone()).spawn();
    let b = Store::<u64>::builder().journal(j.clone()).spawn();
    a.ready().await.unwrap(); b.ready().await.unwrap();
    b.set("big", (0..20_000).collect::<Vec<_>>()).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (b2, stop2) = (b.clone(), stop.clone());
    let t = std::thread::spawn(move || while !stop2.load(Ordering::Relaxed) { if b2.get("big").try_send().is_err() { std::thread::yield_now(); } });
    tokio::time::sleep(ms(100)).await;
    a.set("k", 1).await.unwrap();
    let t0 = Instant::now();
    while t0.elapsed() < ms(3000) && !b.view().contains("k") { tokio::time::sleep(ms(1)).await; }
    println!("busy b has seen a's write: {} after {:?}", b.view().contains("k"), t0.elapsed());
    println!("an awaited get on b, sent {:?} after a's acknowledged write: {:?}", t0.elapsed(), b.get("k").await.map(|e| e.is_some()));
    stop.store(true, Ordering::Relaxed); t.join().unwrap();
}
struct Full(MemoryJournal<u64>, Arc<AtomicBool>, Arc<AtomicUsize>);
impl Journal<u64> for Full {
    async fn open(&mut self, r: Recover<'_, u64>) -> Result<StoreId, JournalError> { self.0.open(r).await }
    async fn append(&mut self, after: u64, c: Arc<[Change<u64>]>) -> Result<(), AppendError> {
        if self.1.load(Ordering::SeqCst) { self.2.fetch_add(1, Ordering::SeqCst); return Err(AppendError::Full) }
        self.0.append(after, c).await
    }
    async fn read(&mut self, a: u64) -> Result<Vec<Change<u64>>, JournalError> { self.0.read(a).await }
    async fn compact(&mut self, s: Subscription<u64>) -> Result<(), JournalError> { self.0.compact(s).await }
    async fn close(&mut self) -> Result<(), JournalError> { self.0.close().await }
}
#[tokio::test]
async fn c2_full_spin() {
    let (f, n) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let store = Store::<u64>::builder().journal(Full(MemoryJournal::new(), f.clone(), n.clone())).spawn();
    for c in (0..200_000).collect::<Vec<u64>>().chunks(1000) {
        for k in c { store.set(format!("p{k}"), 1).ttl(ms(1500)).try_send().map(drop).unwrap(); }
        store.get("x").await.unwrap();
    }
    f.store(true, Ordering::SeqCst);
    tokio::time::sleep(ms(2000)).await;
    n.store(0, Ordering::SeqCst);
    let t = Instant::now(); let mut worst = Duration::ZERO; let mut gets = 0;
    while t.elapsed() < ms(2000) { let g = Instant::now(); store.get("x").await.unwrap(); worst = worst.max(g.elapsed()); gets += 1; tokio::time::sleep(ms(1)).await; }
    println!("idle store, full journal, 200k overdue: {} appends tried in 2 s, entries {}, slowest get {worst:?}", n.load(Ordering::SeqCst), store.stats().entries);
    println!("live: keys {:?}, clear {:?}", store.keys("").await.map(|p| p.items.len()), store.clear().await);
    f.store(false, Ordering::SeqCst);
    println!("after room was made: clear {:?}", store.clear().await);
}
