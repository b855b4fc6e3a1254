//! The signals that ask the program to stop.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM and SIGINT from when it is made: one that comes while nobody waits is told to who waits next.
#[derive(Debug)]
pub(crate) struct Signals(Option<(Signal, Signal)>);

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        // Without handlers the default action of the system ends the process; leases are handed back then.
        Self(signal(SignalKind::terminate()).ok().zip(signal(SignalKind::interrupt()).ok()))
    }

    /// Waits for the next signal and returns its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        match &mut self.0 {
            Some((terminate, interrupt)) => tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            },
            None => std::future::pending().await,
        }
    }
}

/// Waits for SIGTERM or SIGINT and returns its name.
pub(crate) async fn signalled() -> &'static str {
    Signals::listen().next().await
}
