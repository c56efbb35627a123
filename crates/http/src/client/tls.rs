//! TLS of a client: the authorities that it trusts, and errors of certificates.

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

/// The TLS configuration. The authorities are loaded only if the address is encrypted, because that reads files.
pub(super) fn config(is_encrypted: bool, roots: Option<&[u8]>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Rejected(error.to_string().into()))?;
    if !is_encrypted {
        let empty = RootCertStore::empty();
        return Ok(builder.with_root_certificates(empty).with_no_client_auth());
    }
    let verifier = match roots {
        Some(pem) => custom_verifier(pem, provider)?,
        None => system_verifier(provider)?,
    };
    // "Dangerous" refers to custom verifiers that verify nothing; both verifiers here are complete ones.
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn custom_verifier(
    pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let invalid = |why: &str| Error::Rejected(format!("invalid root certificates: {why}").into());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate
            .map_err(|_| invalid("a certificate is incomplete; is the file damaged?"))?;
        roots.add(certificate).map_err(|error| invalid(&error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(invalid(
            "no certificate in PEM form found; expected -----BEGIN CERTIFICATE-----",
        ));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    Ok(verifier.map_err(|error| invalid(&error.to_string()))?)
}

fn system_verifier(provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let verifier = Verifier::new(provider).map_err(|error| {
        let what = "set the certificate of the authority to trust (root_certificates, --cacert)";
        Error::Rejected(format!("the system has no trusted authorities ({error}); {what}").into())
    })?;
    Ok(Arc::new(verifier))
}

/// Describes a failed connection, if the failure is about TLS: the reason, and what to do.
pub(super) fn trust_failure(error: &reqwest::Error) -> Option<String> {
    use rustls::Error::{InvalidCertificate, InvalidMessage};

    match cause(error)? {
        InvalidCertificate(error) => Some(certificate_failure(error)),
        InvalidMessage(_) => Some("the server does not use TLS on this port; use http://".into()),
        _ => None,
    }
}

fn certificate_failure(error: &CertificateError) -> String {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
    };

    let advice = match error {
        // `BadSignature` is another authority of the same name: usually one that was created again.
        UnknownIssuer | BadSignature => {
            "set the certificate of the authority that signed it (root_certificates, --cacert)"
        }
        Expired | ExpiredContext { .. } => "renew it; the server need not be restarted",
        NotValidYet | NotValidYetContext { .. } => "check the clock of this machine",
        NotValidForName | NotValidForNameContext { .. } => {
            "use a name of the certificate, or issue it again with the name in the URL"
        }
        error if error.to_string().contains("CaUsedAsEndEntity") => {
            "it is the certificate of an authority; issue one for the server (basicConstraints CA:FALSE)"
        }
        _ => "issue it again",
    };
    format!("the certificate of the server is not trusted ({error}): {advice}")
}

/// Finds the error of rustls. An I/O error contains it, but does not return it as its source.
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
