//! HTTP client for one or several hosts. Follows no redirects and limits the size of answers. The crate
//! `elasticsearch` only builds API paths: its own transport follows redirects and does not limit answers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::answer::StoreResponse;
use super::host::{self, Hosts};
use super::{ElasticsearchSettings, tls, unreached};
use crate::StoreError;

/// Maximum bytes of an answer after decompression. A page of a scan is far smaller; a document has at most 90 MiB.
pub(super) const ANSWER_BYTES: usize = 128 << 20;
/// Maximum bytes to read of an error answer.
const ERROR_BYTES: usize = 256 << 10;
/// Timeout of connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to the hosts in turn.
pub(super) struct Client {
    http: reqwest::Client,
    hosts: Vec<Url>,
    next: AtomicUsize,
    credentials: Credentials,
    /// The hosts without credentials, for errors.
    name: String,
}

enum Credentials {
    None,
    Basic(String, SecretString),
    Header(HeaderValue),
}

/// Request body. `None` sends no body, because some proxies refuse a GET with an empty one.
pub(super) struct Sent(Option<Bytes>);

impl From<()> for Sent {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl From<String> for Sent {
    fn from(body: String) -> Self {
        Self(Some(body.into()))
    }
}

impl From<Bytes> for Sent {
    fn from(body: Bytes) -> Self {
        Self(Some(body))
    }
}

impl Client {
    /// Creates the client without connecting.
    ///
    /// # Errors
    /// When a setting is unusable.
    pub(super) fn new(settings: &ElasticsearchSettings, hosts: Hosts) -> Result<Self, StoreError> {
        let name = hosts.name();
        let Hosts { urls, user, password } = hosts;
        let credentials = credentials(settings, user, password)?;
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(settings.request_timeout)
            .connect_timeout(CONNECT_TIMEOUT.min(settings.request_timeout));
        if urls.iter().all(host::is_loopback) {
            // A proxy cannot reach servers on this machine.
            builder = builder.no_proxy();
        }
        if let Some(path) = &settings.ca_cert {
            builder = builder.use_preconfigured_tls(tls::trusting(path)?);
        }
        let http = builder.build().map_err(|error| {
            StoreError::Misconfigured(format!(
                "cannot make the client for ES_HOST: {error}; check ES_HOST and ES_CA_CERT"
            ))
        })?;
        let hosts = urls.into_iter().map(as_folder).collect();
        Ok(Self { http, hosts, next: AtomicUsize::new(0), credentials, name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends one request. The answer's body has at most `most` bytes.
    ///
    /// # Errors
    /// When no complete answer arrives, or it is too large.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        Sent(body): Sent,
        timeout: Option<Duration>,
        most: usize,
    ) -> Result<StoreResponse, StoreError> {
        let url = self.url(path)?;
        let away = |error: reqwest::Error| StoreError::Away(unreached::words(&self.name, &url, &error));
        let mut request = self.with_credentials(self.http.request(method, url.clone()));
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.header(ACCEPT, "application/json").send().await.map_err(away)?;
        let status = response.status();
        let target = response.headers().get(LOCATION).and_then(|target| host_of(&url, target));
        let most = if status.is_success() { most } else { ERROR_BYTES };
        let body = read(response, most).await.map_err(away)?;
        let name = self.name.clone();
        match body {
            Some(body) => Ok(StoreResponse { status, body, name, target }),
            // Too long for an error object; the status suffices.
            None if !status.is_success() => Ok(StoreResponse { status, body: Bytes::new(), name, target }),
            None => Err(StoreError::Away(format!(
                "{name} answers {status} with more than {} MB; is it a search engine, and is ES_HOST right?",
                most >> 20
            ))),
        }
    }

    fn url(&self, path: &str) -> Result<Url, StoreError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let host = self.hosts.get(turn % self.hosts.len().max(1));
        let url = host.and_then(|host| host.join(path.trim_start_matches('/')).ok());
        url.ok_or_else(|| {
            StoreError::Misconfigured("ES_HOST names no host; set host:port or https://host:port".to_owned())
        })
    }

    fn with_credentials(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Credentials::None => request,
            Credentials::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
            Credentials::Header(value) => request.header(AUTHORIZATION, value.clone()),
        }
    }
}

/// Reads the body. Returns `None` when it has more than `most` bytes; holds at most one further chunk.
async fn read(mut response: Response, most: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if chunk.len() > most - body.len() {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

/// Host of a redirect. Never the path, which may hold a token.
fn host_of(url: &Url, target: &HeaderValue) -> Option<String> {
    let target = url.join(target.to_str().ok()?).ok()?;
    target.host_str().map(str::to_owned)
}

/// Appends a slash: `Url::join` replaces the last path segment otherwise.
fn as_folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

fn credentials(
    settings: &ElasticsearchSettings,
    user: Option<String>,
    password: Option<String>,
) -> Result<Credentials, StoreError> {
    if let Some(key) = &settings.api_key {
        let key = key.expose_secret();
        let header = HeaderValue::try_from(format!("ApiKey {key}")).ok();
        let Some(mut header) = header.filter(|_| key.bytes().all(|byte| byte.is_ascii_graphic())) else {
            let text = "the API key (ES_API_KEY) has characters that no key has; set it to the encoded key";
            return Err(StoreError::Misconfigured(text.to_owned()));
        };
        header.set_sensitive(true);
        return Ok(Credentials::Header(header));
    }
    let password = settings.password.clone().or_else(|| password.map(SecretString::from));
    Ok(match settings.user.clone().or(user) {
        Some(user) => Credentials::Basic(user, password.unwrap_or_default()),
        None => Credentials::None,
    })
}
