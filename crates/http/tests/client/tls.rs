//! A client with TLS: trusted certificates, and errors about others.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mainspring::wire::Json;
use mainspring::{Error, Event, Store};
use mainspring_http::{Client, server};
use mainspring_testing::certificates::{Authority, Pair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Starts a server with this certificate, or without TLS.
async fn serve(name: &str, pair: Option<&Pair>) -> (u16, DropGuard) {
    let mut options = server::ServerOptions::default();
    options.tls = pair.map(|pair| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-tls-{name}"));
        let (pem, key) = (path.with_extension("pem"), path.with_extension("key"));
        fs::write(&pem, &pair.certificate).unwrap();
        fs::write(&key, &pair.key).unwrap();
        server::Tls::from_files(pem, key).unwrap()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutdown = CancellationToken::new();
    let store = Store::<Json>::builder().spawn();
    tokio::spawn(server::serve(listener, store, options, shutdown.clone()));
    (port, shutdown.drop_guard())
}

fn client(url: &str, authority: &Authority) -> Client<String> {
    Client::builder(url).root_certificates(authority.pem()).connect().unwrap()
}

#[tokio::test]
async fn custom_authority_is_trusted() {
    let authority = Authority::new();
    let (port, _server) = serve("works", Some(&authority.sign())).await;
    for host in ["localhost", "127.0.0.1"] {
        let store = client(&format!("https://{host}:{port}"), &authority);
        store.set("k", "v").await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap().value.item(), Some(&"v".to_owned()));
        let mut changes = store.subscribe().from_snapshot().await.unwrap();
        assert!(matches!(changes.recv().await, Ok(Event::Entry { .. })));
    }
}

#[tokio::test]
async fn untrusted_server_receives_no_requests() {
    let (authority, other) = (Authority::new(), Authority::new());
    let valid = authority.sign();
    let expired = authority.sign_for(&["localhost"], 2_020);
    let elsewhere = authority.sign_for(&["store.example"], 2_040);
    let itself = authority.itself();
    for (name, pair, trusted, advice) in [
        ("unknown", &valid, &other, "root_certificates, --cacert"),
        ("expired", &expired, &authority, "renew it"),
        ("elsewhere", &elsewhere, &authority, "use a name of the certificate"),
        ("itself", &itself, &authority, "basicConstraints CA:FALSE"),
    ] {
        let (port, _server) = serve(name, Some(pair)).await;
        let store = client(&format!("https://localhost:{port}"), trusted);
        for error in [store.get("k").await.err(), store.set("k", "v").await.err()] {
            let Some(Error::Unreachable(why)) = error else { panic!("{name}: {error:?}") };
            assert!(why.contains("is not trusted") && why.contains(advice), "{name}: {why}");
        }
    }
}

#[tokio::test]
async fn mismatch_of_http_and_https_is_reported() {
    let authority = Authority::new();
    let (plain, _one) = serve("", None).await;
    let error = client(&format!("https://localhost:{plain}"), &authority).get("k").await;
    let Err(Error::Unreachable(why)) = error else { panic!("{error:?}") };
    assert!(why.contains("does not use TLS on this port; use http://"), "{why}");

    let (port, _other) = serve("plain", Some(&authority.sign())).await;
    let error = client(&format!("http://localhost:{port}"), &authority).get("k").await;
    let Err(Error::Rejected(why)) = error else { panic!("{error:?}") };
    assert!(why.contains("use https:// in the URL"), "{why}");
}

#[tokio::test]
async fn invalid_root_certificates_are_rejected() {
    let authority = Authority::new();
    let cut = &authority.pem()[..100];
    for (pem, reason) in [
        ("", "no certificate in PEM form"),
        (&*authority.sign().key, "no certificate in PEM form"),
        (cut, "a certificate is incomplete"),
    ] {
        let rejected =
            Client::<String>::builder("https://localhost").root_certificates(pem).connect();
        let Err(Error::Rejected(why)) = rejected else { panic!("{rejected:?}") };
        assert!(why.contains(reason), "{why}");
        // Without TLS they are not used.
        Client::<String>::builder("http://localhost").root_certificates(pem).connect().unwrap();
    }
}

/// Garbage after the handshake is not a failure of trust: the write may have been applied.
#[tokio::test]
async fn write_with_garbage_as_the_response_is_unknown() {
    let authority = Authority::new();
    let pair = authority.sign();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = builder.with_single_cert(vec![pair.der()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await;
            let (mut stream, _) = stream.into_inner();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 1_024]).await;
        }
    });
    let store = client(&format!("https://localhost:{port}"), &authority);
    assert_eq!(store.set("k", "v").await, Err(Error::Unknown));
    let read = store.get("k").await;
    assert!(matches!(&read, Err(Error::Unreachable(why)) if !why.contains("http://")), "{read:?}");
}
