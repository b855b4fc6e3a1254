//! The open connections of a listener, and the choice of the connection to close at the limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::ListenerLimits;

/// State of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waiting for the client.
    Quiet,
    /// The server is producing an answer.
    Answering,
}

#[derive(Debug)]
struct Entry {
    phase: Phase,
    since: Instant,
    close: CancellationToken,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, Entry>,
}

/// All open connections of a listener.
#[derive(Debug, Clone, Default)]
pub(crate) struct Open(Arc<Mutex<Entries>>);

/// The slot of one connection. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    open: Open,
    number: u64,
    close: CancellationToken,
}

impl Open {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a slot for a new connection. At `limit`, closes the connection that has waited longest for its client.
    /// Returns `None` if no connection waits for its client.
    pub(crate) fn enter(&self, limit: usize) -> Option<Arc<ConnectionSlot>> {
        if self.entries().open.len() >= limit && !self.close_the_quietest() {
            return None;
        }
        let close = CancellationToken::new();
        let mut entries = self.entries();
        let number = entries.next;
        entries.next += 1;
        let entry = Entry { phase: Phase::Quiet, since: Instant::now(), close: close.clone() };
        entries.open.insert(number, entry);
        drop(entries);
        Some(Arc::new(ConnectionSlot { open: self.clone(), number, close }))
    }

    /// Closes the connection that has waited longest for its client. Returns false if none waits.
    pub(crate) fn close_the_quietest(&self) -> bool {
        let mut entries = self.entries();
        let quiet = entries.open.iter().filter(|(_, entry)| entry.phase == Phase::Quiet);
        let quietest = quiet.min_by_key(|(number, entry)| (entry.since, **number)).map(|(number, _)| *number);
        let Some(entry) = quietest.and_then(|number| entries.open.remove(&number)) else { return false };
        entry.close.cancel();
        true
    }
}

impl ConnectionSlot {
    /// Marks that a request has arrived.
    pub(crate) fn answers(&self) {
        self.enter(Phase::Answering);
    }

    /// Marks that the client must act: read the next part of an answer, or send a request.
    pub(crate) fn waits(&self) {
        self.enter(Phase::Quiet);
    }

    fn enter(&self, phase: Phase) {
        if let Some(entry) = self.open.entries().open.get_mut(&self.number) {
            (entry.phase, entry.since) = (phase, Instant::now());
        }
    }

    /// Returns when the connection must be closed: it exceeded a time limit, or another connection needs its slot.
    pub(crate) async fn is_over(&self, limits: &ListenerLimits) {
        loop {
            let Some(until) = self.until(limits.quiet, limits.answer) else { return };
            let now = Instant::now();
            if until <= now {
                return;
            }
            // The phase may change to `Quiet` before the answer's limit.
            tokio::select! {
                () = sleep_until(until.min(now + limits.quiet)) => {}
                () = self.close.cancelled() => return,
            }
        }
    }

    fn until(&self, quiet: Duration, answer: Duration) -> Option<Instant> {
        let entries = self.open.entries();
        let entry = entries.open.get(&self.number)?;
        Some(entry.since + if entry.phase == Phase::Quiet { quiet } else { answer })
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.open.entries().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn at_the_limit_the_one_that_waited_longest_goes() {
        let open = Open::default();
        let limits = ListenerLimits { connections: 2, ..ListenerLimits::operators() };
        let (first, second) = (open.enter(2).unwrap(), open.enter(2).unwrap());
        first.answers();
        let third = open.enter(2).unwrap();
        second.is_over(&limits).await;
        third.answers();
        assert!(open.enter(2).is_none(), "both are being answered");
        first.waits();
        let fourth = open.enter(2).unwrap();
        first.is_over(&limits).await;
        drop((first, second, third, fourth));
        assert!(open.entries().open.is_empty());
    }

    #[tokio::test]
    async fn a_place_is_over_when_its_client_or_its_answer_is_late() {
        let open = Open::default();
        let (quiet, answer) = (Duration::from_millis(10), Duration::from_millis(50));
        let limits = ListenerLimits { quiet, answer, ..ListenerLimits::operators() };
        let place = open.enter(8).unwrap();
        let begun = Instant::now();
        place.is_over(&limits).await;
        assert!(begun.elapsed() >= quiet);
        place.answers();
        let begun = Instant::now();
        place.is_over(&limits).await;
        assert!(begun.elapsed() >= answer);
    }
}
