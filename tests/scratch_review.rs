#![allow(clippy::all, unused)]
use mainspring::journal::*;
use mainspring::*;
use std::sync::atomic::*;
use std::sync::*;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

fn ms(n: u64) -> Duration { Duration::from_millis(n) }

// 1 wheel retain thrash
#[tokio::test]
async fn a1_retain_thrash() {
    for peak in [0usize, 20_000, 200_000] {
        let store = Store::<u64>::builder().spawn();
        for c in (0..peak).collect::<Vec<_>>().chunks(1000) {
            for k in c { store.set(format!("p{k}"), 1).ttl(Duration::from_secs(86_400)).try_send().map(drop).ok(); }
            store.get("x").await.unwrap();
        }
        for c in (0..peak).collect::<Vec<_>>().chunks(1000) {
            for k in c { store.remove(format!("p{k}")).try_send().map(drop).ok(); }
            store.get("x").await.unwrap();
        }
        let t = Instant::now();
        for k in 0..200 { store.set(format!("n{k}"), 1).ttl(Duration::from_secs(60)).await.unwrap(); }
        println!("peak {peak}: {} entries, 200 sets with ttl: {:?}", store.stats().entries, t.elapsed());
    }
}

// 2 runtime of owner dropped
#[test]
fn a2_runtime_dropped() {
    let a = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let b = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let store = a.block_on(async { Store::<u64>::builder().spawn() });
    let mut sub = b.block_on(async { store.subscribe().key("k").await.unwrap() });
    let mut latest = b.block_on(async { store.latest("k").await.unwrap() });
    drop(a);
    b.block_on(async {
        let r = tokio::time::timeout(ms(500), store.set("k", 1)).await;
        println!("set: {r:?}");
        let r = tokio::time::timeout(ms(500), store.closed()).await;
        println!("closed: {r:?}");
        let r = tokio::time::timeout(ms(500), store.shutdown()).await;
        println!("shutdown: {r:?}");
        let r = tokio::time::timeout(ms(500), sub.recv()).await;
        println!("key sub: {r:?}");
        let r = tokio::time::timeout(ms(500), latest.changed()).await;
        println!("latest: {r:?}");
    });
}

// 3 blocking subscribe outside of a runtime
#[tokio::test]
async fn a3_blocking_subscribe() {
    let store = Store::<u64>::builder().spawn();
    let h = store.clone();
    let r = tokio::task::spawn_blocking(|| ()).await;
    let t = std::thread::spawn(move || { h.subscribe().blocking_send().map(drop) });
    while !t.is_finished() { tokio::time::sleep(ms(5)).await; }
    println!("blocking subscribe: {:?}", t.join().map_err(|e| e.downcast_ref::<String>().cloned().or(e.downcast_ref::<&str>().map(|s| s.to_string()))));
}

// 4 gate: synchronous panic in admit
struct SyncPanic;
impl Gate<u64> for SyncPanic {
    fn admit(&mut self, w: &Write<u64>) -> impl Future<Output = Result<(), Refusal>> + Send {
        let Action::Set(Value::Item(v)) = w.action() else { panic!("only set") };
        let v = *v;
        async move { let _ = v; Ok(()) }
    }
}
#[tokio::test]
async fn a4_gate_sync_panic() {
    let store = Store::<u64>::builder().gate("g/", SyncPanic).spawn();
    println!("push: {:?}", tokio::time::timeout(ms(500), store.push("g/x", 1)).await);
    println!("set: {:?}", tokio::time::timeout(ms(500), store.set("g/x", 1)).await);
}

// 5 gate: writes past their time are still asked
struct Slow(Arc<Mutex<Vec<u64>>>);
impl Gate<u64> for Slow {
    async fn admit(&mut self, w: &Write<u64>) -> Result<(), Refusal> {
        if let Action::Set(Value::Item(v)) = w.action() { self.0.lock().unwrap().push(*v); }
        std::future::pending().await
    }
}
#[tokio::test(start_paused = true)]
async fn a5_gate_late() {
    let seen = Arc::new(Mutex::new(vec![]));
    let store = Store::<u64>::builder().gate("g/", Slow(seen.clone())).spawn();
    let replies: Vec<_> = (0..10).map(|n| store.set("g/x", n).try_send().unwrap()).collect();
    for r in replies { let _ = r.await; }
    println!("device acted on {:?}", seen.lock().unwrap());
}

// 6 clear/limits and the tick of the wheel
#[tokio::test(start_paused = true)]
async fn a6_clear_counts_overdue() {
    let store = Store::<u64>::builder().max_entries(1).spawn();
    store.set("k", 1).ttl(ms(10)).await.unwrap();
    tokio::time::advance(ms(10)).await;
    println!("get {:?}", store.get("k").await);
    println!("set other {:?}", store.set("j", 1).await);
    println!("clear {:?}, revision {}", store.clear().await, store.revision());
}

// 7 accepted after cancel; try_send while closing
struct Hang;
impl Gate<u64> for Hang {
    async fn admit(&mut self, w: &Write<u64>) -> Result<(), Refusal> { std::future::pending().await }
}
#[tokio::test(start_paused = true)]
async fn a7_after_cancel() {
    let store = Store::<u64>::builder().spawn();
    store.get("k").await.unwrap();
    store.cancel();
    println!("is_closed {}; set after cancel: {:?}", store.is_closed(), store.set("k", 1).await);
    let store = Store::<u64>::builder().gate("g/", Hang).spawn();
    let _r = store.set("g/x", 1).try_send().unwrap();
    tokio::time::sleep(ms(1)).await;
    store.cancel();
    tokio::time::sleep(ms(1)).await;
    match store.set("k", 7).try_send() {
        Ok(reply) => println!("try_send on a closing store: value gone, {:?}", reply.await),
        Err(e) => println!("given back: {e}"),
    }
}

// journals
struct Wrap<T> { inner: MemoryJournal<T>, delay: Arc<AtomicU64>, gate: Arc<tokio::sync::Semaphore> }
impl<T: Clone + Send + Sync + 'static> Journal<T> for Wrap<T> {
    async fn open(&mut self, r: Recover<'_, T>) -> Result<StoreId, JournalError> { self.inner.open(r).await }
    async fn append(&mut self, after: u64, c: Arc<[Change<T>]>) -> Result<(), AppendError> {
        self.gate.acquire().await.unwrap().forget();
        tokio::time::sleep(ms(self.delay.load(Ordering::SeqCst))).await;
        self.inner.append(after, c).await
    }
    async fn read(&mut self, a: u64) -> Result<Vec<Change<T>>, JournalError> { self.inner.read(a).await }
    async fn tail(&mut self) { self.inner.tail().await }
    async fn compact(&mut self, s: Subscription<T>) -> Result<(), JournalError> { self.inner.compact(s).await }
    async fn close(&mut self) -> Result<(), JournalError> { self.inner.close().await }
}
fn wrap<T: Clone + Send + Sync + 'static>() -> (Wrap<T>, Arc<AtomicU64>, Arc<tokio::sync::Semaphore>) {
    let d = Arc::new(AtomicU64::new(0));
    let g = Arc::new(tokio::sync::Semaphore::new(1_000_000));
    (Wrap { inner: MemoryJournal::new(), delay: d.clone(), gate: g.clone() }, d, g)
}

// 8 shutdown deadline
#[tokio::test(start_paused = true)]
async fn a8_deadline() {
    let (j, d, _) = wrap::<u64>();
    let store = Store::<u64>::builder().journal(j).shutdown_deadline(ms(1000)).queue_capacity(8192).spawn();
    store.ready().await.unwrap();
    d.store(2000, Ordering::SeqCst);
    let rs: Vec<_> = (0..8192).map(|n| store.set(format!("k{n}"), n).try_send().unwrap()).collect();
    let t = tokio::time::Instant::now();
    store.cancel();
    store.shutdown().await.unwrap();
    println!("shutdown with a deadline of 1 s took {:?}", t.elapsed());
}

// 9 snapshot misses a key
#[tokio::test(start_paused = true)]
async fn a9_walk_overdue() {
    let (j, d, g) = wrap::<u64>();
    let store = Store::<u64>::builder().journal(j).spawn();
    store.set("k", 1).ttl(ms(50)).await.unwrap();
    let mut sub = store.subscribe().from_snapshot().await.unwrap();
    g.forget_permits(10_000_000);
    let persist = store.persist("k").try_send().unwrap();
    tokio::time::sleep(ms(10)).await;
    tokio::time::sleep(ms(50)).await;
    let mut copy = std::collections::HashMap::new();
    loop {
        match sub.recv().await.unwrap() {
            Event::Entry { key, entry } => { copy.insert(key, entry); }
            Event::SnapshotEnd { revision } => { println!("end {revision}, copy {copy:?}"); break }
            e => println!("{e:?}"),
        }
    }
    g.add_permits(1_000_000);
    println!("persist {:?}", persist.await);
    println!("get {:?}", store.get("k").await);
    println!("next {:?}", sub.recv().await);
}

// 10 time backwards after a conflict
#[tokio::test(start_paused = true)]
async fn a10_time_backwards() {
    let j = MemoryJournal::new();
    let a = Store::<u64>::builder().journal(j.clone()).spawn();
    a.ready().await.unwrap();
    std::thread::sleep(ms(80));
    let b = Store::<u64>::builder().journal(j.clone()).spawn();
    b.ready().await.unwrap();
    let ra = b.set("k", 1).try_send().unwrap();
    let rb = a.set("k", 2).try_send().unwrap();
    println!("{:?} {:?}", ra.await, rb.await);
    let ch = j.changes();
    println!("{:?}", ch.iter().map(|c| (c.revision, c.at)).collect::<Vec<_>>());
}

// 11 foreign changes starved
#[tokio::test]
async fn a11_foreign_starved() {
    let j = MemoryJournal::new();
    let a = Store::<u64>::builder().journal(j.clone()).spawn();
    let b = Store::<u64>::builder().journal(j.clone()).spawn();
    a.ready().await.unwrap(); b.ready().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(AtomicBool::new(false));
    let mut ts = vec![];
    for _ in 0..8 {
        let (b, stop, seen) = (b.clone(), stop.clone(), seen.clone());
        ts.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if b.get("k").await.unwrap().is_some() { seen.store(true, Ordering::Relaxed); }
            }
        }));
    }
    tokio::task::yield_now().await;
    a.set("k", 1).await.unwrap();
    let t = Instant::now();
    while t.elapsed() < ms(1000) && !seen.load(Ordering::Relaxed) { tokio::task::yield_now().await; }
    println!("seen by the busy owner: {} after {:?}, commands {}", seen.load(Ordering::Relaxed), t.elapsed(), b.stats().commands);
    stop.store(true, Ordering::Relaxed);
    for t in ts { t.await.unwrap(); }
}

// 12 stats after recovery
#[tokio::test]
async fn a12_stats_after_recovery() {
    let j = MemoryJournal::new();
    let s = Store::<u64>::builder().journal(j.clone()).spawn();
    s.set("k", 1).await.unwrap();
    s.shutdown().await.unwrap();
    let s = Store::<u64>::builder().journal(j).spawn();
    s.ready().await.unwrap();
    println!("entries {} {} bytes {}", s.stats().entries, s.view().entries(), s.stats().bytes);
}

// 13 blocking_send told Closed when owner panics
static BOOM: AtomicBool = AtomicBool::new(false);
struct Bomb(bool);
impl Clone for Bomb { fn clone(&self) -> Self { if self.0 { panic!("clone") } Bomb(false) } }
impl Drop for Bomb { fn drop(&mut self) { if BOOM.load(Ordering::SeqCst) { std::thread::sleep(ms(100)) } } }
impl std::fmt::Debug for Bomb { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a13_blocking_closed() {
    let (j, d, g) = wrap::<Bomb>();
    let store = Store::<Bomb>::builder().spawn();
    store.set("x", Bomb(false)).await.unwrap();
    BOOM.store(true, Ordering::SeqCst);
    // park the owner behind a look that takes a while: a slow clone is not at hand, so queue fast
    let h = store.clone();
    let t = std::thread::spawn(move || { let r = h.set("k", Bomb(true)).blocking_send(); println!("blocking: {r:?}"); });
    let rs: Vec<_> = (0..20).map(|_| store.set("y", Bomb(false)).try_send()).collect();
    t.join().unwrap();
    println!("closed: {:?}", store.closed().await);
}

// 14 open hangs, shutdown
struct Never;
impl Journal<u64> for Never {
    async fn open(&mut self, r: Recover<'_, u64>) -> Result<StoreId, JournalError> { std::future::pending().await }
    async fn append(&mut self, after: u64, c: Arc<[Change<u64>]>) -> Result<(), AppendError> { Ok(()) }
    async fn read(&mut self, a: u64) -> Result<Vec<Change<u64>>, JournalError> { Ok(vec![]) }
    async fn compact(&mut self, s: Subscription<u64>) -> Result<(), JournalError> { Ok(()) }
    async fn close(&mut self) -> Result<(), JournalError> { Ok(()) }
}
#[tokio::test(start_paused = true)]
async fn a14_open_hangs() {
    let store = Store::<u64>::builder().journal(Never).spawn();
    println!("{:?}", tokio::time::timeout(Duration::from_secs(60), store.shutdown()).await);
    println!("{:?}", tokio::time::timeout(Duration::from_secs(60), store.get("k")).await);
}

// 15 audience stays after the last watcher is gone
#[tokio::test]
async fn a15_audience() {
    let store = Store::<u64>::builder().spawn();
    let l = store.latest("nobody").await.unwrap();
    drop(l);
    let before = store.stats();
    let rs: Vec<_> = (0..160).map(|n| store.set("k", n).try_send().unwrap()).collect();
    for r in rs { r.await.unwrap(); }
    let after = store.stats();
    println!("160 commands in {} turns (1 each when nobody listens)", after.turns - before.turns);
}

// 16 conflict without anything to read
struct Liar(u64);
impl Journal<u64> for Liar {
    async fn open(&mut self, r: Recover<'_, u64>) -> Result<StoreId, JournalError> { Ok(StoreId::random()) }
    async fn append(&mut self, after: u64, c: Arc<[Change<u64>]>) -> Result<(), AppendError> { self.0 += 1; if self.0 > 3_000_000 { return Ok(()) } Err(AppendError::Conflict) }
    async fn read(&mut self, a: u64) -> Result<Vec<Change<u64>>, JournalError> { Ok(vec![]) }
    async fn compact(&mut self, s: Subscription<u64>) -> Result<(), JournalError> { Ok(()) }
    async fn close(&mut self) -> Result<(), JournalError> { Ok(()) }
}
#[tokio::test]
async fn a16_conflict_spin() {
    let store = Store::<u64>::builder().journal(Liar(0)).spawn();
    store.ready().await.unwrap();
    let t = Instant::now();
    let r = store.set("k", 1).try_send().unwrap();
    tokio::task::yield_now().await; tokio::task::yield_now().await;
    println!("the runtime was blocked for {:?}", t.elapsed());
    drop(r);
}
// 17 foreign compaction
#[tokio::test(start_paused = true)]
async fn a17_foreign_compaction() {
    let j = MemoryJournal::new();
    let a = Store::<u64>::builder().journal(j.clone()).spawn();
    let b = Store::<u64>::builder().journal(j.clone()).spawn();
    a.ready().await.unwrap(); b.ready().await.unwrap();
    j.fail_reads(0);
    // a is kept from reading for a moment
    j.fail_reads(2);
    for n in 0..10 { b.set("k", n).await.unwrap_or(0); }
    tokio::time::sleep(ms(5)).await;
    for n in 0..10 { let _ = b.set("k", n).await; }
    b.compact().await.unwrap();
    for _ in 0..100 { tokio::task::yield_now().await; }
    println!("log head {}, changes left {}", j.head(), j.changes().len());
    println!("a: {:?}", a.set("j", 1).await);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    println!("a after an hour: {:?}, reads {:?}", a.set("j", 1).await, a.get("k").await.map(|e| e.map(|e| e.revision)));
}
