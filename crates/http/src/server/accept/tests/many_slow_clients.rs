//! Two thousand clients that send one byte per second, and one healthy client.

use super::*;

const SLOW: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_do_not_slow_a_healthy_one() {
    let needed = 2 * SLOW as u64 + 200;
    let files = rlimit::increase_nofile_limit(needed).unwrap();
    assert!(
        files >= needed,
        "this test needs {needed} open files, but the limit is {files} (ulimit -n)"
    );

    let server = TestServer::start(|limits| limits.header_timeout = ms(3_000)).await;
    let mut slow = Vec::new();
    for number in 0..SLOW {
        slow.push(server.connect_from(2).await);
        // Spread over the second.
        if number % 100 == 0 {
            sleep(ms(20)).await;
        }
    }
    server.wait_for(|counts| &counts.accepted, SLOW).await;
    let drips = slow.into_iter().map(|mut client| {
        tokio::spawn(async move {
            let mut request = b"GET / HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'a'));
            while client.0.write_u8(*request.next().unwrap()).await.is_ok() {
                sleep(ms(1_000)).await;
            }
        })
    });
    let drips: Vec<_> = drips.collect();

    let mut healthy = server.connect().await;
    let mut took = Vec::new();
    while server.counts.closed_slow.load(Relaxed) < SLOW {
        let begun = Instant::now();
        assert_eq!(healthy.get("/").await.body, "ok");
        took.push(begun.elapsed());
        assert!(took.len() < 10_000, "{} closed", server.counts.closed_slow.load(Relaxed));
        sleep(ms(2)).await;
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    assert!(p99 < ms(100), "p99 {p99:?} of {}", took.len());
    println!("{} responses, p50 {:?}, p99 {p99:?}", took.len(), took[took.len() / 2]);
    server.wait_for(|counts| &counts.open, 1).await;
    for drip in drips {
        timeout(PATIENCE, drip).await.unwrap().unwrap();
    }
}
