#![allow(clippy::all, unused)]
use mainspring::journal::*;
use mainspring::*;
use std::collections::*;
use std::sync::atomic::*;
use std::sync::*;
use std::time::{Duration, Instant};
fn ms(n: u64) -> Duration { Duration::from_millis(n) }

struct NoTail<T>(MemoryJournal<T>);
impl<T: Clone + Send + Sync + 'static> Journal<T> for NoTail<T> {
    async fn open(&mut self, r: Recover<'_, T>) -> Result<StoreId, JournalError> { self.0.open(r).await }
    async fn append(&mut self, after: u64, c: Arc<[Change<T>]>) -> Result<(), AppendError> { self.0.append(after, c).await }
    async fn read(&mut self, a: u64) -> Result<Vec<Change<T>>, JournalError> { self.0.read(a).await }
    async fn compact(&mut self, s: Subscription<T>) -> Result<(), JournalError> { self.0.compact(s).await }
    async fn close(&mut self) -> Result<(), JournalError> { self.0.close().await }
}
#[tokio::test(start_paused = true)]
async fn b1_foreign_compaction() {
    let j = MemoryJournal::new();
    let a = Store::<u64>::builder().journal(NoTail(j.clone())).spawn();
    let b = Store::<u64>::builder().journal(j.clone()).spawn();
    a.ready().await.unwrap(); b.ready().await.unwrap();
    for n in 0..10 { b.set("k", n).await.unwrap(); }
    b.compact().await.unwrap();
    for _ in 0..200 { tokio::task::yield_now().await; }
    println!("changes left {}", j.changes().len());
    println!("a: {:?}", a.set("j", 1).await);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    println!("a after an hour: {:?}, reads {:?}", a.set("j", 1).await, a.get("k").await.map(|e| e.map(|e| e.revision)));
}

#[tokio::test]
async fn b2_foreign_starved() {
    let j = MemoryJournal::new();
    let a = Store::<u64>::builder().journal(j.clone()).spawn();
    let b = Store::<u64>::builder().journal(j.clone()).spawn();
    a.ready().await.unwrap(); b.ready().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::new(AtomicBool::new(false));
    let mut ts = vec![];
    for _ in 0..200 {
        let (b, stop, seen) = (b.clone(), stop.clone(), seen.clone());
        ts.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // two in flight, so that the queue is never empty
                let (x, y) = (b.get("k").try_send(), b.get("k").try_send());
                if let Ok(x) = x { if x.await.unwrap().is_some() { seen.store(true, Ordering::Relaxed); } }
                tokio::task::yield_now().await;
                if let Ok(y) = y { y.await.unwrap(); }
            }
        }));
    }
    let t = Instant::now();
    while t.elapsed() < ms(50) { tokio::task::yield_now().await; }
    a.set("k", 1).await.unwrap();
    let t = Instant::now();
    while t.elapsed() < ms(2000) && !seen.load(Ordering::Relaxed) { tokio::task::yield_now().await; }
    println!("seen by the busy owner: {} after {:?}, commands {}", seen.load(Ordering::Relaxed), t.elapsed(), b.stats().commands);
    stop.store(true, Ordering::Relaxed);
    for t in ts { t.await.unwrap(); }
}

static SLOW_DROP: AtomicBool = AtomicBool::new(false);
#[derive(PartialEq)]
enum K { Plain, Boom, Slow }
struct Bomb(K);
impl Clone for Bomb { fn clone(&self) -> Self { match self.0 { K::Boom => panic!("clone"), K::Slow => std::thread::sleep(ms(if SLOW_DROP.load(Ordering::SeqCst) {300} else {0})), _ => {} } Bomb(K::Plain) } }
impl Drop for Bomb { fn drop(&mut self) { if SLOW_DROP.load(Ordering::SeqCst) { std::thread::sleep(ms(20)) } } }
impl std::fmt::Debug for Bomb { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b3_blocking_closed() {
    let store = Store::<Bomb>::builder().spawn();
    store.set("x", Bomb(K::Plain)).await.unwrap();
    SLOW_DROP.store(true, Ordering::SeqCst);
    let _slow = store.set("s", Bomb(K::Slow)).try_send().unwrap(); // the owner is busy for 300 ms
    tokio::time::sleep(ms(50)).await;
    let h = store.clone();
    let t = std::thread::spawn(move || { let r = h.set("k", Bomb(K::Boom)).blocking_send(); println!("blocking: {r:?}"); });
    tokio::time::sleep(ms(50)).await;
    let rs: Vec<_> = (0..20).map(|_| store.set("y", Bomb(K::Plain)).try_send()).collect();
    println!("closed: {:?}", store.closed().await);
    t.join().unwrap();
    SLOW_DROP.store(false, Ordering::SeqCst);
}

#[tokio::test]
async fn b4_many_in_ring() {
    let store = Store::<u64>::builder().spawn();
    let _sub = store.subscribe().await.unwrap();
    store.set_many((0..200_000u64).map(|n| (format!("k{n}"), n))).await.unwrap();
    println!("history_changes {} (limit 4096), bytes {}", store.stats().history_changes, store.stats().history_bytes);
    let store = Store::<u64>::builder().spawn();
    let store2 = store.clone();
    store.set("e", 1).ttl(ms(5)).await.unwrap();
    let mut sub = store.subscribe().key("e").await.unwrap();
    let t = Instant::now();
    let big = store.set_many((0..500_000u64).map(|n| (format!("k{n}"), n))).try_send().unwrap();
    let r = store.get("e").await;
    println!("a get behind a set_many of 500k waited {:?}", t.elapsed());
    big.await.unwrap();
}

fn rng(s: &mut u64) -> u64 { *s ^= *s << 13; *s ^= *s >> 7; *s ^= *s << 17; *s }

async fn stress<J: Journal<u64>>(builder: Builder<u64, J>, seed: u64, clears: bool, secs: u64) {
    let store = builder.history_changes(50_000_000).history_bytes(u64::MAX).spawn();
    store.ready().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut ws = vec![];
    for w in 0..4u64 {
        let (store, stop) = (store.clone(), stop.clone());
        ws.push(tokio::spawn(async move {
            let mut s = seed * 1000 + w + 1;
            while !stop.load(Ordering::Relaxed) {
                let k = format!("{}/{}", rng(&mut s) % 3, rng(&mut s) % 3000);
                match rng(&mut s) % 14 {
                    0..=3 => { let _ = store.set(k, 1).await; }
                    4 => { let _ = store.set(k, 1).ttl(ms(rng(&mut s) % 20 + 1)).await; }
                    5 => { let _ = store.update(k, 2).await; }
                    6 | 7 => { let _ = store.remove(k).await; }
                    8 => { let _ = store.push(k, 3).await; }
                    9 => { let _ = store.set(k, vec![1, 2]).await; }
                    10 => { let _ = store.pop(k).await; }
                    11 => { let _ = store.batch([Write::set(&*k, 5), Write::set("0/7", 6), Write::remove(&*k)]).await; }
                    12 => { let _ = store.set_many((0..5).map(|n| (format!("1/{n}"), n))).await; }
                    _ => { if clears && rng(&mut s) % 2000 == 0 { let _ = store.clear().await; } }
                }
            }
        }));
    }
    let mut rs = vec![];
    for r in 0..12u64 {
        let (store, stop) = (store.clone(), stop.clone());
        rs.push(async move {
            let sub = match r % 3 { 0 => store.subscribe(), 1 => store.subscribe().prefix("1/"), _ => store.subscribe().key("0/7") };
            let mut sub = if true { sub.from_snapshot().await.unwrap() } else { unreachable!() };
            drop(store);
            tokio::spawn(async move {
                let mut copy: HashMap<Key, Entry<u64>> = HashMap::new();
                let mut ended = false; let mut last = 0; let mut s = seed + r;
                let mut apply = |copy: &mut HashMap<Key, Entry<u64>>, c: &Change<u64>| {
                    if matches!(c.kind, ChangeKind::Cleared { .. }) { copy.clear(); return }
                    let b = copy.remove(&c.key);
                    if let Some(e) = Entry::replay(c, b) { copy.insert(c.key.clone(), e); }
                };
                loop {
                    if rng(&mut s) % 50 == 0 { tokio::time::sleep(ms(rng(&mut s) % 3)).await; }
                    match sub.recv().await {
                        Ok(Event::Entry { key, entry }) => { copy.insert(key, entry); }
                        Ok(Event::SnapshotEnd { revision }) => { ended = true; last = revision; }
                        Ok(Event::Change(c)) => { if ended { assert!(c.revision > last, "{} {last}", c.revision); if r % 3 == 0 { assert_eq!(c.revision, last + 1); } last = c.revision; } apply(&mut copy, &c); }
                        Ok(Event::Batch { changes, revision }) => { for c in &changes { assert!(c.revision > last); if r % 3 == 0 { assert_eq!(c.revision, last + 1); } last = c.revision; apply(&mut copy, c); } }
                        Ok(_) => {}
                        Err(e) => { assert_eq!(e, Error::Closed); break }
                    }
                }
                assert!(ended);
                (r, copy)
            })
        });
    }
    let mut hs = vec![];
    for r in rs { hs.push(r.await); tokio::time::sleep(ms(20)).await; }
    tokio::time::sleep(Duration::from_secs(secs)).await;
    stop.store(true, Ordering::Relaxed);
    for w in ws { w.await.unwrap(); }
    tokio::time::sleep(ms(100)).await;
    let mut truth = HashMap::new(); let mut after: Option<Key> = None;
    loop {
        let p = store.scan("").limit(10_000);
        let p = match after { Some(a) => p.after(a), None => p }.await.unwrap();
        for (k, e) in p.items { truth.insert(k, e); }
        match p.next { Some(n) => after = Some(n), None => break }
    }
    assert_eq!(truth.len(), store.stats().entries);
    let weight: u64 = truth.iter().map(|(k, e)| k.len() as u64 + 8 * e.value.elements().len() as u64).sum();
    println!("entries {} bytes {} weight {} revision {} lagged {}", truth.len(), store.stats().bytes, weight, store.revision(), store.stats().lagged);
    assert_eq!(weight, store.stats().bytes);
    store.shutdown().await.unwrap();
    for h in hs {
        let (r, copy) = h.await.unwrap();
        let want: HashMap<_, _> = truth.iter().filter(|(k, _)| match r % 3 { 0 => true, 1 => k.starts_with("1/"), _ => **k == *"0/7" }).map(|(k, e)| (k.clone(), e.clone())).collect();
        if copy != want {
            let missing: Vec<_> = want.keys().filter(|k| !copy.contains_key(*k)).collect();
            let extra: Vec<_> = copy.iter().filter(|(k, _)| !want.contains_key(*k)).take(5).collect();
            let differ: Vec<_> = copy.iter().filter(|(k, e)| want.get(*k).is_some_and(|w| w != *e)).take(5).collect();
            panic!("reader {r}: missing {missing:?} extra {extra:?} differ {differ:?}");
        }
    }
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b5_stress() { for s in 1..4 { stress(Store::builder().weigher(|_| 8), s, s % 2 == 0, 2).await; } }
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b6_stress_journal() { for s in 1..4 { stress(Store::builder().weigher(|_| 8).journal(MemoryJournal::new()), s, s % 2 == 0, 2).await; } }
