//! The interface over HTTP, through a real socket: what 002 and 003 answered, and what neither had.

mod conditions;
mod documented;
mod keys;
mod replay;
mod running;
mod tls;
mod watch;

use std::net::SocketAddr;
use std::time::Duration;

use mainspring::Store;
use mainspring::wire::Json;
use mainspring_http::server;
use mainspring_testing::certificates::client_without_roots;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A server of one test.
struct Server {
    address: SocketAddr,
    store: Store<Json>,
    shutdown: CancellationToken,
    client: Client,
}

/// What a request was answered.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Server {
    async fn start() -> Self {
        Self::of(Store::<Json>::builder().spawn(), server::ServerOptions::default()).await
    }

    async fn of(store: Store<Json>, options: server::ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(server::serve(listener, store.clone(), options, shutdown.clone()));
        // It would look for a provider of its own, even where nothing is encrypted.
        let client = Client::builder().tls_backend_preconfigured(client_without_roots());
        let client = client.timeout(Duration::from_secs(30)).build().unwrap();
        Self { address, store, shutdown, client }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request without headers of its own.
    async fn ask(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        answer(self.request(method, path).body(body)).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status, and the code of an error.
    fn refusal(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.refusal(), (status, code.to_owned()), "{answer:?}");
}
