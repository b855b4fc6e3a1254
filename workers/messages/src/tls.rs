//! Explains errors of a TLS handshake to the operator.
//!
//! Independent of every TLS library: the connecting crates use different versions, so only rustls' error texts arrive.

/// Explains the TLS error text `said` and names the next step. `authority` is the setting for certificate authorities,
/// for example `ES_CA_CERT`. Returns `None` if the text is not about TLS.
pub fn explain(said: &str, authority: &str) -> Option<String> {
    let said = said.to_ascii_lowercase();
    let (_, meaning) = MEANINGS.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)))?;
    Some(meaning.replace("{authority}", authority))
}

/// Words in errors of rustls and their explanations. The first match applies.
const MEANINGS: [(&[&str], &str); 14] = [
    (
        &["causedasendentity"],
        "the server uses the certificate of an authority as its own: create a server certificate without CA:TRUE, with the \
         server's name in subjectAltName, sign it with that authority, and set {authority} to the authority's certificate",
    ),
    (
        &["unknownissuer", "unknown issuer", "unknownca"],
        "the authority that signed the server's certificate is not trusted: set {authority} to a PEM file with that \
         authority's certificate",
    ),
    (
        &["certificate expired", "certexpired", "certificateexpired"],
        "the server's certificate has expired: renew it on the server; if it has not, correct this machine's clock",
    ),
    (
        &["not valid yet", "certnotvalidyet"],
        "the server's certificate is not valid yet: compare the clocks of the server and of this machine",
    ),
    (
        &["not valid for name", "certnotvalidforname", "notvalidforname"],
        "the server's certificate is for another name: use a name from the certificate in the address, or add this name to its \
         subjectAltName",
    ),
    (&["revoked"], "the server's certificate is revoked: replace it on the server"),
    (
        &["extendedkeyusage", "invalidpurpose", "required eku"],
        "the server's certificate is not made for servers: create one with the extended key usage serverAuth",
    ),
    (
        &["unsupportedcertversion"],
        "the server's certificate is of X.509 version 1: create one of version 3 with a subjectAltName",
    ),
    (
        &["badencoding", "badsignature", "unsupportedsignaturealgorithm", "invalid peer certificate"],
        "the server's certificate cannot be verified: replace it, and check that {authority} is of the authority that signed it",
    ),
    (
        &["certificaterequired", "certificate required"],
        "the server asks for a client certificate, which ua does not have: switch that off for this listener",
    ),
    (
        &["invalidcontenttype", "corrupt message", "invalidmessage", "wrong version number"],
        "the server does not speak TLS on this port: use its TLS port, or the scheme without TLS",
    ),
    (
        &["peer is incompatible", "protocolversion", "handshakefailure", "insufficientsecurity"],
        "the server offers no TLS version or cipher that is accepted here: enable TLS 1.2 or 1.3 on the server",
    ),
    (
        &["unrecognisedname", "unrecognizedname"],
        "the server knows no host of this name: check the name in the address",
    ),
    (
        &["tls handshake eof", "fatal alert", "handshake"],
        "the server ended the TLS handshake: check that this is its TLS port, and read its log",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_rustls_are_explained_without_their_names() {
        let cases = [
            ("invalid peer certificate: UnknownIssuer", "not trusted: set ES_CA_CERT"),
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "without CA:TRUE"),
            ("invalid peer certificate: certificate expired: verification time 1 (UNIX)", "has expired"),
            ("invalid peer certificate: certificate not valid yet: verification time 1", "not valid yet"),
            ("invalid peer certificate: certificate not valid for name \"127.0.0.1\"", "another name"),
            ("received corrupt message of type InvalidContentType", "does not speak TLS"),
            ("invalid peer certificate: BadSignature", "cannot be verified"),
            ("peer is incompatible: ServerTlsVersionIsDisabled", "TLS 1.2 or 1.3"),
            ("received fatal alert: CertificateRequired", "client certificate"),
            ("received fatal alert: InternalError", "ended the TLS handshake"),
            ("tls handshake eof", "ended the TLS handshake"),
        ];
        for (said, means) in cases {
            let explained = explain(said, "ES_CA_CERT").unwrap();
            assert!(explained.contains(means), "{said}: {explained}");
            assert!(!explained.contains("InvalidContentType") && !explained.contains('{'), "{explained}");
        }
    }

    #[test]
    fn what_is_not_about_tls_is_left_alone() {
        for said in ["connection refused", "no answer in time", "", "Resource temporarily unavailable"] {
            assert_eq!(explain(said, "ES_CA_CERT"), None, "{said}");
        }
    }
}
