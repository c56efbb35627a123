//! Encryption of a server: a certificate and its key, from files that may change while it runs.

mod expiry;
mod files;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

pub use self::files::TlsError;
use self::files::{Files, Pair};
use super::Metrics;

/// What is spoken over a connection, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Encryption with TLS 1.2 or 1.3: goes into the [options](super::ServerOptions) of a server.
///
/// The files are looked at every 10 seconds while the server runs. When what is in them is another certificate and key
/// that belong together, every handshake from then on is with those; connections that are there go on. As long as they
/// do not, the last good ones stay, and the log says what is wrong.
///
/// Cheap to clone; all clones have the same certificate. `Debug` shows nothing of the key.
///
/// # Examples
///
/// ```no_run
/// use mainspring_http::server::{ServerOptions, Tls};
///
/// let mut options = ServerOptions::default();
/// options.tls = Some(Tls::from_files("server.pem", "server.key")?);
/// # Ok::<(), mainspring_http::server::TlsError>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
    config: Arc<ServerConfig>,
    check_every: Duration,
}

/// What handshakes take the certificate from.
struct Shared {
    files: Files,
    pair: RwLock<Pair>,
}

impl Tls {
    /// A certificate and its key from two files in PEM form. The certificate comes first in its file, and after it those
    /// between it and an authority that clients know.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if a file cannot be read, or holds something else, or the two do not belong together.
    pub fn from_files(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Files { certificates: certificates.into(), key: key.into() };
        let read = files.read()?;
        let pair = files.pair(&read)?;
        files.warn(&pair);
        let shared = Arc::new(Shared { files, pair: RwLock::new(pair) });
        let resolver: Arc<dyn ResolvesServerCert> = shared.clone();
        let builder = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| shared.files.unusable(&error))?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self { shared, config: config.into(), check_every: Duration::from_secs(10) })
    }

    /// How often the files are looked at. 10 seconds.
    #[must_use]
    pub fn check_every(mut self, period: Duration) -> Self {
        self.check_every = period;
        self
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Look at the files now and then, and take what is new in them. Without an end.
    pub(super) async fn watch(&self, metrics: &Metrics) -> Infallible {
        let mut said = None;
        loop {
            metrics.certificate_expires(self.shared.pair.read().expires);
            sleep(self.check_every).await;
            let shared = Arc::clone(&self.shared);
            // It only fails when the runtime ends.
            let Ok(looked) = spawn_blocking(move || shared.look()).await else { continue };
            match looked {
                Ok(is_new) => {
                    said = None;
                    if is_new {
                        tracing::info!(certificates = %self.shared.files, "took the new certificate");
                    }
                }
                Err(error) if said.as_ref() == Some(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no new certificate is taken, the last one stays");
                    said = Some(error);
                }
            }
        }
    }
}

impl Shared {
    /// Take what is in the files, if it is another pair. Contents are compared and not times: a file may be swapped by
    /// way of a link far above it.
    fn look(&self) -> Result<bool, TlsError> {
        let read = self.files.read()?;
        if read.print() == self.pair.read().print {
            return Ok(false);
        }
        let pair = self.files.pair(&read)?;
        self.files.warn(&pair);
        *self.pair.write() = pair;
        Ok(true)
    }
}

impl ResolvesServerCert for Shared {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.pair.read().certified))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.shared.files)
            .field("check_every", &self.check_every)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("files", &self.files).finish_non_exhaustive()
    }
}
