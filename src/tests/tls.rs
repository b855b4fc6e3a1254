//! TLS to the servers and to Opencast: always verified, with the configured authority.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use simulator::opencast::{Dialect, Opencast, OpencastSettings};

use crate::program::{Ended, Program, closed_date, eventually};
use crate::servers::{server, unique};

/// An authority, and an acceptor with its certificate for `localhost`.
struct Identity {
    authority: String,
    acceptor: TlsAcceptor,
}

impl Identity {
    fn new() -> Self {
        let mut made = Self::of([|_: &mut CertificateParams| {}]);
        made.remove(0)
    }

    /// Servers' certificates by one authority, changed each in its way.
    fn of<const N: usize>(changes: [fn(&mut CertificateParams); N]) -> Vec<Self> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        changes.into_iter().map(|change| Self::signed(&authority, &issuer, change)).collect()
    }

    fn signed(authority: &str, issuer: &Issuer<'_, KeyPair>, change: fn(&mut CertificateParams)) -> Self {
        let server_key = KeyPair::generate().unwrap();
        let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut server);
        let certificate = server.signed_by(&server_key, issuer).unwrap();
        let secret = PrivateKeyDer::try_from(server_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(
            tokio_rustls::rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
        Self { authority: authority.to_owned(), acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// Terminates TLS in front of a real server; returns the port.
    async fn in_front_of(&self, address: String) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        self.serve(listener, address);
        port
    }

    fn serve(&self, listener: TcpListener, address: String) -> JoinHandle<()> {
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, address) = (acceptor.clone(), address.clone());
                tokio::spawn(async move {
                    // A client that refuses the certificate closes the connection, which half of the tests expect.
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    let mut outside = TcpStream::connect(address).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                });
            }
        })
    }
}

fn port_of(url: &str) -> &str {
    let after = url.rsplit_once(':').unwrap().1;
    after.split('/').next().unwrap()
}

/// A program with the authority's certificate in a file.
fn program(identity: &Identity) -> Program {
    let program = Program::new()
        .with("UA_QUEUE_PREFIX", unique("t"))
        .with("UA_INDEX_PREFIX", format!("{}-", unique("t")));
    std::fs::write(program.path().join("ca.pem"), &identity.authority).unwrap();
    program
}

async fn setup(program: Program) -> Ended {
    tokio::task::spawn_blocking(move || program.call(&["setup"])).await.unwrap()
}

fn refused(ended: &Ended, variable: &str) {
    assert_ne!(ended.code, Some(0), "{}", ended.out);
    let said = ended.err.to_lowercase();
    assert!(said.contains("certificate") && ended.err.contains(variable), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_is_reached_over_tls_when_its_authority_is_trusted_and_only_then() {
    let Some(url) = server("UA_TEST_AMQP_URL") else { return };
    let identity = Identity::new();
    let port = identity.in_front_of(format!("127.0.0.1:{}", port_of(&url))).await;
    let at = |host: &str| format!("amqps://guest:guest@{host}:{port}/%2f");
    let trusted =
        setup(program(&identity).with("AMQP_URL", at("localhost")).with("AMQP_CA_CERT", "ca.pem")).await;
    assert_eq!(trusted.code, Some(0), "{}", trusted.err);
    refused(&setup(program(&identity).with("AMQP_URL", at("localhost"))).await, "AMQP_URL");
    // The certificate is for another name.
    refused(
        &setup(program(&identity).with("AMQP_URL", at("127.0.0.1")).with("AMQP_CA_CERT", "ca.pem")).await,
        "AMQP_URL",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticsearch_is_reached_over_tls_when_its_authority_is_trusted_and_only_then() {
    let Some(url) = server("UA_TEST_ES_9") else { return };
    let identity = Identity::new();
    let port = identity.in_front_of(format!("127.0.0.1:{}", port_of(&url))).await;
    let at = |host: &str| format!("https://{host}:{port}");
    let trusted =
        setup(program(&identity).with("ES_HOST", at("localhost")).with("ES_CA_CERT", "ca.pem")).await;
    assert_eq!(trusted.code, Some(0), "{}", trusted.err);
    refused(&setup(program(&identity).with("ES_HOST", at("localhost"))).await, "ES_CA_CERT");
    refused(
        &setup(program(&identity).with("ES_HOST", at("127.0.0.1")).with("ES_CA_CERT", "ca.pem")).await,
        "ES_HOST",
    );
}

fn expired(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_expired_is_waited_for_at_the_start() {
    let (Some(amqp), Some(search)) = (server("UA_TEST_AMQP_URL"), server("UA_TEST_ES_9")) else { return };
    let made = Identity::of([expired, |_| {}]);
    let (old, new) = (&made[0], &made[1]);
    for (ours, theirs, variable) in [(&amqp, &search, "AMQP_URL"), (&search, &amqp, "ES_HOST")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behind = format!("127.0.0.1:{}", port_of(ours));
        let serving = old.serve(listener, behind.clone());
        let port = address.port();
        let program = match variable {
            "AMQP_URL" => program(old)
                .with("AMQP_URL", format!("amqps://guest:guest@localhost:{port}/%2f"))
                .with("AMQP_CA_CERT", "ca.pem")
                .with("ES_HOST", theirs),
            _ => program(old)
                .with("AMQP_URL", theirs)
                .with("ES_HOST", format!("https://localhost:{port}"))
                .with("ES_CA_CERT", "ca.pem"),
        };
        let mut worker = program.start(&["work", "index"], "work.log");
        let log = || std::fs::read_to_string(program.path().join("work.log")).unwrap_or_default();
        eventually("expiry is named", 60, async || log().contains("has expired")).await;
        assert!(worker.is_running(), "{variable}: {}", log());
        let said = program.call(&["status"]);
        let said = format!("{}{}", said.out, said.err);
        assert!(said.contains("has expired") && !said.contains("InvalidCertificate"), "{said}");
        // Renewed, it is used without a restart.
        serving.abort();
        let _ = serving.await;
        let listener = TcpListener::bind(address).await.unwrap();
        new.serve(listener, behind);
        eventually("the certificate is renewed", 90, async || program.call(&["setup"]).code == Some(0)).await;
        eventually("it works", 90, async || program.call(&["status"]).out.contains("index")).await;
        assert_eq!(worker.terminate(), Some(0), "{}", log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opencast_is_reached_over_tls_when_its_authority_is_trusted_and_only_then() {
    let identity = Identity::new();
    let settings =
        OpencastSettings { dialect: Dialect::Dce, actions_per_day: 200, ..OpencastSettings::default() };
    let opencast = Opencast::start(settings).await.unwrap();
    let port = identity.in_front_of(format!("127.0.0.1:{}", port_of(&opencast.url()))).await;
    let run = |host: &str, authority: Option<&str>| {
        let url = format!("https://{host}:{port}");
        let program = program(&identity).with_opencast(&opencast);
        let program = program.with("OPENCAST_ENGAGE_URL", &url).with("OPENCAST_ADMIN_URL", &url);
        let program = match authority {
            Some(file) => program.with("OPENCAST_CA_CERT", file),
            None => program,
        };
        let words = ["run", "--source", "opencast", "--date", &closed_date()].map(str::to_owned);
        tokio::task::spawn_blocking(move || program.call(&words.each_ref().map(String::as_str)))
    };
    let trusted = run("localhost", Some("ca.pem")).await.unwrap();
    assert_eq!(trusted.code, Some(0), "{}", trusted.err);
    assert!(opencast.ledger_summary().by_path["/usertracking/actions.json"] > 0, "{}", trusted.out);
    refused(&run("localhost", None).await.unwrap(), "OPENCAST_CA_CERT");
    // The certificate is for another name.
    refused(&run("127.0.0.1", Some("ca.pem")).await.unwrap(), "OPENCAST_CA_CERT");
    // The file does not exist.
    let nowhere = run("localhost", Some("nowhere.pem")).await.unwrap();
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.out);
    assert!(
        nowhere.err.contains("OPENCAST_CA_CERT") && nowhere.err.contains("nowhere.pem"),
        "{}",
        nowhere.err
    );
    opencast.stop().await;
}
