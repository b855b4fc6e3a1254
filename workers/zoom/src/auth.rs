//! Server-to-server OAuth: one token per process, one renewal at a time, before its expiry.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use runtime::body::{self, BodyError};
use runtime::{Failure, clock};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tracing::{debug, warn};

use crate::wire::TokenAnswer;

/// Time before expiry at which a token is renewed, at most a tenth of its lifetime.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// Lifetime in seconds if the answer names none.
const USUAL_LIFE: u64 = 3_600;
/// Accepted lifetimes in seconds: a shorter one would request a token per call, a longer one is an error.
const LIVES: RangeInclusive<u64> = 60..=86_400;
/// Largest answer that is read, in bytes; a token has a few kilobytes.
const MAX_BODY: usize = 256 << 10;
/// Delay of work, or of a renewal, while the token endpoint fails.
const TROUBLE: Duration = Duration::from_secs(30);

/// Credentials of the OAuth app, and the token endpoint.
pub(crate) struct Credentials {
    pub(crate) oauth_url: String,
    pub(crate) account_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
}

/// Cache of the process's token.
pub(crate) struct Tokens {
    http: reqwest::Client,
    credentials: Credentials,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    token: Arc<Token>,
    /// Time of the next renewal; never after the expiry.
    renew_at: Instant,
}

/// An access token.
pub(crate) struct Token {
    /// `Bearer ...`, marked sensitive.
    pub(crate) header: HeaderValue,
    /// Empty if the answer names none.
    pub(crate) scopes: Vec<String>,
    renew_at: Instant,
    expires_at: Instant,
}

impl Tokens {
    pub(crate) fn new(http: reqwest::Client, credentials: Credentials) -> Self {
        Self { http, credentials, cached: Mutex::new(None) }
    }

    /// Returns a valid token. Callers during a renewal wait for the new one.
    pub(crate) async fn get(&self) -> Result<Arc<Token>, Failure> {
        // Held across the request on purpose: this serialises renewals.
        let mut cached = self.cached.lock().await;
        if let Some(held) = cached.as_ref().filter(|held| Instant::now() < held.renew_at) {
            return Ok(Arc::clone(&held.token));
        }
        let outcome = self.request().await;
        let now = Instant::now();
        match outcome {
            Ok(token) => {
                debug!("got a new access token");
                let renew_at = token.renew_at;
                Ok(Arc::clone(&cached.insert(Cached { token: Arc::new(token), renew_at }).token))
            }
            // Until the old token expires, errors of the early renewal are delayed, but not by every caller.
            Err(failure) => match cached.as_mut().filter(|held| now < held.token.expires_at) {
                Some(held) => {
                    warn!(%failure, "cannot renew the access token yet: {failure}");
                    held.renew_at = (now + TROUBLE).min(held.token.expires_at);
                    Ok(Arc::clone(&held.token))
                }
                None => Err(failure),
            },
        }
    }

    /// Removes `token` from the cache, unless it was already replaced.
    pub(crate) async fn invalidate(&self, token: &Arc<Token>) {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|held| Arc::ptr_eq(&held.token, token)) {
            *cached = None;
        }
    }

    /// Returns the scopes of the cached token; empty without a token or if unknown.
    pub(crate) async fn scopes(&self) -> Vec<String> {
        self.cached.lock().await.as_ref().map(|held| held.token.scopes.clone()).unwrap_or_default()
    }

    async fn request(&self) -> Result<Token, Failure> {
        let asked_at = Instant::now();
        let Credentials { oauth_url, account_id, client_id, client_secret } = &self.credentials;
        // In the body: Zoom refuses the form as a query string for some accounts.
        let form = [("grant_type", "account_credentials"), ("account_id", account_id)];
        let request =
            self.http.post(oauth_url).basic_auth(client_id, Some(client_secret.expose_secret())).form(&form);
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        crate::client::hear(response.headers());
        let status = response.status();
        if status.is_redirection() {
            return Err(redirected(&response));
        }
        let body = body::read(response, MAX_BODY).await.map_err(|error| match error {
            BodyError::Broken(error) => unreachable(&error),
            large @ BodyError::TooLarge { .. } => trouble(format!("the token endpoint: {large}")),
        })?;
        let answer: TokenAnswer = serde_json::from_slice(&body).unwrap_or_default();
        if !status.is_success() {
            return Err(refused(status, &answer));
        }
        token(answer, asked_at)
            .ok_or_else(|| trouble("the token endpoint answered without a token".to_owned()))
    }
}

fn token(answer: TokenAnswer, asked_at: Instant) -> Option<Token> {
    let life = answer.expires_in.number().unwrap_or(USUAL_LIFE).clamp(*LIVES.start(), *LIVES.end());
    let life = Duration::from_secs(life);
    let scopes =
        answer.scope.as_str().unwrap_or_default().split([' ', ',']).filter(|scope| !scope.is_empty());
    let scopes = scopes.map(str::to_owned).collect();
    let mut header = HeaderValue::try_from(format!("Bearer {}", answer.access_token.text()?)).ok()?;
    header.set_sensitive(true);
    let renew_at = asked_at + life.saturating_sub(AHEAD.min(life / 10));
    Some(Token { header, scopes, renew_at, expires_at: asked_at + life })
}

/// Describes a redirect, which is not followed because it would send the credentials to another host.
fn redirected(response: &reqwest::Response) -> Failure {
    let target = body::redirected(response).unwrap_or_else(|| "another address of the same host".to_owned());
    let status = response.status().as_u16();
    trouble(format!(
        "the token endpoint answered {status}, a redirect to {target}: check ZOOM_OAUTH_URL, and the proxy between"
    ))
}

fn refused(status: StatusCode, answer: &TokenAnswer) -> Failure {
    let what = match answer.error.as_str().filter(|word| is_error_word(word)) {
        Some(word) => format!("{} {word}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    match status.as_u16() {
        429 | 500.. => trouble(format!("the token endpoint answered {what}")),
        404 | 405 => {
            Failure::Refused { cause: format!("the token endpoint answered {what}: check ZOOM_OAUTH_URL") }
        }
        _ => Failure::Refused {
            cause: format!(
                "the token endpoint refuses the credentials ({what}): check ZOOM_ACCOUNT_ID, ZOOM_CLIENT_ID and \
                 ZOOM_CLIENT_SECRET, and that the app is activated"
            ),
        },
    }
}

/// Entry point for the fuzz targets.
pub(crate) fn fuzz(status: u16, answer: TokenAnswer) -> Result<usize, String> {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    if !status.is_success() {
        return Err(refused(status, &answer).to_string());
    }
    token(answer, Instant::now()).map(|token| token.scopes.len()).ok_or_else(|| "no token".to_owned())
}

/// Returns whether the text is an error word such as `invalid_client`; other texts may be private and are omitted.
fn is_error_word(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|char| char.is_ascii_lowercase() || char == '_')
}

fn trouble(why: String) -> Failure {
    Failure::hold(Some(clock::now() + TROUBLE), why)
}

fn unreachable(error: &reqwest::Error) -> Failure {
    let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
    Failure::hold(None, format!("zoom's token endpoint {what}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_renewal_that_fails_is_put_off_while_the_old_token_is_good() {
        for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::UNAUTHORIZED] {
            put_off(status).await;
        }
    }

    async fn put_off(status: StatusCode) {
        let asked = Arc::new(AtomicUsize::new(0));
        let http = body::client().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        let tokens = Tokens::new(http, grants_once(Arc::clone(&asked), status).await);
        let first = tokens.get().await.unwrap();
        renew_now(&tokens).await;
        for _ in 0..20 {
            assert!(Arc::ptr_eq(&tokens.get().await.unwrap(), &first));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2, "one failed renewal, then none for a while");
        renew_now(&tokens).await;
        tokens.get().await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 3, "and another one later");
        tokens.invalidate(&first).await;
        let failure = tokens.get().await.err();
        match status {
            StatusCode::UNAUTHORIZED => {
                assert!(matches!(failure, Some(Failure::Refused { .. })), "{failure:?}");
            }
            _ => assert!(matches!(failure, Some(Failure::Hold { until: Some(_), .. })), "{failure:?}"),
        }
    }

    #[test]
    fn a_life_is_believed_within_reason() {
        let life = |json: &str| {
            let asked_at = Instant::now();
            let token = token(serde_json::from_str(json).unwrap(), asked_at).unwrap();
            assert!(asked_at < token.renew_at && token.renew_at < token.expires_at, "{json}");
            token.expires_at.duration_since(asked_at).as_secs()
        };
        let lives = [
            (r#"{"access_token":"t"}"#, 3_600),
            (r#"{"access_token":"t","expires_in":3599}"#, 3_599),
            (r#"{"access_token":"t","expires_in":0}"#, 60),
            (r#"{"access_token":"t","expires_in":18446744073709551615}"#, 86_400),
        ];
        for (json, seconds) in lives {
            assert_eq!(life(json), seconds, "{json}");
        }
    }

    /// Makes the next call renew the token.
    async fn renew_now(tokens: &Tokens) {
        tokens.cached.lock().await.as_mut().unwrap().renew_at = Instant::now();
    }

    /// Starts a token endpoint that grants one token and afterwards answers with a status.
    async fn grants_once(asked: Arc<AtomicUsize>, then: StatusCode) -> Credentials {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let oauth_url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(move || {
            let status = match asked.fetch_add(1, Ordering::Relaxed) {
                0 => StatusCode::OK,
                _ => then,
            };
            std::future::ready((status, r#"{"access_token":"t","expires_in":3599}"#))
        });
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Credentials {
            oauth_url,
            account_id: "account".into(),
            client_id: "client".into(),
            client_secret: SecretString::from("secret"),
        }
    }
}
