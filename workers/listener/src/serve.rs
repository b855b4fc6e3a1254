//! Accepts connections and serves them.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ListenerLimits;
use crate::open::{ConnectionSlot, Open};

/// Pause after a failed accept, for example without free file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Time at which the connection was accepted, available to every request as [`ConnectInfo`].
#[derive(Debug, Clone, Copy)]
pub struct Accepted(pub Instant);

/// Serves `service` within `limits` until `stop`, then completes the answers in progress. Dropping the future closes
/// every connection.
pub async fn serve(listener: TcpListener, service: Router, limits: ListenerLimits, stop: CancellationToken) {
    let open = Open::default();
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = accept(&listener, &open) => stream,
            Some(_) = connections.join_next() => continue,
            () = stop.cancelled() => break,
        };
        // Without a slot, dropping the stream closes the connection.
        if let Some(place) = open.enter(limits.connections) {
            connections.spawn(connection(stream, place, service.clone(), limits, stop.clone()));
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Accepts the next connection. On an error, for example without free file descriptors, closes the connection that has
/// waited longest for its client.
async fn accept(listener: &TcpListener, open: &Open) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                open.close_the_quietest();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    place: Arc<ConnectionSlot>,
    service: Router,
    limits: ListenerLimits,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let accepted = Accepted(Instant::now());
    let (service, of) = (TowerToHyperService::new(service), Arc::clone(&place));
    let answer = service_fn(move |mut request: Request<Incoming>| {
        of.answers();
        request.extensions_mut().insert(ConnectInfo(accepted));
        let (answer, place) = (service.call(request), Arc::clone(&of));
        async move {
            let answer: Response<Body> = answer.await?;
            place.waits();
            Ok::<_, std::convert::Infallible>(answer.map(|body| Read { body, place }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.quiet).max_header_size(limits.head);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let mut over = pin!(place.is_over(&limits));
    let mut stopping = false;
    loop {
        tokio::select! {
            // The client learns of an error by itself.
            _ = connection.as_mut() => return,
            () = &mut over => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// A body that restarts the client's time limit with each part that is read.
struct Read {
    body: Body,
    place: Arc<ConnectionSlot>,
}

impl hyper::body::Body for Read {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.place.waits();
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
