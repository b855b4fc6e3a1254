//! Work of a role that is no loop over a queue: it is tried until it succeeds, with the holds of every other role.

use std::future::ready;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Broker, Failure, Hold, RunError, Status, hold};

/// An attempt in progress, until this is dropped: as long as it lasts, trouble is not over.
#[derive(Debug)]
pub struct Trial(Arc<Status>);

impl Trial {
    /// Begins one.
    pub fn begin(status: &Arc<Status>) -> Self {
        status.began(1);
        Self(Arc::clone(status))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.0.ended(1);
    }
}

/// Does `work` until it succeeds. A failure is shown and waited out as a hold: with growing delays, until it is lifted by
/// order. Returns `None` after the stop.
///
/// # Errors
/// A halt, and a refusal that has lasted for as long as the role's policy says.
pub async fn persist<T, F: Future<Output = Result<T, Failure>>>(
    status: &Status,
    broker: &Broker,
    stop: &CancellationToken,
    work: impl Fn() -> F,
) -> Result<Option<T>, RunError> {
    // Holds come from the work alone.
    let (_sender, mut signalled) = mpsc::channel(1);
    loop {
        let failure = match stop.run_until_cancelled(status.heartbeat(work())).await {
            None => return Ok(None),
            Some(Ok(done)) => {
                status.worked();
                return Ok(Some(done));
            }
            Some(Err(failure)) => failure,
        };
        let held = match failure {
            Failure::Halt { cause } => return Err(RunError::Halted(cause)),
            Failure::Refused { cause } => Hold::refused(cause),
            Failure::Hold { until, why, .. } | Failure::Defer { until, why } => Hold::new(until, why),
            Failure::Retry { cause, .. } | Failure::Reject { cause } => Hold::new(None, cause.text),
        };
        let ordered = broker.lifted(status.name());
        let well = || ready(true);
        let waiting = hold::wait(held, status, stop, well, |_| ready(false), ordered, &mut signalled);
        if let Some(cause) = waiting.await {
            return Err(RunError::Halted(cause));
        }
    }
}
