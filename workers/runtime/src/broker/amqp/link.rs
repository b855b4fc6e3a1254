//! One connection to the broker, opened on demand and reopened when lost.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use futures_util::StreamExt as _;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::address::Address;
use super::fault;
use crate::BrokerError;

const CONNECT_TIME: Duration = Duration::from_secs(10);
const CLOSE_TIME: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(2);
/// Advice about a broker that blocks its publishers.
const FREE: &str = "free some of its memory or disk, or raise its limit";

/// Whether the broker is away, shared by all connections of a handle: logs an outage once, not per attempt.
#[derive(Debug, Default)]
pub(super) struct Availability {
    away: AtomicBool,
}

impl Availability {
    /// Records that the broker is away; logs the change.
    pub(super) fn begins(&self, why: &str) {
        if !self.away.swap(true, Ordering::AcqRel) {
            warn!("the broker is not available: {why}; trying again until it is");
        }
    }

    fn ends(&self) {
        if self.away.swap(false, Ordering::AcqRel) {
            info!("the broker is available again");
        }
    }
}

/// One connection.
pub(super) struct Link {
    address: Arc<Address>,
    name: String,
    availability: Arc<Availability>,
    connection: Mutex<Option<Connection>>,
    /// The reason for which the broker blocks publishers, if it does.
    blocked: Arc<std::sync::Mutex<Option<String>>>,
    closed: CancellationToken,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// Creates a link without connecting. The broker's management shows `name`.
    pub(super) fn new(address: Arc<Address>, name: String, availability: Arc<Availability>) -> Self {
        let (connection, blocked) = (Mutex::new(None), Arc::default());
        Self { address, name, availability, connection, blocked, closed: CancellationToken::new() }
    }

    /// Returns the broker's reason for blocking publishers. Known only after a publish on this connection.
    pub(super) fn blocked(&self) -> Option<String> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a channel, and a connection if there is none. Tries once.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        let mut connection = self.connection.lock().await;
        if self.closed.is_cancelled() {
            return Err(closed());
        }
        if let Some(open) = connection.as_ref().filter(|open| open.status().connected()) {
            if open.status().blocked() {
                // A request would wait until the broker unblocks this connection, and later callers would wait behind
                // it.
                let why = self.blocked().unwrap_or_else(|| "short of memory or disk".to_owned());
                return Err(BrokerError::Away(format!("it takes no messages for now ({why}): {FREE}")));
            }
            if let Ok(channel) = self.open_channel(open).await {
                self.availability.ends();
                return Ok(channel);
            }
        }
        *connection = None;
        let fresh = self.connect().await?;
        let channel = self.open_channel(&fresh).await?;
        *connection = Some(fresh);
        self.availability.ends();
        Ok(channel)
    }

    /// Repeats `work` with growing pauses until it succeeds, is refused, or `patience` ends.
    pub(super) async fn insist<T, F: Future<Output = Result<T, BrokerError>>>(
        &self,
        patience: Option<Duration>,
        work: impl Fn() -> F,
    ) -> Result<T, BrokerError> {
        let (begin, mut pauses) = (Instant::now(), pauses());
        loop {
            match work().await {
                Err(BrokerError::Away(why)) if !self.closed.is_cancelled() => {
                    self.availability.begins(&why);
                    if patience.is_some_and(|patience| begin.elapsed() >= patience) {
                        return Err(BrokerError::Away(why));
                    }
                }
                outcome => return outcome,
            }
            self.pause(&mut pauses).await;
        }
    }

    /// Sleeps for the next pause, or until the link is closed.
    pub(super) async fn pause(&self, pauses: &mut ExponentialBackoff) {
        let pause = pauses.next().unwrap_or(LAST_PAUSE);
        // Whether it slept or closed: the caller notices a closed link at its next use.
        let _ = self.closed.run_until_cancelled(tokio::time::sleep(pause)).await;
    }

    /// Runs `work` until it ends or the link is closed.
    pub(super) async fn while_open<T>(&self, work: impl Future<Output = T>) -> Result<T, BrokerError> {
        self.closed.run_until_cancelled(work).await.ok_or_else(closed)
    }

    /// Closes the connection. The broker requeues unsettled deliveries and counts a crash for each.
    pub(super) async fn close(&self) {
        self.closed.cancel();
        let closing = async {
            let Some(connection) = self.connection.lock().await.take() else { return };
            // The connection may already be lost.
            let _ = connection.close(lapin::protocol::constants::REPLY_SUCCESS, "done".into()).await;
        };
        // A broker that does not answer notices the missing heartbeat.
        let _ = tokio::time::timeout(CLOSE_TIME, closing).await;
    }

    async fn open_channel(&self, connection: &Connection) -> Result<Channel, BrokerError> {
        let opened = self.while_open(tokio::time::timeout(CONNECT_TIME, connection.create_channel())).await?;
        let opened = opened.map_err(|_| BrokerError::Away(format!("{}: no answer", self.address)))?;
        opened.map_err(|error| fault::of(&error))
    }

    /// Opens a connection that the link does not store.
    pub(super) async fn connect(&self) -> Result<Connection, BrokerError> {
        let runtime = lapin::runtime::default_runtime().map_err(|error| fault::of(&error))?;
        let properties = ConnectionProperties::default()
            .with_client_property("product".into(), "ua".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into())
            .with_connection_name(self.name.as_str().into());
        let (uri, tls) = (self.address.uri(), self.address.tls());
        let connecting = Box::pin(Connection::connect_uri_with_config(uri, properties, tls, runtime));
        let connection = match tokio::time::timeout(CONNECT_TIME, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return Err(at(&self.address, fault::of(&error))),
            Err(_) => return Err(BrokerError::Away(format!("{}: no answer", self.address))),
        };
        self.watch(&connection);
        Ok(connection)
    }

    /// Logs when the broker blocks publishers; ends with the connection.
    fn watch(&self, connection: &Connection) {
        let closed = self.closed.clone();
        let mut events = Box::pin(connection.events_listener());
        let (blocked, status) = (Arc::clone(&self.blocked), connection.status().clone());
        let note = move |why| *blocked.lock().unwrap_or_else(PoisonError::into_inner) = why;
        note(None);
        tokio::spawn(async move {
            while let Some(Some(event)) = closed.run_until_cancelled(events.next()).await {
                match event {
                    Event::ConnectionBlocked(why) => {
                        warn!("the broker takes no messages for now ({why}): {FREE}");
                        note(Some(why.to_string()));
                    }
                    Event::ConnectionUnblocked => {
                        info!("the broker takes messages again");
                        note(None);
                    }
                    // Errors of single channels arrive here as well.
                    Event::Error(_) if !status.connected() => return,
                    _ => {}
                }
            }
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

/// Growing pauses between attempts, with jitter so that a fleet does not reconnect at once.
pub(super) fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LAST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}

/// The error of every call after the link is closed.
pub(super) fn closed() -> BrokerError {
    BrokerError::Away("this connection to the broker is closed".to_owned())
}

fn at(address: &Address, error: BrokerError) -> BrokerError {
    match error {
        BrokerError::Away(why) => BrokerError::Away(format!("{address}: {why}")),
        BrokerError::Refused(why) => BrokerError::Refused(format!("{address}: {why}")),
        other @ (BrokerError::Misconfigured(_) | BrokerError::Gone(_) | BrokerError::LeaseLost(_)) => other,
    }
}
