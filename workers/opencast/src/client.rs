//! The one way to the server: pace, sign, send, judge. Every request passes here.
//! Must not know what the answers are for.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use messages::{Calls, CauseClass};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap};
use runtime::body::{self, BodyError};
use runtime::calls::{calling, waiting};
use runtime::outage::{Leave, Outage};
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tracing::debug;

use crate::atlas::{self, Answered, Reason, Refusal, Verdict};
use crate::auth::{Challenge, REQUESTED, Sign};
use crate::endpoint::{Endpoint, Node, Request};
use crate::pace::{Pace, SOURCE};
use crate::served::{Dates, Served};
use crate::text;

/// A body larger than this is not read to its end.
const MAX_BODY: usize = 64 << 20;
/// How long a host may take to show that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// How often one request is signed anew: for Digest after Basic, and for a nonce that has just grown old.
const MOST_CHALLENGES: u8 = 2;
/// What only an administrator may see: the first call to a node, since most else is open to everybody, and whoever asks for
/// it unsigned, or signs in a way that is not accepted, is not told so but given less.
const GUARDED: &str = "/services/hosts.json";

/// Pauses before a call that came to nothing is made again. A job makes hundreds of calls: one that fails by chance must
/// not throw away the others, or a job of many calls would never end on a server that fails one in a hundred.
const AGAIN: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Opencast knows no rate classes.
const CLASS: &str = "all";

/// An answer that is what was asked for.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body as JSON.
    pub(crate) body: Box<RawValue>,
    /// The body as received, where it is not the same.
    pub(crate) received: Option<Vec<u8>>,
    pub(crate) received_at: Timestamp,
    /// When the server took the request up; `None` when it does not say.
    pub(crate) served: Option<Served>,
}

/// One of the server's nodes, and how it is signed in at.
pub(crate) struct Site {
    url: String,
    sign: Sign,
    /// Whether the server has had the opportunity to ask for Digest.
    asked: Mutex<bool>,
    /// The node has answered as it should at least once: what it refuses afterwards may be an exception.
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

/// Calls the server.
pub(crate) struct Client {
    http: reqwest::Client,
    engage: Site,
    admin: Option<Site>,
    pace: Pace,
    outage: Outage,
}

struct Received {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    served: Option<Served>,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, engage: Site, admin: Option<Site>, pace: Pace) -> Self {
        Self { http, engage, admin, pace, outage: Outage::of(SOURCE) }
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

    /// The clock of the node that has the user actions.
    pub(crate) fn dates(&self) -> &Dates {
        &self.engage.dates
    }

    /// Asks for JSON, again if need be; counts the calls made in `calls`.
    pub(crate) async fn get(&self, request: &Request, calls: &mut Calls) -> Result<Answer, Refusal> {
        for pause in AGAIN {
            match self.once(request, calls).await {
                Err(refusal) if self.is_worth_another(request, &refusal) => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
        }
        self.once(request, calls).await
    }

    /// Whether a call that came to nothing is made again at once. A refusal of a node that has answered before is an
    /// exception more often than not: sessions race, and one node behind a balancer may be starting. Before that it is
    /// not tried again: too many wrong passwords may lock a user out.
    fn is_worth_another(&self, request: &Request, refusal: &Refusal) -> bool {
        match refusal.failure {
            Failure::Retry { after: None, .. } => true,
            Failure::Refused { .. } => {
                self.site(request.endpoint).is_ok_and(|site| site.is_proven.load(Ordering::Relaxed))
            }
            _ => false,
        }
    }

    async fn once(&self, request: &Request, calls: &mut Calls) -> Result<Answer, Refusal> {
        let Received { body, served, .. } = self.receive(request, calls).await?;
        let received_at = clock::now();
        let broken = || {
            let text = format!("{} answered with text that is no JSON", request.endpoint.name());
            Refusal::retry(Reason::Other, CauseClass::BadShape, text)
        };
        let (body, received) = text::json(body).ok_or_else(broken)?;
        Ok(Answer { body, received, received_at, served })
    }

    /// Asks until there is an answer or a refusal.
    pub(crate) async fn get_bytes(&self, request: &Request, calls: &mut Calls) -> Result<Vec<u8>, Refusal> {
        self.receive(request, calls).await.map(|received| received.body)
    }

    async fn receive(&self, request: &Request, calls: &mut Calls) -> Result<Received, Refusal> {
        let site = self.site(request.endpoint)?;
        let name = request.endpoint.name();
        let mut challenges = 0;
        loop {
            let leave = self.outage.ask(clock::now())?;
            if site.sign.may_be_digest() {
                // Other calls wait meanwhile, or they would go unsigned.
                let mut asked = site.asked.lock().await;
                if !*asked {
                    let asking = self.ask_to_be_asked(site, calls).await;
                    asking.map_err(|refusal| self.weigh(leave, refusal))?;
                    *asked = true;
                }
            }
            let sent = self.send(site, &request.path(), &request.query, name, calls).await;
            let received = sent.map_err(|refusal| self.weigh(leave, refusal))?;
            let now = clock::now();
            let Received { status, headers, body, .. } = &received;
            let answered = Answered { node: &site.url, status: *status, headers, body };
            match atlas::classify(answered, request.endpoint, now) {
                Verdict::Fine => {
                    self.outage.answered();
                    site.is_proven.store(true, Ordering::Relaxed);
                    return Ok(received);
                }
                Verdict::Refused(refusal) => return Err(self.weigh(leave, refusal)),
                Verdict::Unauthorised => {
                    self.outage.answered();
                    let again = site.sign.challenged(&received.headers);
                    if again == Challenge::Refused || challenges == MOST_CHALLENGES {
                        // What this answer has taught may be wrong: the next call finds it out again.
                        site.sign.reset();
                        *site.asked.lock().await = false;
                        return Err(refused(name, site));
                    }
                    challenges += 1;
                }
            }
        }
    }

    fn site(&self, endpoint: Endpoint) -> Result<&Site, Refusal> {
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

    /// Has the server ask for Digest. That it does not is no trouble: the request itself will show.
    async fn ask_to_be_asked(&self, site: &Site, calls: &mut Calls) -> Result<(), Refusal> {
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
    ) -> Result<Received, Refusal> {
        waiting(SOURCE, CLASS, self.pace.turn()).await?;
        calls.light += 1;
        let status = |sent: &Result<Received, Refusal>| sent.as_ref().ok().map(|received| received.status);
        calling(SOURCE, CLASS, name, self.exchange(site, path, query, name), status).await
    }

    async fn exchange(
        &self,
        site: &Site,
        path: &str,
        query: &[(&'static str, String)],
        name: &'static str,
    ) -> Result<Received, Refusal> {
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
        let served = site.dates.answered(after, response.headers());
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = body::read(response, MAX_BODY).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => {
                let text = format!("{name} answered with more than {} MB", MAX_BODY >> 20);
                Refusal::reject(Reason::Other, CauseClass::TooLarge, text)
            }
            BodyError::Broken(error) => trouble(error),
        })?;
        Ok(Received { status, headers, body, served })
    }

    /// What a refusal comes to in the light of the calls before it.
    fn weigh(&self, leave: Leave, refusal: Refusal) -> Refusal {
        let is_trouble = refusal.reason == Reason::Trouble;
        self.outage.weigh(leave, refusal, is_trouble, clock::now())
    }

    /// Ends the pause of an outage.
    pub(crate) fn try_now(&self) {
        self.outage.try_now();
    }

    /// Whether work is worth trying: calls are not paused, no outage is being sat out, and every node answers with anything but trouble.
    pub(crate) async fn reachable(&self) -> bool {
        if !self.pace.is_open() || !self.outage.gives_leave(clock::now()) {
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

/// No connection: the server is away and the job innocent. Anything later may be this call's own trouble.
fn unanswered(error: &reqwest::Error, name: &str) -> Refusal {
    if error.is_connect() {
        let why = untrusted(error).unwrap_or_else(|| "opencast cannot be reached".to_owned());
        return Failure::hold(None, why).into();
    }
    let what = if error.is_timeout() { "did not answer in time" } else { "broke off its answer" };
    Refusal::retry(Reason::Trouble, CauseClass::AttemptsSpent, format!("{name} {what}"))
}

/// What is wrong with the server's certificate, if it is that.
fn untrusted(error: &reqwest::Error) -> Option<String> {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let said = causes.map(ToString::to_string).find(|said| said.contains("certificate"))?;
    Some(format!("opencast is not trusted, is OPENCAST_CA_CERT its own authority's? ({said})"))
}

fn refused(name: &str, site: &Site) -> Refusal {
    let cause = match site.sign.requested() {
        None => "it is not open to everybody, set OPENCAST_USER and OPENCAST_PASSWORD",
        Some(_) => {
            "the sign-in is refused, or the node is starting; check OPENCAST_USER, OPENCAST_PASSWORD and OPENCAST_AUTH"
        }
    };
    Refusal::refused(Reason::Unauthorised, format!("{name} answered 401: {cause}"))
}
