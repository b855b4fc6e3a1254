//! Settlement: the only place where an outcome becomes an ack, a requeue, a retry or a dead letter.

use std::time::Duration;

use jiff::Timestamp;
use messages::{Cause, CauseClass};
use tracing::{debug, error, warn};

use crate::status::{Hold, Settled, Status};
use crate::{BrokerError, Delivery, Failure, clock, telemetry};

/// Longest deferral of a job that is due within `FAR`.
const LONGEST: Duration = Duration::from_secs(120);
/// Remaining time from which deferrals are longer, because there may be very many such jobs.
const FAR: Duration = Duration::from_secs(3_600);
const LONGEST_IF_FAR: Duration = Duration::from_secs(600);

/// What an outcome requires of the loop, in addition to the settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Take no deliveries until the time, or until the worker is healthy.
    Hold(Hold),
    /// End the role.
    Halt(String),
}

impl Signal {
    /// Priority: of several signals of one batch the loop obeys the highest.
    pub(crate) fn weight(&self) -> u8 {
        match self {
            Self::Hold(hold) => u8::from(hold.refused),
            Self::Halt(_) => 2,
        }
    }
}

/// Settles one delivery by its outcome; returns the signal for the loop.
pub(crate) async fn settle(
    delivery: Delivery,
    outcome: Result<(), Failure>,
    status: &Status,
) -> Option<Signal> {
    let id = delivery.message.headers.message_id.clone();
    let class = match &outcome {
        Err(Failure::Retry { cause, .. } | Failure::Reject { cause }) => Some(cause.class),
        Ok(())
        | Err(
            Failure::Hold { .. } | Failure::Defer { .. } | Failure::Refused { .. } | Failure::Halt { .. },
        ) => None,
    };
    let parked = parked(&delivery, &outcome);
    let (settled, signal, result) = match outcome {
        Ok(()) => (Settled::Done, None, delivery.ack().await),
        Err(Failure::Retry { after, cause }) => retry(delivery, after, cause).await,
        Err(Failure::Reject { cause }) => reject(delivery, cause).await,
        Err(Failure::Hold { until, why, limit }) => {
            debug!(message.id = %id, "handed back {id}: {why}");
            let hold = Hold { limit, ..Hold::new(until, why) };
            (Settled::Requeued, Some(Signal::Hold(hold)), delivery.requeue().await)
        }
        Err(Failure::Defer { until, why }) => {
            debug!(message.id = %id, "put off {id}: {why}");
            (Settled::Requeued, None, delivery.defer(put_off(until, clock::now())).await)
        }
        Err(Failure::Refused { cause }) => {
            debug!(message.id = %id, "handed back {id}: {cause}");
            (Settled::Requeued, Some(Signal::Hold(Hold::refused(cause))), delivery.requeue().await)
        }
        Err(Failure::Halt { cause }) => {
            error!(message.id = %id, "stopping {}: {cause}", status.name());
            (Settled::Requeued, Some(Signal::Halt(cause)), delivery.requeue().await)
        }
    };
    match result {
        Ok(()) => {
            if let Some((class, why, due)) = parked {
                status.parks(class, why, due);
            }
            count(status, settled, class);
        }
        // The next worker repeats the job; deterministic ids make that harmless. The connection logs once that the
        // broker is away; not every message repeats it.
        Err(error @ BrokerError::Away(_)) => debug!(message.id = %id, "could not settle {id}: {error}"),
        Err(error) => warn!(message.id = %id, "could not settle {id}: {error}; it will be delivered again"),
    }
    signal
}

/// Returns class, text and due time of a parked message; `None` when it is not parked.
fn parked(delivery: &Delivery, outcome: &Result<(), Failure>) -> Option<(String, String, Timestamp)> {
    let now = clock::now();
    let (class, why, pause) = match outcome {
        Err(Failure::Retry { after, cause }) if !delivery.is_last_attempt() => {
            (cause.class.to_string(), cause.text.clone(), delivery.pause(*after))
        }
        Err(Failure::Defer { until, why }) => {
            (String::from("put-off"), why.clone(), delivery.pause(Some(put_off(*until, now))))
        }
        _ => return None,
    };
    Some((class, why, now.checked_add(pause).ok()?))
}

fn count(status: &Status, settled: Settled, class: Option<CauseClass>) {
    status.settled(settled);
    telemetry::settled(status.name(), settled, class);
}

/// Returns the length of a deferral: until its time, but short enough to notice when the cause ends early.
fn put_off(until: Option<Timestamp>, now: Timestamp) -> Duration {
    let left =
        until.map_or(LONGEST, |until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
    left.min(if left >= FAR { LONGEST_IF_FAR } else { LONGEST })
}

type Settlement = (Settled, Option<Signal>, Result<(), BrokerError>);

async fn retry(delivery: Delivery, after: Option<Duration>, cause: Cause) -> Settlement {
    let id = delivery.message.headers.message_id.clone();
    let last = delivery.is_last_attempt();
    let attempt = delivery.message.headers.attempt + 1;
    if last {
        warn!(message.id = %id, cause.class = %cause.class, "{id} is a dead letter after {}: {cause}", messages::counted(u64::from(attempt), "attempt"));
    } else {
        debug!(message.id = %id, cause.class = %cause.class, "{id} will be tried again (attempt {attempt} failed): {cause}");
    }
    let settled = if last { Settled::Rejected } else { Settled::Retried };
    (settled, None, delivery.retry(after, cause).await)
}

async fn reject(delivery: Delivery, cause: Cause) -> Settlement {
    let id = delivery.message.headers.message_id.clone();
    warn!(message.id = %id, cause.class = %cause.class, "{id} is a dead letter: {cause}");
    (Settled::Rejected, None, delivery.reject(cause).await)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_job_is_put_off_until_its_time_and_looked_at_in_between() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let of = |left: i64| put_off(Some(now + SignedDuration::from_secs(left)), now).as_secs();
        assert_eq!([-5, 0, 7, 119].map(of), [0, 0, 7, 119]);
        assert_eq!([121, 3_599].map(of), [120, 120]);
        assert_eq!([3_600, 80_000].map(of), [600, 600]);
        assert_eq!(put_off(None, now), LONGEST, "an end that nobody knows may come soon");
    }
}
