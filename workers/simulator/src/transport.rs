//! Transport shared by both fakes: listening, and answers that hang or break off. Independent of either API.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use listener::ListenerLimits;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::simulator::StartError;

/// Maximum wait for answers in progress on stop.
const GRACE: Duration = Duration::from_secs(5);

/// A server on one port. Dropping it stops it without waiting.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    server: JoinHandle<()>,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl Listening {
    /// Binds address and port (0 picks a free one) and serves until `stop` is cancelled.
    pub(crate) async fn start(
        (address, port): (Ipv4Addr, u16),
        stop: CancellationToken,
        service: Router,
    ) -> Result<Self, StartError> {
        let listen = |source| StartError::Listen { address, port, source };
        let listener = TcpListener::bind((address, port)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let server =
            tokio::spawn(listener::serve(listener, service, ListenerLimits::programs(), stop.clone()));
        tracing::info!(%address, "simulator listens on {address}");
        Ok(Self { address, server, _guard: stop.clone().drop_guard(), stop })
    }

    /// Stops listening, and waits up to [`GRACE`] for answers in progress.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let Self { mut server, .. } = self;
        if tokio::time::timeout(GRACE, &mut server).await.is_err() {
            tracing::warn!("answers were still being sent when the simulator stopped");
            server.abort();
        }
    }

    /// Serves until `token` is cancelled, then stops.
    pub(crate) async fn run_until(self, token: CancellationToken) {
        token.cancelled().await;
        self.stop().await;
    }
}

/// A complete answer.
pub(crate) fn respond(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Sends nothing for `wait` or until `stop`, then resets the connection.
pub(crate) async fn hang(stop: &CancellationToken, wait: Duration, content_type: &'static str) -> Response {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = stop.cancelled() => {}
    }
    let broken = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
    respond(200, content_type, Body::from_stream(broken))
}

/// Announces the whole body, sends half of it, then resets the connection.
pub(crate) fn broken(mut body: Vec<u8>, content_type: &'static str) -> Response {
    let promised = HeaderValue::from(body.len().max(1));
    body.truncate(body.len() / 2);
    let first = stream::iter([Ok(Bytes::from(body))]);
    let second = stream::once(async {
        // The data sent so far is flushed only when the body pauses.
        tokio::time::sleep(Duration::from_millis(2)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    let body = Body::from_stream(first.chain(second));
    let mut response = respond(200, content_type, body);
    response.headers_mut().insert(CONTENT_LENGTH, promised);
    response
}
