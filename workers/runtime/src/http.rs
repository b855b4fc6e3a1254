//! HTTP server of a running process: `/metrics`, `/healthz`, `/readyz` and further pages. Independent of what is
//! measured: the caller supplies the answers. Refuses requests that do not name this server.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use listener::{ListenerLimits, Names};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The future of an answer.
pub type PageFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Answers of the server.
pub struct Pages {
    /// Returns all metrics in Prometheus' text format.
    pub metrics: Box<dyn Fn() -> PageFuture<String> + Send + Sync>,
    /// Returns what in the process has failed, if anything; such a process needs a restart.
    pub health: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Returns why the process cannot work, if so; such a process needs no restart.
    pub ready: Box<dyn Fn() -> PageFuture<Result<(), String>> + Send + Sync>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages")
    }
}

/// A server with a bound port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the port; 0 selects a free one.
    ///
    /// # Errors
    /// When the port is in use, or this user may not bind it.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests that name this server until `stop`; `names` are additional names. `more` answers all other
    /// paths, and checks the name itself.
    pub async fn serve(self, pages: Pages, names: Names, more: Router, stop: CancellationToken) {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(health))
            .route("/readyz", get(ready))
            .with_state(Arc::new(pages))
            .route_layer(middleware::from_fn_with_state(Arc::new(names), listener::admit))
            .merge(more);
        listener::serve(self.listener, router, ListenerLimits::operators(), stop).await;
    }
}

async fn metrics(State(pages): State<Arc<Pages>>) -> Response {
    let text = (pages.metrics)().await;
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        messages::printable_lines(&text).into_owned(),
    )
        .into_response()
}

async fn health(State(pages): State<Arc<Pages>>) -> Response {
    said((pages.health)())
}

async fn ready(State(pages): State<Arc<Pages>>) -> Response {
    said((pages.ready)().await)
}

fn said(state: Result<(), String>) -> Response {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()).into_response(),
        Err(why) => {
            let why = messages::printable(&why);
            (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
        }
    }
}
