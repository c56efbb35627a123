//! The backend of a client: connections, requests, answers, tries.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use mainspring::{BatchError, Error, Key};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, redirect, retry};
use tokio::time::timeout;

use super::address::{Address, ask};
use super::fault::{Effect, Fault, unreadable};
use super::options::{ClientBuilder, Credentials};
#[cfg(feature = "tls")]
use super::tls;
use crate::auth::Secret;
use crate::protocol::Operation;

/// The first pause before a command is tried again. The pauses double, and each is made up to twice as long at random,
/// so that those who failed together do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection without a request is kept: less than a server keeps it. A request that is sent while the
/// server closes the connection is lost, and if it is a write, nobody knows what became of it.
const KEEP_IDLE: Duration = Duration::from_secs(30);

/// Takes commands to a server, over HTTP. Cheap to clone.
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

/// How a request authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authentication {
    /// Not at all, although the options may say how.
    None,
    /// As the options say.
    Configured,
    /// As the options say, and not again with another token.
    ConfiguredOnce,
}

/// One request, which can be sent more than once. Its body may be a password, so nothing shows it.
pub(super) struct Request {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Option<Bytes>,
    pub(super) effect: Effect,
    authentication: Authentication,
    /// Whether the answer may take longer than the timeout.
    unlimited: bool,
}

/// The answer to a request that was done.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    fn new(operation: Operation, url: String) -> Self {
        let method = operation.method().clone();
        let effect = if method == Method::GET { Effect::Read } else { Effect::Write };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (body, authentication, unlimited) = (None, Authentication::Configured, false);
        Self { method, url, headers, body, effect, authentication, unlimited }
    }

    /// Add a member to the query.
    pub(super) fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        ask(&mut self.url, name, value);
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn by(self, authentication: Authentication) -> Self {
        Self { authentication, ..self }
    }

    /// The same, whose answer may take as long as it takes. That the server is gone is noticed by the probes of the
    /// connection.
    pub(super) fn without_limit(self) -> Self {
        Self { unlimited: true, ..self }
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
            // A store that has moved is another address, and a write must not go anywhere else.
            .redirect(redirect::Policy::none())
            // The environment's proxy is for the web. A store is as near as a database.
            .no_proxy()
            // What may be tried again is decided here. One layer below, hyper tries again what it finds on a
            // connection that is kept and turns out to be closed, also a POST, but only if it gets the request back
            // (`TrySendError::take_message`), which it does not once it has begun to write it (hyper's
            // `client::dispatch`, hyper-util's `Client::send_request`). So nothing is sent twice.
            .retry(retry::never())
            .build()
            .map_err(|error| Error::Rejected(error.to_string().into()))?;
        let ClientBuilder { timeout, silence, tries, max_answer_bytes, max_event_bytes, .. } =
            *options;
        let credentials = options.credentials.clone();
        if let Some(Credentials::Token(token)) = &credentials {
            bearer(token).map_err(|fault| fault.into_error(Effect::Read, &address))?;
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
    pub(super) fn request_of_key(&self, operation: Operation, key: &Key) -> Result<Request, Error> {
        Ok(Request::new(operation, self.address().of_key(operation, key)?))
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

    /// Send a request, again if that is safe, and read what came back.
    pub(super) async fn send<A>(
        &self,
        request: &Request,
        read: impl FnOnce(&Answer) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        self.send_batch(request, read).await.map_err(|failed| failed.error)
    }

    /// The same, with the place of the write that was refused, for those who sent several.
    pub(super) async fn send_batch<A>(
        &self,
        request: &Request,
        read: impl FnOnce(&Answer) -> Result<A, String> + Send,
    ) -> Result<A, BatchError> {
        let (effect, server) = (request.effect, self.address());
        let answer = self.fetch(request).await.map_err(|fault| BatchError {
            index: fault.index(),
            error: fault.into_error(effect, server),
        })?;
        Ok(read(&answer).map_err(|why| unreadable(effect, server, why))?)
    }

    /// Read the entry of a key, or a part of it.
    pub(super) async fn send_about<A>(
        &self,
        key: &Key,
        request: &Request,
        read: impl FnOnce(&Answer) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        let server = self.address();
        let answer = self.fetch(request).await;
        let answer = answer.map_err(|fault| fault.about(key).into_error(Effect::Read, server))?;
        read(&answer).map_err(|why| unreadable(Effect::Read, server, why))
    }

    /// Send a request, again if that is safe.
    pub(super) async fn fetch(&self, request: &Request) -> Result<Answer, Fault> {
        self.retried(request.effect, || self.send_once(request)).await
    }

    /// Do something that may fail until it does not, or must not be done again, or was done often enough.
    pub(super) async fn retried<A, F: Future<Output = Result<A, Fault>>>(
        &self,
        effect: Effect,
        attempt: impl FnMut() -> F,
    ) -> Result<A, Fault> {
        let server = self.address();
        let pauses = pauses(FIRST_PAUSE).with_max_times(self.inner.tries - 1);
        attempt
            .retry(pauses)
            .when(|fault| fault.may_retry(effect))
            .adjust(|fault, pause| pause.map(|pause| fault.wait(pause)))
            .notify(|fault, pause| tracing::debug!(%server, ?pause, "trying again: {fault}"))
            .await
    }

    /// Whether a request is sent as somebody.
    pub(super) fn is_somebody(&self) -> bool {
        self.inner.credentials.is_some()
    }

    /// Send something as who we are. With new tokens once more, if the server does not take those that there were.
    async fn authorized<A, F: Future<Output = Result<A, Fault>>>(
        &self,
        authentication: Authentication,
        send: impl Fn(Option<HeaderValue>) -> F,
    ) -> Result<A, Fault> {
        let credentials =
            self.inner.credentials.as_ref().filter(|_| authentication != Authentication::None);
        let login = match credentials {
            None => return send(None).await,
            Some(Credentials::Token(token)) => return send(Some(bearer(token)?)).await,
            Some(Credentials::Login(login)) => login,
        };
        let access = login.access(self).await?;
        match send(Some(bearer(&access)?)).await {
            // Which says that nothing was done.
            Err(fault)
                if fault.is_unauthorized() && authentication == Authentication::Configured =>
            {
                let access = login.renewed(self, &access).await?;
                send(Some(bearer(&access)?)).await
            }
            done => done,
        }
    }

    pub(super) async fn send_once(&self, request: &Request) -> Result<Answer, Fault> {
        self.authorized(request.authentication, |token| self.send_as(request, token)).await
    }

    /// The same with this token, or as nobody.
    pub(super) async fn send_as(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<Answer, Fault> {
        let limit = self.inner.timeout;
        let whole = async {
            let mut response = self.begin(request, token).await?;
            let headers = std::mem::take(response.headers_mut());
            let status = response.status();
            let body = self.body(response).await?;
            if status.is_success() {
                Ok(Answer { headers, body })
            } else {
                Err(Fault::refusal(status, &headers, &body))
            }
        };
        if request.unlimited {
            return whole.await;
        }
        timeout(limit, whole).await.unwrap_or_else(|_| Err(late(limit)))
    }

    /// Send a request whose answer has no end.
    pub(super) async fn open(&self, request: &Request) -> Result<Response, Fault> {
        self.authorized(request.authentication, |token| self.open_as(request, token)).await
    }

    async fn open_as(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<Response, Fault> {
        let limit = self.inner.timeout;
        let head = async {
            let response = self.begin(request, token).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let headers = response.headers().clone();
            let body = self.body(response).await?;
            Err(Fault::refusal(status, &headers, &body))
        };
        timeout(limit, head).await.unwrap_or_else(|_| Err(late(limit)))
    }

    /// All of an answer, unless it is longer than it may be.
    async fn body(&self, mut response: Response) -> Result<Bytes, Fault> {
        let limit = self.inner.max_answer_bytes;
        let bytes = response.content_length();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(Fault::of)? {
            if chunk.len() > limit - body.len() {
                return Err(Fault::TooLong { key: None, bytes, limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    async fn begin(
        &self,
        request: &Request,
        token: Option<HeaderValue>,
    ) -> Result<Response, Fault> {
        let Request { method, url, headers, body, .. } = request;
        let mut headers = headers.clone();
        headers.extend(token.map(|token| (AUTHORIZATION, token)));
        let mut sending = self.inner.http.request(method.clone(), url).headers(headers);
        if let Some(body) = body {
            sending = sending.body(body.clone());
        }
        sending.send().await.map_err(Fault::of)
    }
}

/// A token as a request brings it.
fn bearer(token: &Secret) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| Fault::Invalid("the token has characters that no token has".to_owned()))?;
    // Nothing that logs headers shows it.
    value.set_sensitive(true);
    Ok(value)
}

fn late(limit: Duration) -> Fault {
    Fault::Lost(format!("no answer within {limit:?}"))
}

/// Pauses that double.
pub(super) fn pauses(first: Duration) -> ExponentialBuilder {
    // With what chance adds, at most 5 seconds.
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(Duration::from_millis(2_500))
        .with_jitter()
}

/// Pauses without an end.
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
