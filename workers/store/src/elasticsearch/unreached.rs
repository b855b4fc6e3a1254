//! Messages for failed connections. Never the text of a library, which may repeat URLs or address its developers.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;

use reqwest::Url;
use rustls::{CertificateError, Error as TlsError};

use super::tls::is_authority;

/// Command that makes an acceptable certificate.
const RECIPE: &str = "openssl req -x509 -newkey rsa:3072 -nodes -days 825 -keyout key.pem -out cert.pem \
                      -subj \"/CN=HOST\" -addext \"subjectAltName=TYPE:HOST\"";

/// Describes what failed and the next step.
pub(super) fn words(name: &str, url: &Url, error: &reqwest::Error) -> String {
    let host = url.host_str().unwrap_or_default();
    if let Some(error) = causes(error).find_map(tls_error) {
        return format!("cannot reach {name} over TLS: {}", tls_words(error, host));
    }
    if error.is_timeout() {
        return format!("cannot reach {name}: no answer in time; is it running, and is ES_HOST right?");
    }
    if causes(error).any(|cause| cause.to_string().starts_with("dns error")) {
        return format!("cannot reach {name}: its name cannot be resolved; is ES_HOST right?");
    }
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
    match io {
        why if error.is_connect() => {
            let why = why.map_or_else(|| "no connection".to_owned(), |error| error.kind().to_string());
            format!("cannot reach {name}: {why}; is it running, and is ES_HOST right?")
        }
        Some(error) => format!("{name} broke the connection off: {}{}", error.kind(), hint(url)),
        None if error.is_decode() || error.is_body() => {
            format!("{name} broke the connection off, or its answer cannot be unpacked")
        }
        None => format!("{name} broke the connection off, or does not speak HTTP{}", hint(url)),
    }
}

fn hint(url: &Url) -> &'static str {
    if url.scheme() == "http" { "; if it speaks TLS, write https:// in ES_HOST" } else { "" }
}

/// The error and its sources, including errors wrapped in an I/O error.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), below)
}

fn below<'a>(error: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let error: &'a (dyn StdError + 'static) = *error;
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    error.downcast_ref()
}

fn tls_words(error: &TlsError, host: &str) -> String {
    let host = host.trim_matches(['[', ']']);
    let type_of = if host.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    let own = RECIPE.replace("TYPE", type_of).replace("HOST", host);
    match error {
        TlsError::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired; renew it, or correct this machine's clock".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; correct this machine's clock, or renew the certificate".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
                "its certificate is not for {host}: put that name into its subjectAltName, or set ES_HOST to the name in it; \
                 this makes one: {own}"
            ),
            CertificateError::UnknownIssuer => {
                "its certificate is signed by an authority that is not known here; set ES_CA_CERT to that authority's certificate (PEM)"
                    .to_owned()
            }
            CertificateError::Revoked => "its certificate is revoked; renew it".to_owned(),
            _ if is_authority(&TlsError::InvalidCertificate(error.clone())) => format!(
                "its certificate is an authority's own, and not the one of ES_CA_CERT; set ES_CA_CERT to the server's certificate, \
                 or make another: {own}"
            ),
            _ => format!("its certificate cannot be used; this makes one that can: {own}"),
        },
        TlsError::InvalidMessage(_) => {
            "it does not speak TLS at this port; write http:// in ES_HOST, or set the port that speaks TLS".to_owned()
        }
        TlsError::PeerIncompatible(_) => "it offers no TLS version of 1.2 or later; update it".to_owned(),
        TlsError::AlertReceived(_) => {
            "it ended the handshake; does it ask for a client certificate? ua has none".to_owned()
        }
        _ => "the handshake failed; look at the log of the search engine".to_owned(),
    }
}
