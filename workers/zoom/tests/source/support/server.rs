//! A scripted server, for answers that the simulator cannot give.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use zoom::{Choice, Config};

pub(crate) const SECRET: &str = "canary-client-secret";
pub(crate) const TOKEN: &str = "canary-access-token";

/// A scripted server that records its requests.
pub(crate) struct Server {
    address: SocketAddr,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers `script(path and query, previous requests of it)`; `None` answers with a token or an empty list.
    pub(crate) async fn start(script: fn(&str, usize) -> Option<Response>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let noted = Arc::clone(&asked);
        let app = axum::Router::new().fallback(move |uri: Uri| {
            let path = uri.to_string();
            let mut noted = noted.lock().unwrap();
            let before = noted.iter().filter(|asked| **asked == path).count();
            noted.push(path.clone());
            std::future::ready(script(&path, before).unwrap_or_else(|| usual(&path)))
        });
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, asked, task }
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            api_url: format!("http://{}/v2", self.address),
            oauth_url: format!("http://{}/oauth/token", self.address),
            quota_speed: 0.0,
            source: Choice::Dashboard,
            request_timeout: Duration::from_secs(5),
            ..Config::new("account".into(), "client".into(), SecretString::from(SECRET))
        }
    }

    pub(crate) fn asked(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }
}

pub(crate) fn json(status: u16, body: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_owned()).into_response()
}

pub(crate) fn with(status: u16, header: (&'static str, &str), body: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header.0, header.1.parse().unwrap());
    (StatusCode::from_u16(status).unwrap(), headers, body.to_owned()).into_response()
}

fn usual(path: &str) -> Response {
    let member = if path.contains("/users") { "users" } else { "meetings" };
    match path {
        "/oauth/token" => json(200, &format!(r#"{{"access_token":"{TOKEN}","expires_in":3599}}"#)),
        _ => json(200, &format!(r#"{{"total_records":0,"{member}":[]}}"#)),
    }
}
