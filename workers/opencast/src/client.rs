//! The client of Opencast: waits for the rate limit, signs, sends, classifies. Every request passes through it.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use messages::{Calls, CauseClass};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use runtime::body::{self, BodyError};
use runtime::calls::{calling, waiting};
use runtime::circuit_breaker::{Admission, CircuitBreaker};
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tracing::debug;

use crate::atlas::{self, Answered, OpencastError, Reason, Verdict};
use crate::auth::{Challenge, REQUESTED, Sign};
use crate::completeness::{Dates, ServerTime};
use crate::endpoint::{Endpoint, Node, Request};
use crate::pace::{Pace, SOURCE};
use crate::text;

/// Largest body that is read, in bytes.
const MAX_BODY: usize = 64 << 20;
/// Timeout of a health probe.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// Maximum signatures per request: for Digest after Basic, and for an expired nonce.
const MOST_CHALLENGES: u8 = 2;
/// Admin-only path of the first call to a node. Public endpoints give unauthenticated requests less data instead of a
/// challenge.
const GUARDED: &str = "/services/hosts.json";

/// Delays before a failed call is retried. A job makes hundreds of calls, so a single failure must not discard it: it
/// would never finish on a server that fails one call in a hundred.
const AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The only rate class, because Opencast has none.
const CLASS: &str = "all";

/// A successful answer.
#[derive(Debug)]
pub(crate) struct OpencastResponse {
    /// The body as JSON.
    pub(crate) body: Box<RawValue>,
    /// The body as received, if it differs.
    pub(crate) received: Option<Vec<u8>>,
    pub(crate) received_at: Timestamp,
    /// Time at which the server took the request; `None` if unknown.
    pub(crate) server_time: Option<ServerTime>,
}

/// A server node and its authentication.
pub(crate) struct Site {
    url: String,
    sign: Sign,
    /// Whether the server had a chance to send a Digest challenge.
    asked: Mutex<bool>,
    /// Whether the node has ever answered correctly; then a refusal may be an exception.
    is_proven: AtomicBool,
    dates: Dates,
}

impl Site {
    pub(crate) fn new(url: String, sign: Sign) -> Self {
        Self {
            url,
            sign,
            asked: Mutex::new(false),
            is_proven: AtomicBool::new(false),
            dates: Dates::default(),
        }
    }
}

/// Client of one Opencast server.
pub(crate) struct Client {
    http: reqwest::Client,
    engage: Site,
    admin: Option<Site>,
    pace: Pace,
    breaker: CircuitBreaker,
}

struct Received {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    server_time: Option<ServerTime>,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, engage: Site, admin: Option<Site>, pace: Pace) -> Self {
        Self { http, engage, admin, pace, breaker: CircuitBreaker::of(SOURCE) }
    }

    /// Whether calls are signed.
    pub(crate) fn signs(&self) -> bool {
        self.engage.sign.requested().is_some()
    }

    pub(crate) fn has_admin(&self) -> bool {
        self.admin.is_some()
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Returns the clock of the node with the user actions.
    pub(crate) fn dates(&self) -> &Dates {
        &self.engage.dates
    }

    /// Requests JSON, with retries; adds the calls made to `calls`.
    pub(crate) async fn get(
        &self,
        request: &Request,
        calls: &mut Calls,
    ) -> Result<OpencastResponse, OpencastError> {
        for pause in AGAIN {
            match self.once(request, calls).await {
                Err(error) if self.is_worth_another(request, &error) => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
        }
        self.once(request, calls).await
    }

    /// Returns whether to retry a failed call at once. A refusal by a node that has answered before is mostly an
    /// exception, for example of one starting node behind a load balancer. Otherwise it is not retried: wrong passwords
    /// may lock the user out.
    fn is_worth_another(&self, request: &Request, error: &OpencastError) -> bool {
        match error.failure {
            Failure::Retry { after: None, .. } => true,
            Failure::Refused { .. } => {
                self.site(request.endpoint).is_ok_and(|site| site.is_proven.load(Ordering::Relaxed))
            }
            _ => false,
        }
    }

    async fn once(&self, request: &Request, calls: &mut Calls) -> Result<OpencastResponse, OpencastError> {
        let Received { body, server_time, .. } = self.receive(request, calls).await?;
        let received_at = clock::now();
        let broken = || {
            let text = format!("{} answered with text that is no JSON", request.endpoint.name());
            OpencastError::retry(Reason::Other, CauseClass::BadShape, text)
        };
        let (body, received) = text::json(body).ok_or_else(broken)?;
        Ok(OpencastResponse { body, received, received_at, server_time })
    }

    /// Requests bytes, without retries; adds the calls made to `calls`.
    pub(crate) async fn get_bytes(
        &self,
        request: &Request,
        calls: &mut Calls,
    ) -> Result<Vec<u8>, OpencastError> {
        self.receive(request, calls).await.map(|received| received.body)
    }

    async fn receive(&self, request: &Request, calls: &mut Calls) -> Result<Received, OpencastError> {
        let site = self.site(request.endpoint)?;
        let name = request.endpoint.name();
        let mut challenges = 0;
        loop {
            let admission = self.breaker.admit(clock::now())?;
            if site.sign.may_be_digest() {
                // Other calls wait, else they would be unsigned.
                let mut asked = site.asked.lock().await;
                if !*asked {
                    let asking = self.ask_to_be_asked(site, calls).await;
                    asking.map_err(|error| self.weigh(admission, error))?;
                    *asked = true;
                }
            }
            let sent = self.send(site, &request.path(), &request.query, name, calls).await;
            let received = sent.map_err(|error| self.weigh(admission, error))?;
            let now = clock::now();
            let Received { status, headers, body, .. } = &received;
            let answered = Answered { node: &site.url, status: *status, headers, body };
            match atlas::classify(answered, request.endpoint, now) {
                Verdict::Fine => {
                    self.breaker.answered();
                    site.is_proven.store(true, Ordering::Relaxed);
                    return Ok(received);
                }
                Verdict::Refused(error) => return Err(self.weigh(admission, error)),
                Verdict::Unauthorised => {
                    self.breaker.answered();
                    let again = site.sign.challenged(&received.headers);
                    if again == Challenge::Refused || challenges == MOST_CHALLENGES {
                        // The challenge may be wrong: the next call starts afresh.
                        site.sign.reset();
                        *site.asked.lock().await = false;
                        return Err(refused(name, site));
                    }
                    challenges += 1;
                }
            }
        }
    }

    fn site(&self, endpoint: Endpoint) -> Result<&Site, OpencastError> {
        match endpoint.node() {
            Node::Engage => Ok(&self.engage),
            Node::Admin => self.admin.as_ref().ok_or_else(|| {
                Failure::Halt {
                    cause: "OPENCAST_ADMIN_URL is not set: workflows are asked for there".to_owned(),
                }
                .into()
            }),
        }
    }

    /// Makes a call to which the server may reply with a Digest challenge. Its absence is no error.
    async fn ask_to_be_asked(&self, site: &Site, calls: &mut Calls) -> Result<(), OpencastError> {
        let received = self.send(site, GUARDED, &[], "GET /services/hosts.json", calls).await?;
        let asks = received.status == 401 && site.sign.challenged(&received.headers) == Challenge::Again;
        debug!(status = received.status, asks, "the server had the opportunity to ask for digest");
        Ok(())
    }

    async fn send(
        &self,
        site: &Site,
        path: &str,
        query: &[(&'static str, String)],
        name: &'static str,
        calls: &mut Calls,
    ) -> Result<Received, OpencastError> {
        waiting(SOURCE, CLASS, self.pace.turn()).await?;
        calls.light += 1;
        let status =
            |sent: &Result<Received, OpencastError>| sent.as_ref().ok().map(|received| received.status);
        calling(SOURCE, CLASS, name, self.exchange(site, path, query, name), status).await
    }

    async fn exchange(
        &self,
        site: &Site,
        path: &str,
        query: &[(&'static str, String)],
        name: &'static str,
    ) -> Result<Received, OpencastError> {
        let trouble = |error: reqwest::Error| unanswered(&error, name);
        let asked =
            self.http.get(format!("{}{path}", site.url)).query(query).header(ACCEPT, "application/json");
        let mut request = asked.build().map_err(trouble)?;
        let url = request.url();
        let uri =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        if let Some(value) = site.sign.authorization(&uri) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        if let Some(kind) = site.sign.requested() {
            request.headers_mut().insert(REQUESTED, reqwest::header::HeaderValue::from_static(kind));
        }
        let after = site.dates.last();
        let response = self.http.execute(request).await.map_err(trouble)?;
        let server_time = site.dates.answered(after, response.headers());
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = body::read(response, MAX_BODY).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => {
                let text = format!("{name} answered with more than {} MB", MAX_BODY >> 20);
                OpencastError::reject(Reason::Other, CauseClass::TooLarge, text)
            }
            BodyError::Broken(error) => trouble(error),
        })?;
        Ok(Received { status, headers, body, server_time })
    }

    /// Returns the outcome of a failed call, given the calls before it.
    fn weigh(&self, admission: Admission, error: OpencastError) -> OpencastError {
        let is_trouble = error.reason == Reason::Trouble;
        self.breaker.record(admission, error, is_trouble, clock::now())
    }

    /// Ends the wait of an open circuit breaker.
    pub(crate) fn try_now(&self) {
        self.breaker.probe_now();
    }

    /// Returns whether work can continue: calls are not paused, the circuit breaker permits them, and no node has a
    /// server error.
    pub(crate) async fn reachable(&self) -> bool {
        if !self.pace.is_open() || !self.breaker.would_admit(clock::now()) {
            return false;
        }
        for site in std::iter::once(&self.engage).chain(&self.admin) {
            let asked =
                self.http.get(format!("{}/info/me.json", site.url)).timeout(SIGN_OF_LIFE).send().await;
            match asked {
                Ok(answer) if !answer.status().is_server_error() => {}
                Ok(answer) => {
                    debug!(status = answer.status().as_u16(), "opencast is not well yet");
                    return false;
                }
                Err(error) => {
                    debug!(error = %error.without_url(), "opencast is not well yet");
                    return false;
                }
            }
        }
        true
    }
}

/// Classifies a call without an answer: no connection means the server is down, later errors may be this call's own.
fn unanswered(error: &reqwest::Error, name: &str) -> OpencastError {
    if error.is_connect() {
        let why = untrusted(error).unwrap_or_else(|| "opencast cannot be reached".to_owned());
        return Failure::hold(None, why).into();
    }
    let what = if error.is_timeout() { "did not answer in time" } else { "broke off its answer" };
    OpencastError::retry(Reason::Trouble, CauseClass::AttemptsSpent, format!("{name} {what}"))
}

/// Returns the error text if the server's certificate is the reason.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let said = causes.map(ToString::to_string).find(|said| said.contains("certificate"))?;
    Some(format!("opencast is not trusted, is OPENCAST_CA_CERT its own authority's? ({said})"))
}

fn refused(name: &str, site: &Site) -> OpencastError {
    let cause = match site.sign.requested() {
        None => "it is not open to everybody, set OPENCAST_USER and OPENCAST_PASSWORD",
        Some(_) => {
            "the sign-in is refused, or the node is starting; check OPENCAST_USER, OPENCAST_PASSWORD and OPENCAST_AUTH"
        }
    };
    OpencastError::refused(Reason::Unauthorised, format!("{name} answered 401: {cause}"))
}
