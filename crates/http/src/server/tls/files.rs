//! The two files: what they hold, and what is wrong with it.

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

/// Why a certificate and its key cannot be used: which file it is, and what to do. Nothing of what is in the files.
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

    /// The file that something is wrong with.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Where a certificate and its key are.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificates: PathBuf,
    pub(super) key: PathBuf,
}

/// What the files hold.
pub(super) struct Read {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

/// A certificate with its key.
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// In seconds since 1970.
    pub(super) expires: Option<i64>,
    /// Of the files that it is from.
    pub(super) print: u64,
}

impl Read {
    /// What tells it from what was there before, so that the text of a key need not be kept for that.
    pub(super) fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.certificates, &self.key).hash(&mut hasher);
        hasher.finish()
    }
}

impl Files {
    pub(super) fn read(&self) -> Result<Read, TlsError> {
        let read = |file: &Path| {
            std::fs::read(file).map_err(|error| {
                let why = format!(
                    "cannot be read ({error}): is this the path, and may the server read it?"
                );
                TlsError::new(file, why)
            })
        };
        Ok(Read { certificates: read(&self.certificates)?, key: read(&self.key)? })
    }

    pub(super) fn pair(&self, read: &Read) -> Result<Pair, TlsError> {
        let certificates = self.certificates(&read.certificates)?;
        let expires = certificates.first().and_then(|first| not_after(first));
        // Without what the parser says: it repeats the lines that it cannot read.
        let key = PrivateKeyDer::from_pem_slice(&read.key)
            .map_err(|_| TlsError::new(&self.key, no_key(&read.key)))?;
        let certified = CertifiedKey::from_der(certificates, key, &ring::default_provider());
        let certified = certified.map_err(|error| self.unusable(&error))?.into();
        Ok(Pair { certified, expires, print: read.print() })
    }

    fn certificates(&self, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let refuse = |why| Err(TlsError::new(&self.certificates, why));
        match CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>() {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) if holds(text, "PRIVATE KEY-----") => {
                refuse("holds a key and no certificate: are the two files swapped?")
            }
            Ok(_) => refuse(
                "holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----; \
                 `openssl x509 -inform der` makes it of the binary form",
            ),
            Err(_) => {
                refuse("is damaged: a certificate in it begins and cannot be read to its end")
            }
        }
    }

    /// Both can be read, and do not make a pair.
    pub(super) fn unusable(&self, error: &rustls::Error) -> TlsError {
        use rustls::Error::{InconsistentKeys, InvalidCertificate};

        let certificates = self.certificates.display();
        match error {
            InconsistentKeys(_) => TlsError::new(
                &self.key,
                format!(
                    "is not the key of the first certificate in {certificates}: give the two that were made together"
                ),
            ),
            InvalidCertificate(error) => {
                let why =
                    format!("its first certificate cannot be used ({error}): have it made again");
                TlsError::new(&self.certificates, why)
            }
            // Only the kind of a key is ever told here.
            error => TlsError::new(
                &self.key,
                format!("cannot be used ({error}): keys are ECDSA (P-256, P-384), Ed25519 or RSA"),
            ),
        }
    }

    /// Log what is allowed and hardly what was meant.
    pub(super) fn warn(&self, pair: &Pair) {
        #[cfg(unix)]
        if let Ok(about) = std::fs::metadata(&self.key) {
            use std::os::unix::fs::PermissionsExt;

            if about.permissions().mode() & 0o007 != 0 {
                let key = self.key.display();
                tracing::warn!(%key, "everybody on this machine can reach the key: `chmod o= {key}`");
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        if pair.expires.is_some_and(|expires| expires <= now.cast_signed()) {
            tracing::warn!(certificates = %self, "the certificate has expired, and clients will refuse it: renew it");
        }
    }
}

fn no_key(text: &[u8]) -> &'static str {
    if holds(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(text, "Proc-Type: 4,ENCRYPTED")
    {
        "the key has a password, and there is nobody to ask for it: take it off with `openssl pkey`"
    } else if holds(text, "-----BEGIN CERTIFICATE-----") {
        "holds a certificate and no key: are the two files swapped?"
    } else {
        "holds no key in PEM form, which begins with -----BEGIN PRIVATE KEY-----; `openssl pkey -inform der` makes it \
         of the binary form"
    }
}

fn holds(text: &[u8], what: &str) -> bool {
    text.windows(what.len()).any(|part| part == what.as_bytes())
}

/// The one that has a name in the log.
impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.certificates.display().fmt(f)
    }
}
