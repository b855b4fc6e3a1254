//! Server-to-server OAuth: one token per process, one renewal at a time, ahead of its expiry.
//! Must not know what the token is used for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use runtime::{Failure, clock};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tracing::{debug, warn};

use crate::wire::TokenAnswer;

/// Renewed so long before its expiry, or after nine tenths of its life, whichever leaves more.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// The life of a token whose answer does not say.
const USUAL_LIFE: u64 = 3_600;
/// How long work is held when the token endpoint is in trouble.
const TROUBLE: SignedDuration = SignedDuration::from_secs(30);

/// What the token endpoint is asked with.
pub(crate) struct Credentials {
    pub(crate) oauth_url: String,
    pub(crate) account_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
}

/// The process's token.
pub(crate) struct Tokens {
    http: reqwest::Client,
    credentials: Credentials,
    cached: Mutex<Option<Arc<Token>>>,
}

/// A token that was granted.
pub(crate) struct Token {
    /// `Bearer ...`, marked sensitive.
    pub(crate) header: HeaderValue,
    /// Empty when the answer does not say.
    pub(crate) scopes: Vec<String>,
    renew_at: Instant,
    expires_at: Instant,
}

impl Tokens {
    pub(crate) fn new(http: reqwest::Client, credentials: Credentials) -> Self {
        Self { http, credentials, cached: Mutex::new(None) }
    }

    /// A token that is valid for some minutes yet. Whoever comes while it is renewed waits for the new one.
    pub(crate) async fn get(&self) -> Result<Arc<Token>, Failure> {
        // Held across the request on purpose: it is what makes renewals one at a time.
        let mut cached = self.cached.lock().await;
        let now = Instant::now();
        if let Some(token) = cached.as_ref().filter(|token| now < token.renew_at) {
            return Ok(Arc::clone(token));
        }
        match self.request().await {
            Ok(token) => {
                debug!("got a new access token");
                Ok(Arc::clone(cached.insert(Arc::new(token))))
            }
            // Renewal is ahead of time: until the old one expires, trouble can be waited out.
            Err(failure) => match cached.as_ref().filter(|token| now < token.expires_at) {
                Some(token) if !matches!(failure, Failure::Halt { .. }) => {
                    warn!(%failure, "cannot renew the access token yet: {failure}");
                    Ok(Arc::clone(token))
                }
                _ => Err(failure),
            },
        }
    }

    /// Forgets `token`, unless another one has taken its place.
    pub(crate) async fn invalidate(&self, token: &Arc<Token>) {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|held| Arc::ptr_eq(held, token)) {
            *cached = None;
        }
    }

    /// The scopes of the token at hand; none when there is none, or when they are unknown.
    pub(crate) async fn scopes(&self) -> Vec<String> {
        self.cached.lock().await.as_ref().map(|token| token.scopes.clone()).unwrap_or_default()
    }

    async fn request(&self) -> Result<Token, Failure> {
        let asked_at = Instant::now();
        let Credentials { oauth_url, account_id, client_id, client_secret } = &self.credentials;
        // In the body: the form as a query string is refused for some accounts.
        let form = [("grant_type", "account_credentials"), ("account_id", account_id)];
        let request =
            self.http.post(oauth_url).basic_auth(client_id, Some(client_secret.expose_secret())).form(&form);
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        let answer: TokenAnswer = serde_json::from_slice(&body).unwrap_or_default();
        if !status.is_success() {
            return Err(refused(status, &answer));
        }
        token(answer, asked_at)
            .ok_or_else(|| trouble("the token endpoint answered without a token".to_owned()))
    }
}

fn token(answer: TokenAnswer, asked_at: Instant) -> Option<Token> {
    let life = Duration::from_secs(answer.expires_in.number().unwrap_or(USUAL_LIFE));
    let scopes =
        answer.scope.as_str().unwrap_or_default().split([' ', ',']).filter(|scope| !scope.is_empty());
    let scopes = scopes.map(str::to_owned).collect();
    let mut header = HeaderValue::try_from(format!("Bearer {}", answer.access_token.text()?)).ok()?;
    header.set_sensitive(true);
    let renew_at = asked_at + life.saturating_sub(AHEAD.min(life / 10));
    Some(Token { header, scopes, renew_at, expires_at: asked_at + life })
}

fn refused(status: StatusCode, answer: &TokenAnswer) -> Failure {
    let what = match answer.error.as_str().filter(|word| is_error_word(word)) {
        Some(word) => format!("{} {word}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    match status.as_u16() {
        429 | 500.. => trouble(format!("the token endpoint answered {what}")),
        404 | 405 => {
            Failure::Halt { cause: format!("the token endpoint answered {what}: check ZOOM_OAUTH_URL") }
        }
        _ => Failure::Halt {
            cause: format!(
                "the token endpoint refuses the credentials ({what}): check ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and \
                 ZOOM_CLIENT_SECRET, and that the app is activated"
            ),
        },
    }
}

/// An error word such as `invalid_client`; whatever else stands there is not repeated.
fn is_error_word(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|char| char.is_ascii_lowercase() || char == '_')
}

fn trouble(why: String) -> Failure {
    Failure::Hold { until: Some(clock::now() + TROUBLE), why }
}

fn unreachable(error: &reqwest::Error) -> Failure {
    let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
    Failure::Hold { until: None, why: format!("zoom's token endpoint {what}") }
}
