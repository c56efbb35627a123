//! The backend of a client: connections, requests, responses, retries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use mainspring::{BatchError, Error, Key};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, redirect, retry};
use tokio::time::timeout;

use super::address::{Address, push_query};
use super::failure::{Effect, Failure, unreadable};
use super::options::{ClientBuilder, Credentials};
#[cfg(feature = "tls")]
use super::tls;
use crate::auth::Secret;
use crate::protocol::Operation;

/// The first pause before a retry. Pauses double, and each is extended by a random time of up to its length, so that
/// clients that failed together do not retry together.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The time for which an idle connection is kept: less than a server keeps it. A request that is sent while the server
/// closes the connection is lost, and the outcome of a write is then unknown.
const KEEP_IDLE: Duration = Duration::from_secs(30);

/// The backend of a [`Client`](crate::Client): sends commands to a server over HTTP. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    address: Address,
    timeout: Duration,
    silence: Duration,
    tries: usize,
    max_answer_bytes: usize,
    max_event_bytes: usize,
    credentials: Option<Credentials>,
}

/// The authentication of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    /// None, even if the client has credentials.
    None,
    /// With the credentials of the client, and once more after renewing them.
    Configured,
    /// With the credentials of the client, without a second attempt.
    ConfiguredOnce,
}

/// A request, which can be sent more than once. It has no `Debug`, because its body may be a password.
pub(super) struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Bytes>,
    pub(super) effect: Effect,
    authentication: Authentication,
    /// Whether the timeout does not apply to the response.
    has_no_timeout: bool,
}

/// A successful response with its complete body.
pub(super) struct BufferedResponse {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    fn new(operation: Operation, url: String) -> Self {
        let method = operation.method().clone();
        let effect = if method == Method::GET { Effect::Read } else { Effect::Write };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (body, authentication, has_no_timeout) = (None, Authentication::Configured, false);
        Self { method, url, headers, body, effect, authentication, has_no_timeout }
    }

    /// Adds a parameter to the query.
    pub(super) fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        push_query(&mut self.url, name, value);
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn authentication(self, authentication: Authentication) -> Self {
        Self { authentication, ..self }
    }

    /// Removes the timeout of the response. Keep-alive probes of the connection detect a server that is gone.
    pub(super) fn without_timeout(self) -> Self {
        Self { has_no_timeout: true, ..self }
    }

    pub(super) fn json(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body.into());
        self.header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }
}

impl Remote {
    pub(super) fn new<T>(options: &ClientBuilder<T>) -> Result<Self, Error> {
        let address = Address::parse(&options.url)?;
        let http = reqwest::Client::builder();
        #[cfg(feature = "tls")]
        let http = http.tls_backend_preconfigured(tls::config(
            address.is_encrypted(),
            options.root_certificates.as_deref(),
        )?);
        let http = http
            .user_agent(concat!("mainspring/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .connect_timeout(options.connect_timeout.min(options.timeout / 10 * 9))
            .pool_idle_timeout(KEEP_IDLE)
            // A redirect could send a write to another store.
            .redirect(redirect::Policy::none())
            // Proxies of the environment are meant for the web; a store is on the same network, like a database.
            .no_proxy()
            // Retries are decided in this module. Below it, hyper-util retries a request, even a POST, on a pooled
            // connection that turns out to be closed, but only if hyper returns the request unsent
            // (`TrySendError::take_message`), which it does only before it begins to write the request (hyper's
            // `client::dispatch`, hyper-util's `Client::send_request`). So no request is sent twice.
            .retry(retry::never())
            .build()
            .map_err(|error| Error::Rejected(error.to_string().into()))?;
        let ClientBuilder { timeout, silence, tries, max_answer_bytes, max_event_bytes, .. } =
            *options;
        let credentials = options.credentials.clone();
        if let Some(Credentials::Token(token)) = &credentials {
            bearer(token).map_err(|failure| failure.into_error(Effect::Read, &address))?;
        }
        let inner = Inner {
            http,
            address,
            timeout,
            silence,
            tries,
            max_answer_bytes,
            max_event_bytes,
            credentials,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A request for an operation whose path has no parameters.
    pub(super) fn request(&self, operation: Operation) -> Request {
        Request::new(operation, self.address().at(operation))
    }

    /// A request for an operation on a key.
    pub(super) fn request_for_key(
        &self,
        operation: Operation,
        key: &Key,
    ) -> Result<Request, Error> {
        Ok(Request::new(operation, self.address().for_key(operation, key)?))
    }

    /// A request for an operation with the parameters of its path, in their order.
    pub(super) fn request_with(
        &self,
        operation: Operation,
        parameters: &[&str],
    ) -> Result<Request, Error> {
        Ok(Request::new(operation, self.address().with(operation, parameters)?))
    }

    pub(super) fn address(&self) -> &Address {
        &self.inner.address
    }

    pub(super) fn silence(&self) -> Duration {
        self.inner.silence
    }

    pub(super) fn max_event_bytes(&self) -> usize {
        self.inner.max_event_bytes
    }

    /// Sends a request, retries it if that is safe, and decodes the response.
    pub(super) async fn send<A>(
        &self,
        request: &Request,
        read: impl FnOnce(&BufferedResponse) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        self.send_batch(request, read).await.map_err(|failed| failed.error)
    }

    /// Like `send`, with the index of the write that failed.
    pub(super) async fn send_batch<A>(
        &self,
        request: &Request,
        read: impl FnOnce(&BufferedResponse) -> Result<A, String> + Send,
    ) -> Result<A, BatchError> {
        let (effect, server) = (request.effect, self.address());
        let response = self.fetch(request).await.map_err(|failure| BatchError {
            index: failure.index(),
            error: failure.into_error(effect, server),
        })?;
        Ok(read(&response).map_err(|why| unreadable(effect, server, why))?)
    }

    /// Like `send`, for a read of an entry or a part of it.
    pub(super) async fn send_for_key<A>(
        &self,
        key: &Key,
        request: &Request,
        read: impl FnOnce(&BufferedResponse) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        let server = self.address();
        let response = self.fetch(request).await;
        let response =
            response.map_err(|failure| failure.with_key(key).into_error(Effect::Read, server))?;
        read(&response).map_err(|why| unreadable(Effect::Read, server, why))
    }

    /// Sends a request, and retries it if that is safe.
    pub(super) async fn fetch(&self, request: &Request) -> Result<BufferedResponse, Failure> {
        self.retry(request.effect, || self.send_once(request)).await
    }

    /// Runs an attempt until it succeeds, must not be repeated, or was repeated often enough.
    pub(super) async fn retry<A, F: Future<Output = Result<A, Failure>>>(
        &self,
        effect: Effect,
        attempt: impl FnMut() -> F,
    ) -> Result<A, Failure> {
        let server = self.address();
        let pauses = pauses(FIRST_PAUSE).with_max_times(self.inner.tries - 1);
        attempt
            .retry(pauses)
            .when(|failure| failure.may_retry(effect))
            .adjust(|failure, pause| pause.map(|pause| failure.wait(pause)))
            .notify(|failure, pause| tracing::debug!(%server, ?pause, "retrying: {failure}"))
            .await
    }

    /// Whether requests are authenticated.
    pub(super) fn has_credentials(&self) -> bool {
        self.inner.credentials.is_some()
    }

    /// Sends a request with the credentials. If the server rejects the token of a login, renews it and sends once more.
    async fn authorized<A, F: Future<Output = Result<A, Failure>>>(
        &self,
        authentication: Authentication,
        send: impl Fn(Option<HeaderValue>) -> F,
    ) -> Result<A, Failure> {
        let credentials =
            self.inner.credentials.as_ref().filter(|_| authentication != Authentication::None);
        let login = match credentials {
            None => return send(None).await,
            Some(Credentials::Token(token)) => return send(Some(bearer(token)?)).await,
            Some(Credentials::Login(login)) => login,
        };
        let access = login.access(self).await?;
        match send(Some(bearer(&access)?)).await {
            // The server rejected the token, so nothing was done.
            Err(failure)
                if failure.is_unauthorized() && authentication == Authentication::Configured =>
            {
                let access = login.renewed(self, &access).await?;
                send(Some(bearer(&access)?)).await
            }
            result => result,
        }
    }

    pub(super) async fn send_once(&self, request: &Request) -> Result<BufferedResponse, Failure> {
        self.authorized(request.authentication, |token| self.send_as(request, token)).await
    }

    /// Sends a request with this token, or without one.
    pub(super) async fn send_as(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<BufferedResponse, Failure> {
        let limit = self.inner.timeout;
        let exchange = async {
            let mut response = self.begin(request, token).await?;
            let headers = std::mem::take(response.headers_mut());
            let status = response.status();
            let body = self.body(response).await?;
            if status.is_success() {
                Ok(BufferedResponse { headers, body })
            } else {
                Err(Failure::from_response(status, &headers, &body))
            }
        };
        if request.has_no_timeout {
            return exchange.await;
        }
        timeout(limit, exchange).await.unwrap_or_else(|_| Err(timed_out(limit)))
    }

    /// Sends a request whose response is a stream.
    pub(super) async fn open(&self, request: &Request) -> Result<Response, Failure> {
        self.authorized(request.authentication, |token| self.open_as(request, token)).await
    }

    async fn open_as(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<Response, Failure> {
        let limit = self.inner.timeout;
        let head = async {
            let response = self.begin(request, token).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let headers = response.headers().clone();
            let body = self.body(response).await?;
            Err(Failure::from_response(status, &headers, &body))
        };
        timeout(limit, head).await.unwrap_or_else(|_| Err(timed_out(limit)))
    }

    /// Reads the body of a response, up to the limit of the client.
    async fn body(&self, mut response: Response) -> Result<Bytes, Failure> {
        let limit = self.inner.max_answer_bytes;
        let bytes = response.content_length();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(Failure::from_reqwest)? {
            if chunk.len() > limit - body.len() {
                return Err(Failure::TooLong { key: None, bytes, limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    async fn begin(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<Response, Failure> {
        let Request { method, url, headers, body, .. } = request;
        let mut headers = headers.clone();
        headers.extend(token.map(|token| (AUTHORIZATION, token)));
        let mut sending = self.inner.http.request(method.clone(), url).headers(headers);
        if let Some(body) = body {
            sending = sending.body(body.clone());
        }
        sending.send().await.map_err(Failure::from_reqwest)
    }
}

/// The value of an `Authorization` header.
fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| {
        Failure::Invalid("the token has characters that a header cannot have".to_owned())
    })?;
    // Hides the value from `Debug` output of headers.
    value.set_sensitive(true);
    Ok(value)
}

fn timed_out(limit: Duration) -> Failure {
    Failure::Lost(format!("no response within {limit:?}"))
}

/// Pauses that double, up to 5 seconds with the jitter.
pub(super) fn pauses(first: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(Duration::from_millis(2_500))
        .with_jitter()
}

/// The same pauses, without a limit of their number.
pub(super) fn endless_pauses(first: Duration) -> impl Iterator<Item = Duration> + Send + Sync {
    pauses(first).without_max_times().build()
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("url", &format_args!("{}", self.address()))
            .finish_non_exhaustive()
    }
}
