//! The signals that ask the program to stop.

/// Waits for SIGTERM or SIGINT and returns its name.
pub(crate) async fn signalled() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        },
        // Without handlers the default action of the system ends the process; leases are handed back then.
        _ => std::future::pending().await,
    }
}
