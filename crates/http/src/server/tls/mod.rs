//! TLS of a server: a certificate and its key, reloaded from files.

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

/// The protocols for ALPN, in order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// TLS 1.2 and 1.3, for the [options](super::ServerOptions) of a server.
///
/// The files are checked every 10 seconds while the server runs. When they contain another valid pair of certificate and
/// key, later handshakes use it; open connections continue. As long as they do not, the last valid pair is used, and the
/// error is logged.
///
/// Cheap to clone; all clones share the certificate. `Debug` output contains nothing of the key.
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
    source: Arc<CertificateSource>,
    config: Arc<ServerConfig>,
    check_every: Duration,
}

/// The certificate for handshakes, and the files that it comes from.
struct CertificateSource {
    files: Files,
    pair: RwLock<Pair>,
}

impl Tls {
    /// Loads a certificate and its key from two files in PEM form. In its file, the certificate comes first, followed by the
    /// intermediate certificates up to an authority that clients trust.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if a file cannot be read or is invalid, or if the key does not match the certificate.
    pub fn from_files(
        certificates: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        let files = Files { certificates: certificates.into(), key: key.into() };
        let contents = files.read()?;
        let pair = files.pair(&contents)?;
        files.warn(&pair);
        let source = Arc::new(CertificateSource { files, pair: RwLock::new(pair) });
        let resolver: Arc<dyn ResolvesServerCert> = source.clone();
        let builder = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| source.files.unusable(&error))?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self { source, config: config.into(), check_every: Duration::from_secs(10) })
    }

    /// Sets the interval at which the files are checked. Default: 10 seconds.
    #[must_use]
    pub fn check_every(mut self, period: Duration) -> Self {
        self.check_every = period;
        self
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Checks the files at the interval, and reloads them. Never returns.
    pub(super) async fn watch(&self, metrics: &Metrics) -> Infallible {
        let mut last_error = None;
        loop {
            metrics.certificate_expires(self.source.pair.read().expires);
            sleep(self.check_every).await;
            let source = Arc::clone(&self.source);
            // Fails only when the runtime shuts down.
            let Ok(result) = spawn_blocking(move || source.reload()).await else { continue };
            match result {
                Ok(is_new) => {
                    last_error = None;
                    if is_new {
                        tracing::info!(certificates = %self.source.files, "loaded a new certificate");
                    }
                }
                // The same error is logged once.
                Err(error) if last_error.as_ref() == Some(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot load the new certificate; the last one remains in use");
                    last_error = Some(error);
                }
            }
        }
    }
}

impl CertificateSource {
    /// Loads the files if they have changed. Compares contents instead of modification times, because the files may be
    /// replaced by changing a symbolic link in their path.
    fn reload(&self) -> Result<bool, TlsError> {
        let contents = self.files.read()?;
        if contents.fingerprint() == self.pair.read().fingerprint {
            return Ok(false);
        }
        let pair = self.files.pair(&contents)?;
        self.files.warn(&pair);
        *self.pair.write() = pair;
        Ok(true)
    }
}

impl ResolvesServerCert for CertificateSource {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.pair.read().certified))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("files", &self.source.files)
            .field("check_every", &self.check_every)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateSource").field("files", &self.files).finish_non_exhaustive()
    }
}
