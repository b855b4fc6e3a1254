//! The client of Zoom's API: gets a token, waits for the quota, sends, classifies. Every request passes through it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messages::{Calls, CauseClass, repair};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use runtime::body::{self, BodyError};
use runtime::broker::MAX_MESSAGE_BYTES;
use runtime::circuit_breaker::{Admission, CircuitBreaker};
use runtime::{Failure, clock};
use serde_json::value::RawValue;
use tracing::debug;

use crate::atlas::{self, Call, Pause, Reason, Verdict, ZoomError};
use crate::auth::{Token, Tokens};
use crate::headers::{self, RateHeaders};
use crate::wire::Head;
use crate::{Quota, RateClass, metrics};

/// Total time a call waits after 429 answers; then its class is on hold.
const PATIENCE: Duration = Duration::from_secs(90);
/// First wait after a 429 without `Retry-After`; later ones double.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Minimum of the first wait, for a quota faster than Zoom's or unlimited.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
/// Largest body that is read, in bytes. A page is forwarded as one message, whose size the broker limits.
const MAX_BODY: usize = MAX_MESSAGE_BYTES - (64 << 10);
/// Longest wait for a limit per second or per minute, independent of `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Timeout of a health probe.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);
/// Hold time if Zoom refuses a new token.
const TOKEN_TROUBLE: SignedDuration = SignedDuration::from_secs(30);

/// A request: the call, the id in its path, and its query.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) call: Call,
    /// The encoded id in the path; empty without one.
    pub(crate) segment: String,
    pub(crate) query: Vec<(&'static str, String)>,
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct ZoomResponse {
    pub(crate) head: Head,
    /// The body as JSON (see [`json`]).
    pub(crate) body: Box<RawValue>,
    /// The body as received, if the JSON differs from it.
    pub(crate) received: Option<Vec<u8>>,
    pub(crate) received_at: Timestamp,
}

/// Client of Zoom's API for one account.
pub(crate) struct Client {
    http: reqwest::Client,
    api_url: String,
    tokens: Tokens,
    quota: Quota,
    breaker: CircuitBreaker,
    /// Quota as a multiple of Zoom's; 0 means unlimited.
    speed: f64,
}

impl Client {
    pub(crate) fn new(
        http: reqwest::Client,
        api_url: String,
        tokens: Tokens,
        quota: Quota,
        speed: f64,
    ) -> Self {
        Self { http, api_url, tokens, quota, breaker: CircuitBreaker::of("zoom"), speed }
    }

    pub(crate) async fn token(&self) -> Result<Arc<Token>, Failure> {
        self.tokens.get().await
    }

    /// Returns the scopes of the cached token, if known.
    pub(crate) async fn scopes(&self) -> Vec<String> {
        self.tokens.scopes().await
    }

    pub(crate) fn calls(&self) -> Calls {
        self.quota.calls()
    }

    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Calls until an answer or an error, or until the 429 budget is used up. Adds the calls made to `calls`.
    pub(crate) async fn get(&self, request: &Request, calls: &mut Calls) -> Result<ZoomResponse, ZoomError> {
        let class = request.call.endpoint.class();
        let mut patience = Patience::new(class, self.speed);
        let mut renewed = false;
        loop {
            let admission = self.breaker.admit(clock::now())?;
            let token = self.tokens.get().await?;
            metrics::waiting(class, self.quota.acquire(class)).await?;
            *calls += class.one_call();
            let status =
                |sent: &Result<Received, ZoomError>| sent.as_ref().ok().map(|received| received.status);
            let sent = metrics::calling(request.call.endpoint, self.send(request, &token), status).await;
            let optional = request.call.endpoint.is_optional();
            let weigh = |error| if optional { error } else { self.weigh(admission, error) };
            let received = sent.map_err(weigh)?;
            let now = clock::now();
            let rates = RateHeaders::read(&received.headers, now);
            let served_at = hear(&received.headers);
            self.quota.observe(&rates, served_at, now);
            let Received { status, headers, body } = &received;
            let verdict = atlas::classify(*status, headers, &repair::text(body), &request.call, now);
            if !optional && !matches!(verdict, Verdict::Refused(_)) {
                self.breaker.answered();
            }
            match verdict {
                Verdict::Fine(head) => return answer(head, received.body, request, now),
                Verdict::Refused(error) => return Err(weigh(error)),
                Verdict::NewToken if renewed => return Err(refused_again(now).into()),
                Verdict::NewToken => {
                    renewed = true;
                    self.tokens.invalidate(&token).await;
                }
                Verdict::Slow(Pause::Day(until)) => return Err(self.quota.spent(class, until).into()),
                Verdict::Slow(Pause::Short(until)) => {
                    let wait = patience.next(until, now)?;
                    debug!(%class, ?wait, "429: {class} calls wait {wait:?}");
                    metrics::waiting(class, tokio::time::sleep(wait)).await;
                }
            }
        }
    }

    /// Shortens a pause in proportion to a simulator's speed.
    pub(crate) fn hasten(&self, pause: Duration) -> Duration {
        match self.speed {
            0.0 => SHORTEST_PAUSE,
            speed if speed > 1.0 => pause.div_f64(speed).max(SHORTEST_PAUSE),
            _ => pause,
        }
    }

    /// Returns the outcome of a failed call, given the calls before it.
    fn weigh(&self, admission: Admission, error: ZoomError) -> ZoomError {
        let is_trouble = error.reason == Reason::Trouble;
        self.breaker.record(admission, error, is_trouble, clock::now())
    }

    /// Makes a call for its headers and ignores the answer. Without a request, it calls the API's base, which needs no
    /// quota.
    pub(crate) async fn sample(&self, request: Option<&Request>) -> Result<Sample, Failure> {
        let Some(request) = request else {
            let asked_at = clock::now();
            let answer = self.http.get(&self.api_url).timeout(SIGN_OF_LIFE).send().await;
            let answer = answer.map_err(|error| unanswered(&error, "the API").failure)?;
            hear(answer.headers());
            return Ok(Sample::of(answer.headers(), asked_at, clock::now()));
        };
        let token = self.tokens.get().await?;
        self.quota.acquire(request.call.endpoint.class()).await?;
        let asked_at = clock::now();
        let received = self.send(request, &token).await.map_err(|error| error.failure)?;
        Ok(Sample::of(&received.headers, asked_at, clock::now()))
    }

    async fn send(&self, request: &Request, token: &Token) -> Result<Received, ZoomError> {
        let endpoint = request.call.endpoint;
        let trouble = |error: reqwest::Error| unanswered(&error, endpoint.name());
        let url = format!("{}{}", self.api_url, endpoint.path(&request.segment));
        let sent =
            self.http.get(url).query(&request.query).header(AUTHORIZATION, token.header.clone()).send();
        let response = sent.await.map_err(trouble)?;
        if response.status().is_redirection() {
            return Err(redirected(endpoint.name(), &response));
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = body::read(response, MAX_BODY).await.map_err(|error| match error {
            BodyError::TooLarge { .. } => too_large(endpoint.name()),
            BodyError::Broken(error) => trouble(error),
        })?;
        Ok(Received { status, headers, body })
    }

    /// Ends the wait of an open circuit breaker.
    pub(crate) fn try_now(&self) {
        self.breaker.probe_now();
    }

    /// Returns whether work can continue: the circuit breaker permits calls, the token endpoint answers, and the API
    /// answers without a server error. Without a token, the API answers 401 or 404, and no quota is used.
    pub(crate) async fn reachable(&self, oauth_url: &str) -> bool {
        if !self.breaker.would_admit(clock::now()) {
            return false;
        }
        let oauth = self.http.head(oauth_url).timeout(SIGN_OF_LIFE).send().await;
        let api = self.http.get(&self.api_url).timeout(SIGN_OF_LIFE).send().await;
        api.iter().for_each(|answer| _ = hear(answer.headers()));
        match oauth.and(api).and_then(reqwest::Response::error_for_status) {
            Ok(_) => true,
            Err(error) if error.status().is_some_and(|status| status.is_client_error()) => true,
            Err(error) => {
                debug!(error = %error.without_url(), "zoom is not well yet");
                false
            }
        }
    }
}

/// Returns the answer's time, and compares the API's clock with the local one.
pub(crate) fn hear(headers: &HeaderMap) -> Option<Timestamp> {
    let served_at = headers::served_at(headers)?;
    clock::heard(clock::Peer::Zoom, served_at);
    Some(served_at)
}

/// Rate limits and clock of the API, from one answer's headers.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) rates: RateHeaders,
    /// API time minus local time; uncertain by half a second and half the call's duration.
    pub(crate) skew: Option<SignedDuration>,
}

impl Sample {
    fn of(headers: &HeaderMap, asked_at: Timestamp, answered_at: Timestamp) -> Self {
        let middle = asked_at + answered_at.duration_since(asked_at) / 2;
        let half = SignedDuration::from_millis(500);
        let skew = headers::served_at(headers).map(|served_at| served_at.duration_since(middle) + half);
        Self { rates: RateHeaders::read(headers, answered_at), skew }
    }
}

struct Received {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

fn answer(
    head: Head,
    body: Vec<u8>,
    request: &Request,
    received_at: Timestamp,
) -> Result<ZoomResponse, ZoomError> {
    let name = request.call.endpoint.name();
    let broken =
        || ZoomError::retry(Reason::Other, CauseClass::BadShape, format!("{name} answered with broken text"));
    let (body, received) = json(body).ok_or_else(broken)?;
    Ok(ZoomResponse { head, body, received, received_at })
}

/// Returns the body as JSON, and the body as received if the two differ. In the JSON, U+FFFD replaces bytes that are
/// not UTF-8, and escapes replace control characters in strings.
pub(crate) fn json(body: Vec<u8>) -> Option<(Box<RawValue>, Option<Vec<u8>>)> {
    let json = parse(&repair::text(&body))?;
    let received = (json.get().as_bytes() != body).then_some(body);
    Some((json, received))
}

fn parse(text: &str) -> Option<Box<RawValue>> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) => Some(json.to_owned()),
        Err(_) => RawValue::from_string(repair::strict(text).into_owned()).ok(),
    }
}

fn too_large(name: &str) -> ZoomError {
    let text = format!("{name} answered with more than {} MB", MAX_MESSAGE_BYTES >> 20);
    ZoomError::reject(Reason::Other, CauseClass::TooLarge, text)
}

/// Describes a redirect, which is not followed because it would send the token to another host.
fn redirected(name: &str, response: &reqwest::Response) -> ZoomError {
    let status = response.status().as_u16();
    let target = body::redirected(response).unwrap_or_else(|| "another address of the same host".to_owned());
    let text = format!(
        "{name} answered {status}, a redirect to {target}: check ZOOM_API_URL, and the proxy between"
    );
    ZoomError::retry(Reason::Trouble, CauseClass::HtmlBlocked, text)
}

/// Classifies a call without an answer: no connection means the API is down, later errors may be this call's own.
fn unanswered(error: &reqwest::Error, name: &str) -> ZoomError {
    if error.is_connect() {
        return Failure::hold(None, "zoom's api cannot be reached".to_owned()).into();
    }
    let what = if error.is_timeout() { "did not answer in time" } else { "broke off its answer" };
    ZoomError::retry(Reason::Trouble, CauseClass::AttemptsSpent, format!("{name} {what}"))
}

fn refused_again(now: Timestamp) -> Failure {
    let why =
        "zoom refuses an access token granted a moment ago: another process may renew tokens of the same app";
    Failure::hold(Some(now + TOKEN_TROUBLE), why.to_owned())
}

/// Waits of one call after 429 answers.
struct Patience {
    class: RateClass,
    left: Duration,
    pause: Duration,
}

impl Patience {
    fn new(class: RateClass, speed: f64) -> Self {
        // Zoom counts resource-intensive calls per minute although their 429 names seconds.
        let first = if class == RateClass::ResourceIntensive { FIRST_PAUSE * 60 } else { FIRST_PAUSE };
        let pause = match speed {
            0.0 => SHORTEST_PAUSE,
            _ if speed > 1.0 => first.div_f64(speed).max(SHORTEST_PAUSE),
            _ => first,
        };
        Self { class, left: PATIENCE, pause }
    }

    /// Returns the next wait. Returns a hold once the waits exceed [`PATIENCE`], or if `named` is further away than a
    /// limit per second or minute explains. A hold lasts at most [`LONGEST_PAUSE`]; then Zoom is called again.
    fn next(&mut self, named: Option<Timestamp>, now: Timestamp) -> Result<Duration, Failure> {
        let named = named.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let wait = named.unwrap_or(self.pause).max(Duration::from_millis(10));
        self.pause = (self.pause * 2).min(FIRST_PAUSE * 60);
        if wait > LONGEST_PAUSE {
            let why = format!("{}: zoom answers 429 and names a wait of {} s", self.class, wait.as_secs());
            return Err(hold(LONGEST_PAUSE, now, why));
        }
        let Some(left) = self.left.checked_sub(wait) else {
            return Err(hold(wait, now, format!("{}: zoom answers 429 again and again", self.class)));
        };
        self.left = left;
        Ok(wait)
    }
}

fn hold(wait: Duration, now: Timestamp, why: String) -> Failure {
    let until = SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok());
    Failure::hold(Some(until.unwrap_or(Timestamp::MAX)), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_429_is_waited_out_for_a_while_and_then_held() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut patience = Patience::new(RateClass::Heavy, 1.0);
        let mut waited = Duration::ZERO;
        let held = loop {
            match patience.next(None, now) {
                Ok(wait) => waited += wait,
                Err(held) => break held,
            }
        };
        assert_eq!(waited, Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32));
        assert!(matches!(held, Failure::Hold { until: Some(until), .. } if until > now), "{held}");
    }

    #[test]
    fn the_time_named_wins() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let after = |seconds: i64| Some(now + SignedDuration::from_secs(seconds));
        let mut patience = Patience::new(RateClass::ResourceIntensive, 1.0);
        assert_eq!(patience.next(after(7), now).unwrap(), Duration::from_secs(7));
        assert_eq!(patience.next(after(-5), now).unwrap(), Duration::from_millis(10));
        assert!(patience.next(None, now).unwrap() >= Duration::from_secs(60));
        let held = patience.next(after(600), now).unwrap_err();
        assert!(
            matches!(held, Failure::Hold { until: Some(until), .. } if Some(until) == after(60)),
            "{held}"
        );
    }

    #[test]
    fn a_limit_per_second_is_held_for_a_minute_whatever_the_api_names() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        for seconds in [61, 31_536_000, 1 << 40] {
            let named = now.saturating_add(SignedDuration::from_secs(seconds)).ok();
            let mut patience = Patience::new(RateClass::Heavy, 1.0);
            let Failure::Hold { until: Some(until), .. } = patience.next(named, now).unwrap_err() else {
                panic!("no hold");
            };
            assert_eq!(until, now + SignedDuration::from_mins(1), "{seconds}");
        }
    }
}
