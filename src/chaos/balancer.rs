//! A load balancer in front of the search engine: it forwards requests, and sometimes answers in the engine's place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use reqwest::Client;

use crate::refused;

/// Its own answers: no session, not found, sign in elsewhere.
pub(crate) const ANSWERS: [u16; 3] = [401, 404, 302];
/// During the storm, one of this many requests gets such an answer.
const ONE_OF: u64 = 300;
/// Maximum bytes of a request or of an answer.
const MOST: usize = 128 << 20;

/// A load balancer.
#[derive(Debug, Clone)]
pub(crate) struct Balancer {
    pub(crate) url: String,
    target: String,
    client: Client,
    /// Id of the document that it refuses.
    refused: Arc<str>,
    mood: Arc<Mutex<Mood>>,
}

#[derive(Debug, Default)]
struct Mood {
    /// A fixed answer, and its end.
    answers: Option<(u16, Instant)>,
    /// True when it sometimes answers by itself.
    is_moody: bool,
    requests: u64,
    given: BTreeMap<u16, u64>,
}

impl Balancer {
    /// Starts a load balancer in front of the server at `target`; it refuses the document with the id `refused`.
    pub(crate) async fn before(target: &str, refused: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let balancer = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            target: target.trim_end_matches('/').to_owned(),
            client: Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap(),
            refused: refused.into(),
            mood: Arc::default(),
        };
        let app = axum::Router::new().fallback(pass).with_state(balancer.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        balancer
    }

    /// Answers every request with `status` for `time`.
    pub(crate) fn answer(&self, status: u16, time: Duration) {
        self.mood.lock().unwrap().answers = Some((status, Instant::now() + time));
    }

    /// Sets whether it sometimes answers by itself; returns the previous setting.
    pub(crate) fn be_moody(&self, is_moody: bool) -> bool {
        let mut mood = self.mood.lock().unwrap();
        mood.answers = mood.answers.filter(|_| is_moody);
        std::mem::replace(&mut mood.is_moody, is_moody)
    }

    /// Number of its own answers by status.
    pub(crate) fn given(&self) -> BTreeMap<u16, u64> {
        self.mood.lock().unwrap().given.clone()
    }

    /// Returns its own answer to a request, if there is one.
    fn own_answer(&self) -> Option<u16> {
        let mut mood = self.mood.lock().unwrap();
        mood.requests += 1;
        let lasting = mood.answers.filter(|(_, until)| Instant::now() < *until).map(|(status, _)| status);
        let one = (mood.is_moody && mood.requests.is_multiple_of(ONE_OF))
            .then(|| ANSWERS[(mood.requests / ONE_OF) as usize % ANSWERS.len()]);
        let status = lasting.or(one)?;
        *mood.given.entry(status).or_default() += 1;
        Some(status)
    }
}

async fn pass(State(balancer): State<Balancer>, request: Request) -> Response {
    if let Some(status) = balancer.own_answer() {
        let place = [(header::LOCATION, "https://login.example.org/"), (header::CONTENT_TYPE, "text/html")];
        let status = StatusCode::from_u16(status).unwrap();
        return (status, place, "<html>the load balancer</html>").into_response();
    }
    match balancer.forward(request).await {
        Ok(answer) => answer,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "<html>no server</html>").into_response(),
    }
}

impl Balancer {
    async fn forward(&self, request: Request) -> Result<Response, reqwest::Error> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, MOST).await.unwrap_or_default();
        let place = parts.uri.path_and_query().map_or("/", |place| place.as_str());
        let is_bulk = parts.uri.path().ends_with("_bulk");
        let cut = is_bulk.then(|| refused::cut(&body, &self.refused)).flatten();
        if let Some(cut) = cut.as_ref().filter(|cut| cut.body.is_empty()) {
            let json = [(header::CONTENT_TYPE, "application/json")];
            return Ok((json, cut.answered(Bytes::new(), &self.refused)).into_response());
        }
        let body = cut.as_ref().map_or(body, |cut| cut.body.clone().into());
        let asked = self.client.request(parts.method, format!("{}{place}", self.target));
        let answer = asked.headers(kept(&parts.headers)).body(body).send().await?;
        let (status, headers) = (answer.status(), kept(answer.headers()));
        let body: Bytes = answer.bytes().await?;
        let body = cut.map_or(body.clone(), |cut| cut.answered(body, &self.refused));
        Ok((status, headers, Body::from(body)).into_response())
    }
}

/// Returns the headers of a message without those of the connection and of the encoding that the client decodes.
fn kept(headers: &HeaderMap<HeaderValue>) -> HeaderMap<HeaderValue> {
    let dropped = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
        header::CONTENT_ENCODING,
    ];
    let all = headers.iter().filter(|(name, _)| !dropped.contains(name));
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}
