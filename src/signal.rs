//! The signals that stop the program.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM and SIGINT from its creation; signals are buffered until awaited.
#[derive(Debug)]
pub(crate) struct Signals(Option<(Signal, Signal)>);

impl Signals {
    pub(crate) fn listen() -> Self {
        // Without handlers the system's default action ends the process; the broker then requeues its leases.
        Self(signal(SignalKind::terminate()).ok().zip(signal(SignalKind::interrupt()).ok()))
    }

    /// Waits for the next signal and returns its name. Cancel safe: no signal is lost.
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
