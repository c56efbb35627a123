//! The HTTP interface over a real socket, compared with the earlier Go server and beyond it.

mod compatibility;
mod conditions;
mod documented;
mod keys;
mod service;
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

/// The server of a test.
struct Server {
    address: SocketAddr,
    store: Store<Json>,
    shutdown: CancellationToken,
    client: Client,
}

/// The response to a request.
#[derive(Debug)]
struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Server {
    async fn start() -> Self {
        Self::with_options(Store::<Json>::builder().spawn(), server::ServerOptions::default()).await
    }

    async fn with_options(store: Store<Json>, options: server::ServerOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(server::serve(listener, store.clone(), options, shutdown.clone()));
        // reqwest would otherwise look for a crypto provider, even without TLS.
        let client = Client::builder().tls_backend_preconfigured(client_without_roots());
        let client = client.timeout(Duration::from_secs(30)).build().unwrap();
        Self { address, store, shutdown, client }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request without further headers.
    async fn send(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> Response {
        execute(self.request(method, path).body(body)).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn execute(request: RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Response { status, headers, body: response.bytes().await.unwrap().to_vec() }
}

impl Response {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status and the error code.
    fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[track_caller]
fn assert_error(response: &Response, status: u16, code: &str) {
    assert_eq!(response.error(), (status, code.to_owned()), "{response:?}");
}
