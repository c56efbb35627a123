//! The files of a certificate and its key, and their errors.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::expiry::not_after;

/// Why a certificate and its key cannot be used: the file, and what to do. It never contains text of the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", .file.display())]
pub struct TlsError {
    file: PathBuf,
    why: Cow<'static, str>,
}

impl TlsError {
    fn new(file: &Path, why: impl Into<Cow<'static, str>>) -> Self {
        Self { file: file.to_owned(), why: why.into() }
    }

    /// Returns the file with the error.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// The paths of a certificate and its key.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificates: PathBuf,
    pub(super) key: PathBuf,
}

/// The contents of the files.
pub(super) struct FileContents {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate with its key.
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// The expiry time in seconds since the Unix epoch.
    pub(super) expires: Option<i64>,
    /// The fingerprint of the files.
    pub(super) fingerprint: u64,
}

impl FileContents {
    /// A hash of the contents, to detect changes without keeping the text of the key.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.certificates, &self.key).hash(&mut hasher);
        hasher.finish()
    }
}

impl Files {
    pub(super) fn read(&self) -> Result<FileContents, TlsError> {
        let read = |file: &Path| {
            std::fs::read(file).map_err(|error| {
                let why = format!(
                    "cannot be read ({error}); check the path and the permissions of the server"
                );
                TlsError::new(file, why)
            })
        };
        Ok(FileContents { certificates: read(&self.certificates)?, key: read(&self.key)? })
    }

    pub(super) fn pair(&self, contents: &FileContents) -> Result<Pair, TlsError> {
        let certificates = self.certificates(&contents.certificates)?;
        let expires = certificates.first().and_then(|first| not_after(first));
        // Without the error of the parser, which repeats lines that it cannot parse.
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|_| TlsError::new(&self.key, key_error(&contents.key)))?;
        let certified = CertifiedKey::from_der(certificates, key, &ring::default_provider());
        let certified = certified.map_err(|error| self.unusable(&error))?.into();
        Ok(Pair { certified, expires, fingerprint: contents.fingerprint() })
    }

    fn certificates(&self, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let invalid = |why| Err(TlsError::new(&self.certificates, why));
        match CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>() {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) if holds(text, "PRIVATE KEY-----") => {
                invalid("contains a key instead of a certificate; are the two files swapped?")
            }
            Ok(_) => invalid(
                "contains no certificate in PEM form; expected -----BEGIN CERTIFICATE-----; convert a binary one with \
                 `openssl x509 -inform der`",
            ),
            Err(_) => invalid("contains an incomplete certificate; is the file damaged?"),
        }
    }

    /// The error for files that are valid, but cannot be used together.
    pub(super) fn unusable(&self, error: &rustls::Error) -> TlsError {
        use rustls::Error::{InconsistentKeys, InvalidCertificate};

        let certificates = self.certificates.display();
        match error {
            InconsistentKeys(_) => TlsError::new(
                &self.key,
                format!(
                    "does not match the first certificate in {certificates}; use a certificate and key that were created together"
                ),
            ),
            InvalidCertificate(error) => {
                let why = format!("its first certificate cannot be used ({error}); issue it again");
                TlsError::new(&self.certificates, why)
            }
            // The text of this error contains only the kind of a key.
            error => TlsError::new(
                &self.key,
                format!(
                    "cannot be used ({error}); expected an ECDSA (P-256, P-384), Ed25519 or RSA key"
                ),
            ),
        }
    }

    /// Logs warnings about a pair that is accepted but probably not intended.
    pub(super) fn warn(&self, pair: &Pair) {
        #[cfg(unix)]
        if let Ok(metadata) = std::fs::metadata(&self.key) {
            use std::os::unix::fs::PermissionsExt;

            if metadata.permissions().mode() & 0o007 != 0 {
                let key = self.key.display();
                tracing::warn!(%key, "all users of this machine can access the key; run `chmod o= {key}`");
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        if pair.expires.is_some_and(|expires| expires <= now.cast_signed()) {
            tracing::warn!(certificates = %self, "the certificate has expired, and clients reject it; renew it");
        }
    }
}

fn key_error(text: &[u8]) -> &'static str {
    if holds(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(text, "Proc-Type: 4,ENCRYPTED")
    {
        "the key is encrypted with a password; decrypt it with `openssl pkey`"
    } else if holds(text, "-----BEGIN CERTIFICATE-----") {
        "contains a certificate instead of a key; are the two files swapped?"
    } else {
        "contains no key in PEM form; expected -----BEGIN PRIVATE KEY-----; convert a binary one with \
         `openssl pkey -inform der`"
    }
}

fn holds(text: &[u8], what: &str) -> bool {
    text.windows(what.len()).any(|part| part == what.as_bytes())
}

/// Shows the path of the certificate, for logs.
impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.certificates.display().fmt(f)
    }
}
