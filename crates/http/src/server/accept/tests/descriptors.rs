//! A server that runs out of file descriptors, in a process of its own.

use std::process::Command;

use super::*;

const CHILD: &str = "MAINSPRING_TEST_FEW_FILES";

#[test]
fn server_without_descriptors_recovers() {
    let name = "server::accept::tests::descriptors::few_files";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}

/// Does nothing unless started by the test above, because the limit applies to the whole process.
#[tokio::test]
async fn few_files() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let server = TestServer::start(|_| {}).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "ok");
    // The sockets of the other clients are opened before the limit is set.
    let waiting: Vec<_> = (0..5).map(|_| TcpSocket::new_v4().unwrap()).collect();
    let (_, hard) = rlimit::Resource::NOFILE.get().unwrap();
    rlimit::Resource::NOFILE.set(3, hard).unwrap();

    let mut waiting: Vec<_> = futures_util::future::join_all(
        waiting.into_iter().map(|socket| async { socket.connect(server.address).await.unwrap() }),
    )
    .await;
    sleep(ms(450)).await;
    let failed = server.counts.accept_failed.load(Relaxed);
    assert!((2..=6).contains(&failed), "{failed}: it gave up, or retried without a pause");
    assert_eq!(client.get("/").await.body, "ok", "an open connection is served");

    rlimit::Resource::NOFILE.set(hard.min(1_024), hard).unwrap();
    for stream in waiting.drain(..) {
        assert_eq!(Client(stream).get("/").await.body, "ok");
    }
}
