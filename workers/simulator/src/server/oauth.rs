//! The token endpoint: server-to-server OAuth with `grant_type=account_credentials` in a form body.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::answer::ZoomAnswer;
use super::deliver::deliver;
use super::endpoint::Endpoint;
use super::shared::Shared;
use crate::settings::{Credentials, ZoomSettings};
use crate::world::mix;

/// Maximum number of valid tokens; the oldest are dropped.
const MOST_TOKENS: usize = 1_024;

/// The issued tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    seed: u64,
    issued: u64,
    valid: VecDeque<Issued>,
}

#[derive(Debug)]
struct Issued {
    token: String,
    number: u32,
    expires_ms: i64,
    scopes: Arc<[String]>,
}

/// Result of checking a bearer token.
pub(super) enum Access {
    /// Number and scopes of the token.
    Granted(u32, Arc<[String]>),
    Expired,
    Unknown,
}

impl Tokens {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed: mix(seed, 0x70C), issued: 0, valid: VecDeque::new() }
    }

    fn issue(&mut self, now_ms: i64, lifetime_ms: i64, scopes: Arc<[String]>) -> String {
        self.issued += 1;
        let token = format!("sim{:016x}{:016x}", mix(self.seed, self.issued), mix(self.seed, !self.issued));
        if self.valid.len() == MOST_TOKENS {
            self.valid.pop_front();
        }
        let expires_ms = now_ms.saturating_add(lifetime_ms);
        let number = u32::try_from(self.issued).unwrap_or(u32::MAX);
        self.valid.push_back(Issued { token: token.clone(), number, expires_ms, scopes });
        token
    }

    pub(super) fn access(&self, token: &str, now_ms: i64) -> Access {
        // The newest first, as it is the likeliest.
        match self.valid.iter().rev().find(|issued| issued.token == token) {
            None => Access::Unknown,
            Some(issued) if issued.expires_ms <= now_ms => Access::Expired,
            Some(issued) => Access::Granted(issued.number, Arc::clone(&issued.scopes)),
        }
    }

    pub(super) fn expire_all(&mut self) {
        for issued in &mut self.valid {
            issued.expires_ms = i64::MIN;
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Form {
    grant_type: String,
    account_id: String,
    client_id: String,
    client_secret: String,
}

#[derive(Serialize)]
struct Granted<'a> {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    api_url: &'a str,
}

#[derive(Serialize)]
struct Refused {
    reason: &'static str,
    error: &'static str,
}

/// `POST /oauth/token`
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ticket = shared.enter(Endpoint::Token, 0, None, false);
    let answer = match grant(&shared, &headers, &body) {
        Ok(answer) => answer,
        Err(refused) => ZoomAnswer::json(400, &refused),
    };
    tracing::debug!(status = answer.status, path = uri.path(), "answered a token request");
    shared.settle(ticket, answer.status, None);
    deliver(answer)
}

fn grant(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Result<ZoomAnswer, Refused> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(Refused { reason: "Bad Request", error: "invalid_request" });
    }
    let form = form(body).ok_or(Refused { reason: "Bad Request", error: "invalid_request" })?;
    let settings = shared.settings();
    if !knows_client(&settings.credentials, headers, &form) {
        return Err(Refused { reason: "Invalid client_id or client_secret", error: "invalid_client" });
    }
    if form.grant_type != "account_credentials" {
        return Err(Refused { reason: "unsupported grant type", error: "unsupported_grant_type" });
    }
    if form.account_id != settings.credentials.account_id {
        return Err(Refused { reason: "Bad Request", error: "invalid_request" });
    }
    let scopes = scopes(&settings);
    let access_token = issue(shared, &settings, Arc::clone(&scopes));
    let api_url = &format!("http://{}", host(headers));
    let granted = Granted {
        access_token,
        token_type: "bearer",
        expires_in: settings.token_lifetime.as_secs(),
        scope: scopes.join(" "),
        api_url,
    };
    Ok(ZoomAnswer::json(200, &granted))
}

impl Shared {
    pub(crate) fn issue_token(&self) -> String {
        let settings = self.settings();
        issue(self, &settings, scopes(&settings))
    }
}

fn issue(shared: &Shared, settings: &ZoomSettings, scopes: Arc<[String]>) -> String {
    let lifetime_ms = i64::try_from(settings.token_lifetime.as_millis()).unwrap_or(i64::MAX);
    shared.tokens().issue(shared.clock.now().as_millisecond(), lifetime_ms, scopes)
}

fn form(body: &[u8]) -> Option<Form> {
    let uri = Uri::builder().path_and_query(format!("/?{}", std::str::from_utf8(body).ok()?)).build().ok()?;
    axum::extract::Query::try_from_uri(&uri).ok().map(|axum::extract::Query(form)| form)
}

/// Checks client id and secret, from basic authentication or from the form.
fn knows_client(known: &Credentials, headers: &HeaderMap, form: &Form) -> bool {
    let basic = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        String::from_utf8(decoded).ok()
    });
    match basic {
        Some(basic) => basic == format!("{}:{}", known.client_id, known.client_secret),
        None => form.client_id == known.client_id && form.client_secret == known.client_secret,
    }
}

fn scopes(settings: &ZoomSettings) -> Arc<[String]> {
    match &settings.scopes {
        Some(scopes) => scopes.clone().into(),
        None => Endpoint::SERVED
            .iter()
            .filter_map(|endpoint| endpoint.scopes().first())
            .map(ToString::to_string)
            .collect(),
    }
}

fn host(headers: &HeaderMap) -> &str {
    headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or("127.0.0.1")
}
