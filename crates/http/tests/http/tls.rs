//! The interface over TLS, with a certificate that is replaced while clients connect.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use mainspring::Store;
use mainspring::wire::Json;
use mainspring_http::server;
use mainspring_testing::certificates::{Authority, Pair};
use reqwest::{Client, Version};
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose certificate can be replaced.
struct TlsServer {
    authority: Authority,
    folder: PathBuf,
    port: u16,
    shutdown: CancellationToken,
}

impl TlsServer {
    async fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("http-tls-{name}"));
        fs::create_dir_all(&folder).unwrap();
        let authority = Authority::new();
        write(&folder, &authority.sign());
        let tls = server::Tls::from_files(folder.join("pem"), folder.join("key")).unwrap();
        let mut options = server::ServerOptions::default();
        options.tls = Some(tls.check_every(Duration::from_millis(10)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shutdown = CancellationToken::new();
        let store = Store::<Json>::builder().spawn();
        tokio::spawn(server::serve(listener, store, options, shutdown.clone()));
        Self { authority, folder, port, shutdown }
    }

    fn client(&self, protocol: &str) -> Client {
        let tls = self.authority.client(&[protocol]);
        // Each request has a connection of its own.
        let client = Client::builder().tls_backend_preconfigured(tls).pool_max_idle_per_host(0);
        client.timeout(PATIENCE).build().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The certificate that a client receives.
    async fn certificate(&self) -> Vec<u8> {
        let connector = TlsConnector::from(Arc::new(self.authority.client(&[])));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    async fn wait_for_certificate(&self, pair: &Pair) {
        let replaced = async {
            while self.certificate().await != pair.der().to_vec() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, replaced).await.expect("the new certificate was not used in time");
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Writes one file after the other, as a script does.
fn write(folder: &Path, pair: &Pair) {
    fs::write(folder.join("pem"), &pair.certificate).unwrap();
    fs::write(folder.join("key"), &pair.key).unwrap();
}

#[tokio::test]
async fn tls_serves_http1_and_http2() {
    let server = TlsServer::start("versions").await;
    for (protocol, version) in [("http/1.1", Version::HTTP_11), ("h2", Version::HTTP_2)] {
        let client = server.client(protocol);
        let url = server.url("/api/v1/k");
        let put = client.put(&url).body(r#"{"value":"v"}"#).send().await.unwrap();
        assert_eq!((put.status().as_u16(), put.version()), (200, version));
        let hsts = put.headers().get("strict-transport-security").unwrap();
        assert_eq!(hsts, "max-age=31536000");
        let row = client.get(&url).send().await.unwrap().text().await.unwrap();
        assert!(row.contains(r#""value":"v""#), "{row}");
        let mut stream = client.get(server.url("/watch?from=snapshot")).send().await.unwrap();
        let first = stream.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: entry"), "{first:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificate_is_replaced_without_failed_requests() {
    let server = TlsServer::start("load").await;
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let clients: Vec<_> = (0..8)
        .map(|n| {
            let client = server.client(if n % 2 == 0 { "http/1.1" } else { "h2" });
            let (url, done, stop) = (server.url("/stats"), done.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let response = client.get(&url).send().await.expect("a request failed");
                    assert_eq!(response.status(), 200);
                    done.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let begun = done.load(Relaxed);
        let pair = server.authority.sign();
        write(&server.folder, &pair);
        server.wait_for_certificate(&pair).await;
        while done.load(Relaxed) < begun + 20 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    stop.cancel();
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn invalid_certificate_is_not_used() {
    let server = TlsServer::start("bad").await;
    let before = server.certificate().await;
    let (one, other) = (server.authority.sign(), server.authority.sign());
    for (pem, key) in [(&*one.certificate, &*other.key), ("", &*one.key), ("nonsense", "")] {
        fs::write(server.folder.join("pem"), pem).unwrap();
        fs::write(server.folder.join("key"), key).unwrap();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(server.certificate().await, before);
    }
    fs::remove_file(server.folder.join("pem")).unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.certificate().await, before);
    write(&server.folder, &one);
    server.wait_for_certificate(&one).await;
}
