//! The same interface, encrypted: a certificate that is replaced while clients connect.

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
struct Secret {
    authority: Authority,
    folder: PathBuf,
    port: u16,
    shutdown: CancellationToken,
}

impl Secret {
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

    /// What a client is shown.
    async fn shown(&self) -> Vec<u8> {
        let connector = TlsConnector::from(Arc::new(self.authority.client(&[])));
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    async fn until_shown(&self, pair: &Pair) {
        let shown = async {
            while self.shown().await != pair.der().to_vec() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, shown).await.expect("the new certificate is shown");
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// One file after the other, as a script does it.
fn write(folder: &Path, pair: &Pair) {
    fs::write(folder.join("pem"), &pair.certificate).unwrap();
    fs::write(folder.join("key"), &pair.key).unwrap();
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let secret = Secret::start("versions").await;
    for (protocol, version) in [("http/1.1", Version::HTTP_11), ("h2", Version::HTTP_2)] {
        let client = secret.client(protocol);
        let url = secret.url("/api/v1/k");
        let put = client.put(&url).body(r#"{"value":"v"}"#).send().await.unwrap();
        assert_eq!((put.status().as_u16(), put.version()), (200, version));
        let hsts = put.headers().get("strict-transport-security").unwrap();
        assert_eq!(hsts, "max-age=31536000");
        let row = client.get(&url).send().await.unwrap().text().await.unwrap();
        assert!(row.contains(r#""value":"v""#), "{row}");
        let mut stream = client.get(secret.url("/watch?from=snapshot")).send().await.unwrap();
        let first = stream.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: entry"), "{first:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_while_clients_connect() {
    let secret = Secret::start("load").await;
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
    let clients: Vec<_> = (0..8)
        .map(|n| {
            let client = secret.client(if n % 2 == 0 { "http/1.1" } else { "h2" });
            let (url, done, stop) = (secret.url("/stats"), done.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.is_cancelled() {
                    let answer = client.get(&url).send().await.expect("no request fails");
                    assert_eq!(answer.status(), 200);
                    done.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..5 {
        let begun = done.load(Relaxed);
        let pair = secret.authority.sign();
        write(&secret.folder, &pair);
        secret.until_shown(&pair).await;
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
async fn a_bad_certificate_is_not_taken() {
    let secret = Secret::start("bad").await;
    let before = secret.shown().await;
    let (one, other) = (secret.authority.sign(), secret.authority.sign());
    for (pem, key) in [(&*one.certificate, &*other.key), ("", &*one.key), ("nonsense", "")] {
        fs::write(secret.folder.join("pem"), pem).unwrap();
        fs::write(secret.folder.join("key"), key).unwrap();
        sleep(Duration::from_millis(100)).await;
        assert_eq!(secret.shown().await, before);
    }
    fs::remove_file(secret.folder.join("pem")).unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(secret.shown().await, before);
    write(&secret.folder, &one);
    secret.until_shown(&one).await;
}
