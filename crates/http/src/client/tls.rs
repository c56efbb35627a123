//! Encryption of a client: whom it trusts, and what it says of those whom it does not.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use mainspring::Error;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// How handshakes are done. Only of who encrypts is it known who is trusted, which takes reading some files.
pub(super) fn config(is_encrypted: bool, roots: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Rejected(error.to_string().into()))?;
    if !is_encrypted {
        let nobody = RootCertStore::empty();
        return Ok(builder.with_root_certificates(nobody).with_no_client_auth());
    }
    let verifier = match roots {
        Some(pem) => those(pem, provider)?,
        None => those_of_the_system(provider)?,
    };
    // Dangerous only with a verifier that is no good: these are those of rustls.
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn those(pem: &[u8], with: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let refuse = |why: &str| Error::Rejected(format!("the authorities to trust: {why}").into());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| {
            refuse("a certificate begins and cannot be read to its end: is the file damaged?")
        })?;
        roots.add(certificate).map_err(|error| refuse(&error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refuse(
            "there is no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), with).build();
    Ok(verifier.map_err(|error| refuse(&error.to_string()))?)
}

fn those_of_the_system(with: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let verifier = Verifier::new(with).map_err(|error| {
        let what = "name the certificate of the authority to trust (root_certificates, --cacert)";
        Error::Rejected(format!("the system has no authorities to trust ({error}): {what}").into())
    })?;
    Ok(Arc::new(verifier))
}

/// Why there is no connection, if it is because of who answered, or how: and what to do.
pub(super) fn distrust(error: &reqwest::Error) -> Option<String> {
    use rustls::Error::{InvalidCertificate, InvalidMessage};

    match cause(error)? {
        InvalidCertificate(error) => Some(of_certificate(error)),
        InvalidMessage(_) => Some("the server does not speak TLS here: write http://".into()),
        _ => None,
    }
}

fn of_certificate(error: &CertificateError) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
    };

    let what = match error {
        // The latter is another authority of the same name: mostly one that was made anew.
        UnknownIssuer | BadSignature => {
            "name the certificate of the authority that signed it (root_certificates, --cacert)"
        }
        Expired | ExpiredContext { .. } => {
            "it has to be renewed, which the server need not be restarted for"
        }
        NotValidYet | NotValidYetContext { .. } => "is the clock of this machine right?",
        NotValidForName | NotValidForNameContext { .. } => {
            "use a name that it is for, or have it made again with the name in the URL"
        }
        error if error.to_string().contains("CaUsedAsEndEntity") => {
            "it is that of an authority: have one made for the server (basicConstraints CA:FALSE)"
        }
        _ => "have it made again",
    };
    format!("the certificate of the server is not trusted ({error}): {what}")
}

/// What rustls said. An error of I/O has it in itself, and does not name it as its source.
fn cause(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}
