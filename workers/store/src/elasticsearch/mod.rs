//! The search-engine store: Elasticsearch 7.10 to 9.x, OpenSearch 2 and 3.

mod answer;
mod bulk;
mod client;
mod conflicts;
mod delete;
mod doctor;
mod effect;
mod expire;
mod fault;
mod fetch;
mod groups;
mod host;
mod search;
mod shards;
mod tally;
mod templates;
mod tls;
mod unreached;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use tracing::warn;

use self::answer::StoreResponse;
use self::client::{ANSWER_BYTES, Client, Sent};
use crate::store::check_prefix;
use crate::{
    Batch, Cursor, DocumentKind, Findings, Group, Grouping, Health, Hit, Query, SetupReport, Span,
    StoreError, TallyCursor, Verdict,
};

/// Timeout of health requests.
const QUICK: Duration = Duration::from_secs(5);
/// Maximum bytes of a bulk request, below the servers' default limit of 100 MB.
const REQUEST_BYTES: usize = 90 << 20;

/// Address of the search engine and credentials.
#[derive(Clone)]
pub struct ElasticsearchSettings {
    /// `host:port` (meaning `http`) or a URL. Several, separated by commas, are used in turn.
    pub host: String,
    /// User name, if the server requires one.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// API key in its encoded form. Takes precedence over user and password.
    pub api_key: Option<SecretString>,
    /// PEM file with the certificate of a further authority to trust, or with the server's own self-signed
    /// certificate.
    pub ca_cert: Option<PathBuf>,
    /// Prefix of index and template names; empty by default.
    pub prefix: String,
    /// Timeout of one request.
    pub request_timeout: Duration,
}

impl ElasticsearchSettings {
    /// Settings for `host`, with defaults for the rest.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            user: None,
            password: None,
            api_key: None,
            ca_cert: None,
            prefix: String::new(),
            request_timeout: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for ElasticsearchSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The host may be a URL with user and password.
        let host = host::parse_hosts(&self.host).map_or_else(|_| "unusable".to_owned(), |hosts| hosts.name());
        let Self { host: _, user, password, api_key, ca_cert, prefix, request_timeout } = self;
        f.debug_struct("Settings")
            .field("host", &host)
            .field("user", &user.as_ref().map(|_| "..."))
            .field("password", password)
            .field("api_key", api_key)
            .field("ca_cert", ca_cert)
            .field("prefix", prefix)
            .field("request_timeout", request_timeout)
            .finish()
    }
}

/// A handle on the search engine. Clones share connections.
#[derive(Debug, Clone)]
pub struct Elasticsearch {
    inner: Arc<Inner>,
    request_bytes: usize,
    answer_bytes: usize,
    /// Pauses between attempts at a refused request.
    patience: Arc<[Duration]>,
}

struct Inner {
    client: Client,
    prefix: String,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client holds credentials.
        let Self { client, prefix } = self;
        f.debug_struct("Inner").field("name", &client.name()).field("prefix", prefix).finish_non_exhaustive()
    }
}

impl Elasticsearch {
    /// Creates the client without connecting; the first request reveals an unreachable server.
    ///
    /// # Errors
    /// When a setting is unusable.
    pub fn new(settings: ElasticsearchSettings) -> Result<Self, StoreError> {
        check_prefix(&settings.prefix)?;
        let hosts = host::parse_hosts(&settings.host)?;
        let client = Client::new(&settings, hosts)?;
        let inner = Inner { client, prefix: settings.prefix };
        Ok(Self {
            inner: Arc::new(inner),
            request_bytes: REQUEST_BYTES,
            answer_bytes: ANSWER_BYTES,
            patience: Arc::default(),
        })
    }

    /// Limits answers to `bytes`, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_answer_bytes(mut self, bytes: usize) -> Self {
        self.answer_bytes = bytes;
        self
    }

    /// Limits bulk requests to `bytes`, for servers with a lower limit than usual.
    #[must_use]
    pub fn with_request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = bytes;
        self
    }

    pub(crate) fn set_patience(&mut self, pauses: &[Duration]) {
        self.patience = pauses.into();
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.inner.prefix
    }

    /// Repeats a refused request: a starting search engine and its load balancer refuse for a while.
    async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        work: impl Fn() -> F,
    ) -> Result<T, StoreError> {
        for (attempt, pause) in self.patience.iter().enumerate() {
            match work().await {
                Err(error @ (StoreError::Refused(_) | StoreError::Denied(_))) => {
                    if attempt == 0 {
                        warn!("asking again for some seconds: {error}");
                    }
                    tokio::time::sleep(*pause).await;
                }
                outcome => return outcome,
            }
        }
        work().await
    }

    pub(crate) async fn bulk(&self, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
        self.patiently(|| bulk::write(self, batch)).await
    }

    pub(crate) async fn get(&self, kind: DocumentKind, id: &str) -> Result<Option<Hit>, StoreError> {
        Ok(self.get_many(kind, vec![id.to_owned()]).await?.pop())
    }

    pub(crate) async fn get_many(
        &self,
        kind: DocumentKind,
        ids: Vec<String>,
    ) -> Result<Vec<Hit>, StoreError> {
        self.patiently(|| fetch::get_many(self, kind, &ids)).await
    }

    pub(crate) async fn search(&self, query: &Query) -> Result<Vec<Hit>, StoreError> {
        self.patiently(|| search::search(self, query)).await
    }

    pub(crate) async fn count(&self, query: &Query) -> Result<u64, StoreError> {
        self.patiently(|| search::count(self, query)).await
    }

    pub(crate) async fn scan(
        &self,
        query: &Query,
        page: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Hit>, Option<Cursor>), StoreError> {
        self.patiently(|| search::scan(self, query, page, after.clone())).await
    }

    pub(crate) async fn leave(&self, place: String) {
        search::leave(self, place).await;
    }

    pub(crate) async fn group(
        &self,
        query: &Query,
        field: &'static str,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let spans = self.patiently(|| groups::spans(self, query, field, None)).await?;
        Ok(spans.into_iter().map(|span| (span.value, span.count)).collect())
    }

    pub(crate) async fn spans(
        &self,
        query: &Query,
        field: &'static str,
        time: &'static str,
    ) -> Result<Vec<Span>, StoreError> {
        self.patiently(|| groups::spans(self, query, field, Some(time))).await
    }

    pub(crate) async fn sum(&self, query: &Query, fields: &[&'static str]) -> Result<Vec<i64>, StoreError> {
        self.patiently(|| search::sum(self, query, fields)).await
    }

    pub(crate) async fn sums(
        &self,
        query: &Query,
        by: &'static str,
        fields: &[&'static str],
    ) -> Result<Vec<(String, Vec<i64>)>, StoreError> {
        self.patiently(|| groups::sums(self, query, by, fields)).await
    }

    pub(crate) async fn tally(
        &self,
        query: &Query,
        grouping: &Grouping,
        page: usize,
        after: Option<TallyCursor>,
    ) -> Result<(Vec<Group>, Option<TallyCursor>), StoreError> {
        self.patiently(|| tally::page(self, query, grouping, page, after.clone())).await
    }

    pub(crate) async fn expire(&self, kind: DocumentKind, before: Date) -> Result<u64, StoreError> {
        self.patiently(|| expire::expire(self, kind, before)).await
    }

    pub(crate) async fn delete(&self, hits: &[Hit]) -> Result<u64, StoreError> {
        self.patiently(|| delete::delete(self, hits)).await
    }

    pub(crate) async fn remembers_deleted(&self) -> Result<Duration, StoreError> {
        delete::remembers(self).await
    }

    pub(crate) async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        delete::clock(self).await
    }

    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        self.patiently(|| self.refresh_once()).await
    }

    /// Skips red indices, for which the server would wait a minute; a search that needs one reports it.
    async fn refresh_once(&self) -> Result<(), StoreError> {
        let red = shards::red(self).await;
        let well = DocumentKind::ALL.into_iter().filter(|kind| !red.iter().any(|red| red == kind.name()));
        let mut indices = well.map(|kind| self.indices(kind)).collect::<Vec<_>>().join(",");
        for red in red.iter().filter(|red| red.contains('-')) {
            indices.push_str(&format!(",-{}{red}", self.prefix()));
        }
        let path = format!("{indices}/_refresh?ignore_unavailable=true&allow_no_indices=true");
        self.ask(Method::POST, &path, ()).await?.accepted()?;
        Ok(())
    }

    pub(crate) async fn setup(&self) -> Result<SetupReport, StoreError> {
        self.patiently(|| templates::load(self)).await
    }

    pub(crate) async fn check(&self) -> Result<Health, StoreError> {
        self.patiently(|| templates::check(self)).await
    }

    pub(crate) async fn examine(&self) -> Result<Findings, StoreError> {
        self.patiently(|| doctor::examine(self)).await
    }

    pub(crate) async fn trouble(&self) -> Option<String> {
        doctor::trouble(self).await
    }

    pub(crate) async fn healthy(&self) -> bool {
        let answer = self.ask_within(Method::GET, "", (), Some(QUICK)).await;
        // A refusal is an answer too: only real work shows whether work is accepted.
        match answer {
            Ok(answer) => !answer.status.is_server_error() && answer.status != StatusCode::TOO_MANY_REQUESTS,
            Err(error) => matches!(error, StoreError::Refused(_)),
        }
    }

    pub(crate) async fn wipe_prefix(&self) -> Result<(), StoreError> {
        templates::wipe(self).await
    }

    /// Index pattern of a kind.
    fn indices(&self, kind: DocumentKind) -> String {
        let star = if kind.is_split() { "-*" } else { "" };
        format!("{}{}{star}", self.inner.prefix, kind.name())
    }

    /// Index patterns of all kinds.
    fn all_indices(&self) -> String {
        DocumentKind::ALL.map(|kind| self.indices(kind)).join(",")
    }

    /// The hosts without credentials, for messages.
    fn name(&self) -> &str {
        self.inner.client.name()
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Sent>,
    ) -> Result<StoreResponse, StoreError> {
        self.ask_within(method, path, body, None).await
    }

    async fn ask_within(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Sent>,
        timeout: Option<Duration>,
    ) -> Result<StoreResponse, StoreError> {
        let sent = self.inner.client.send(method, path, body.into(), timeout, self.answer_bytes);
        sent.await?.of_search_engine()
    }
}
