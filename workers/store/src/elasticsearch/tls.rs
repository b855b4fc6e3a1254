//! TLS trust in the certificates of `ES_CA_CERT`, in addition to the public authorities.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use crate::StoreError;

/// Client configuration that trusts the public authorities and the certificates in a PEM file.
///
/// # Errors
/// When the file is unreadable or holds no usable certificate.
pub(super) fn trusting(path: &Path) -> Result<ClientConfig, StoreError> {
    let unusable = |why: &str| {
        let text = format!("cannot use the certificate {} (ES_CA_CERT): {why}", path.display());
        StoreError::Misconfigured(format!(
            "{text}; set it to a PEM file with the authority's certificate, or unset it"
        ))
    };
    let pem = std::fs::read(path).map_err(|error| unusable(&error.kind().to_string()))?;
    let certificates: Result<Vec<CertificateDer<'static>>, _> =
        CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| unusable("it is no PEM file"))?;
    if certificates.is_empty() {
        return Err(unusable("it holds no PEM certificate"));
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in &certificates {
        let added = roots.add(certificate.clone());
        added.map_err(|_| unusable("it is damaged, or of a version before X.509 version 3"))?;
    }
    let provider = Arc::new(default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let webpki = verifier.map_err(|_| unusable("it names no authority"))?;
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|_| unusable("this program's TLS library takes no protocol version"))?;
    let pinned = Arc::new(Pinned { webpki, certificates });
    Ok(builder.dangerous().with_custom_certificate_verifier(pinned).with_no_client_auth())
}

/// Verifies like webpki, and also accepts a certificate from the file as the server's own if it is self-signed and
/// marked as an authority (`openssl req -x509` makes such certificates).
///
/// Still safe: webpki checks the dates before it refuses such a certificate, this type checks the host name, and the
/// server proves possession of the key by signing the handshake.
#[derive(Debug)]
struct Pinned {
    webpki: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(error)
                if is_authority(&error) && self.certificates.iter().any(|pinned| pinned == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Returns true when the only problem is that the server's certificate is marked as an authority.
pub(super) fn is_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(OtherError(cause)))
        if format!("{cause:?}") == "CaUsedAsEndEntity")
}
