//! TLS: self-signed certificates of `ES_CA_CERT` are accepted; errors say what to do.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use store::{DocumentKind, Elasticsearch, Query, Store, StoreError, elasticsearch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

struct Server {
    address: SocketAddr,
    pem: tempfile::NamedTempFile,
}

/// A server with a self-signed certificate for these names.
async fn server(names: &[&str], change: impl Fn(&mut CertificateParams)) -> Server {
    let mut params =
        CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    serve(certificate.pem(), key.serialize_pem()).await
}

/// A server with this certificate and key, each as PEM.
async fn serve(certificate: String, key: String) -> Server {
    let pem = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(pem.path(), &certificate).unwrap();
    let shown = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![shown], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut some = [0; 65_536];
                let _ = stream.read(&mut some).await;
                let answer =
                    "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"count\":7}";
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    Server { address, pem }
}

impl Server {
    async fn asked(&self, host: &str, ca_cert: Option<&Server>) -> Result<u64, StoreError> {
        let url = format!("https://{host}:{}", self.address.port());
        let ca_cert = ca_cert.map(|server| server.pem.path().to_owned());
        let settings = elasticsearch::ElasticsearchSettings {
            ca_cert,
            ..elasticsearch::ElasticsearchSettings::new(url)
        };
        Store::Elasticsearch(Elasticsearch::new(settings)?).count(&Query::all(DocumentKind::Meetings)).await
    }
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn words(outcome: Result<u64, StoreError>) -> String {
    let text = outcome.unwrap_err().to_string();
    for raw in [
        "CaUsedAsEndEntity",
        "InvalidCertificate",
        "InvalidContentType",
        "UnknownIssuer",
        "NotValidForName",
        "webpki",
    ] {
        assert!(!text.contains(raw), "{text}");
    }
    text
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_named_is_accepted() {
    for change in [(|_: &mut CertificateParams| {}) as fn(&mut CertificateParams), authority] {
        let server = server(&["localhost", "127.0.0.1"], change).await;
        assert_eq!(server.asked("localhost", Some(&server)).await, Ok(7));
        assert_eq!(server.asked("127.0.0.1", Some(&server)).await, Ok(7));
        let text = words(server.asked("localhost", None).await);
        assert!(text.contains("ES_CA_CERT"), "{text}");
    }
}

#[tokio::test]
async fn another_certificate_another_host_and_another_time_are_not_accepted() {
    let other = server(&["localhost"], authority).await;
    let server_of = |name: &'static str| async move { server(&[name], authority).await };
    let named = server_of("localhost").await;
    let text = words(named.asked("localhost", Some(&other)).await);
    assert!(text.contains("ES_CA_CERT") && text.contains("openssl"), "{text}");
    let elsewhere = server_of("search.example.edu").await;
    let text = words(elsewhere.asked("localhost", Some(&elsewhere)).await);
    assert!(text.contains("not for localhost") && text.contains("subjectAltName=DNS:localhost"), "{text}");
    let old = server(&["localhost"], |params| {
        authority(params);
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    })
    .await;
    let text = words(old.asked("localhost", Some(&old)).await);
    assert!(text.contains("expired"), "{text}");
}

#[tokio::test]
async fn the_command_that_a_message_shows_makes_a_certificate_that_is_accepted() {
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        let _ = writeln!(std::io::stderr(), "left out: there is no openssl");
        return;
    }
    let elsewhere = server(&["search.example.edu"], authority).await;
    for host in ["localhost", "127.0.0.1"] {
        let text = words(elsewhere.asked(host, Some(&elsewhere)).await);
        let command = &text[text.find("openssl req").unwrap()..];
        let folder = tempfile::tempdir().unwrap();
        let made =
            std::process::Command::new("sh").args(["-ec", command]).current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "{command}: {}", String::from_utf8_lossy(&made.stderr));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let own = serve(read("cert.pem"), read("key.pem")).await;
        assert_eq!(own.asked(host, Some(&own)).await, Ok(7), "{command}");
    }
}

#[tokio::test]
async fn a_port_that_speaks_no_tls_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let store =
        Store::Elasticsearch(Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(url)).unwrap());
    let text = words(store.count(&Query::all(DocumentKind::Meetings)).await);
    assert!(text.contains("does not speak TLS") && text.contains("http://"), "{text}");
    let server = server(&["localhost"], authority).await;
    let url = format!("http://localhost:{}", server.address.port());
    let store =
        Store::Elasticsearch(Elasticsearch::new(elasticsearch::ElasticsearchSettings::new(url)).unwrap());
    let text = words(store.count(&Query::all(DocumentKind::Meetings)).await);
    assert!(text.contains("https://"), "{text}");
}
