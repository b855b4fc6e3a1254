//! The small HTTP server of a process at work: `/metrics`, `/healthz`, `/readyz`, and what else the process has to show.
//! Independent of what is measured: the caller hands in the answers. A request that does not name this server is refused.

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

/// An answer that may take a moment.
pub type PageFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What is answered.
pub struct Pages {
    /// Everything measured, in Prometheus' text format.
    pub metrics: Box<dyn Fn() -> PageFuture<String> + Send + Sync>,
    /// Whether the process is alive, or what in it is not: one that is not should be started anew.
    pub health: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// Whether it can work, or why not. One that cannot need not be started anew.
    pub ready: Box<dyn Fn() -> PageFuture<Result<(), String>> + Send + Sync>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages")
    }
}

/// A server that has its port.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the port; 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken, or is not this user's to take.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests that name this server, by `names` among others, until `stop`; `more` answers all other
    /// addresses, and checks the name itself.
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
