//! A load balancer in front of a search engine that answers in its place when a test sets it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

/// A proxy in front of a search engine that answers in its place when a test sets it.
#[derive(Clone)]
pub(crate) struct Gate {
    behind: String,
    http: reqwest::Client,
    denied: Arc<Mutex<Option<Denied>>>,
    denials: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
struct Denied {
    status: u16,
    /// End of the paths that are denied.
    path: &'static str,
    /// Maximum number of denied requests.
    most: u64,
}

impl Gate {
    /// Returns the gate and its URL.
    pub(crate) async fn before(behind: &str) -> (Self, String) {
        let gate = Self {
            behind: behind.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            denied: Arc::default(),
            denials: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .fallback(pass)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (gate, url)
    }

    /// Denies every request.
    pub(crate) fn deny(&self, status: u16, path: &'static str) {
        self.deny_next(u64::MAX, status, path);
    }

    /// Denies the next `most` requests.
    pub(crate) fn deny_next(&self, most: u64, status: u16, path: &'static str) {
        self.denials.store(0, Ordering::SeqCst);
        *self.denied.lock().unwrap() = Some(Denied { status, path, most });
    }

    pub(crate) fn open(&self) {
        *self.denied.lock().unwrap() = None;
    }

    pub(crate) fn denials(&self) -> u64 {
        self.denials.load(Ordering::SeqCst)
    }
}

async fn pass(
    State(gate): State<Gate>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let denied = gate.denied.lock().unwrap().filter(|denied| uri.path().ends_with(denied.path));
    if let Some(Denied { status, most, .. }) = denied
        && gate.denials() < most
    {
        gate.denials.fetch_add(1, Ordering::SeqCst);
        let location = [("location", "https://login.example.org/")];
        return (StatusCode::from_u16(status).unwrap(), location, "<html>not now</html>").into_response();
    }
    let mut request = gate.http.request(method, format!("{}{uri}", gate.behind)).body(body);
    for name in ["content-type", "accept", "content-encoding"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let (status, mut headers) = (answer.status(), HeaderMap::new());
    for name in ["content-type", "x-elastic-product"] {
        if let Some(value) = answer.headers().get(name) {
            headers.insert(name, value.clone());
        }
    }
    (status, headers, answer.bytes().await.unwrap()).into_response()
}
