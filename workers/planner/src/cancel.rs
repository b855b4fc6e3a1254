//! Receipts of jobs that are removed from their queues because their run is cancelled. Independent of how jobs are
//! removed.

use jiff::{SignedDuration, Timestamp};
use messages::{JobHead, Queue, Receipt, ReceiptState, Source};

/// A job removed from its queue, as its message contains it.
#[derive(Debug)]
pub struct Taken<'a> {
    /// The queue the job was removed from.
    pub queue: &'a Queue,
    /// Id and run of the job.
    pub head: &'a JobHead,
    /// The complete job.
    pub body: &'a [u8],
}

/// Returns the receipt to store before the job is removed; `None` if the existing receipt is sufficient.
///
/// * No receipt, planned by this run, or failed and replayed: the job is cancelled, and the next plan of its
///   date publishes it again.
/// * Planned again by another run: the receipt belongs to that run, which has its own message.
/// * Complete, incomplete or cancelled: the job is finished; this message is a duplicate.
pub fn taken_out(taken: &Taken<'_>, held: Option<Receipt>, now: Timestamp) -> Option<Receipt> {
    let receipt = match held {
        None => written(taken)?,
        Some(held) => match held.state {
            ReceiptState::Planned if held.run == taken.head.run => held,
            ReceiptState::Failed => held,
            ReceiptState::Planned
            | ReceiptState::Complete
            | ReceiptState::Incomplete
            | ReceiptState::Cancelled => return None,
        },
    };
    // Newer than the existing receipt, even if the clocks of two machines differ.
    let after = |time: Timestamp| time.checked_add(SignedDuration::from_millis(1)).unwrap_or(time);
    let known = receipt.finished_at.unwrap_or(receipt.planned_at);
    Some(Receipt { state: ReceiptState::Cancelled, finished_at: Some(now.max(after(known))), ..receipt })
}

/// Returns the receipt of a planned job that is in no queue because its run was cancelled before publishing. A later
/// receipt of a finished job is newer and wins.
pub fn written_off(receipt: Receipt) -> Receipt {
    let finished_at = receipt.planned_at.checked_add(SignedDuration::from_millis(1));
    let finished_at = Some(finished_at.unwrap_or(receipt.planned_at));
    Receipt { state: ReceiptState::Cancelled, finished_at, ..receipt }
}

/// Creates a receipt from the job alone.
fn written(Taken { queue, body, .. }: &Taken<'_>) -> Option<Receipt> {
    let receipt = Source::ALL.into_iter().find_map(|source| source.planned(body))?;
    Some(Receipt { queue: Some((*queue).clone()), ..receipt })
}

#[cfg(test)]
mod tests {
    use messages::zoom::Task;
    use messages::{Lane, decode, encode, opencast};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn of(run: &str, held: Option<(ReceiptState, &str)>) -> Option<Receipt> {
        let task = Task::Meetings { date: "2026-01-02".parse().unwrap() };
        let planned_at = at("2026-01-03T00:00:00Z");
        let job = task.clone().into_job(run.into(), Lane::Backfill, planned_at);
        let body = encode(&job).unwrap();
        let head: JobHead = decode(&body).unwrap();
        let queue = Queue::jobs(task.family(), Lane::Backfill);
        let taken = Taken { queue: &queue, head: &head, body: &body };
        let held = held.map(|(state, run)| {
            let finished_at = (state != ReceiptState::Planned).then(|| at("2026-01-03T00:00:09Z"));
            Receipt { state, run: run.into(), finished_at, ..written(&taken).unwrap() }
        });
        taken_out(&taken, held, at("2026-01-03T00:00:05Z"))
    }

    #[test]
    fn what_waits_or_was_tried_again_is_cancelled() {
        for held in [None, Some((ReceiptState::Planned, "mine"))] {
            let receipt = of("mine", held).unwrap();
            assert_eq!((receipt.state, receipt.run.as_str()), (ReceiptState::Cancelled, "mine"));
            assert_eq!(receipt.finished_at, Some(at("2026-01-03T00:00:05Z")));
            assert_eq!((receipt.kind.as_str(), receipt.date), ("meetings", "2026-01-02".parse().ok()));
            assert!(receipt.job.is_some(), "so that it can be published again");
        }
        let failed = of("mine", Some((ReceiptState::Failed, "mine"))).unwrap();
        assert_eq!(failed.state, ReceiptState::Cancelled);
        assert!(failed.version() > at("2026-01-03T00:00:09Z").as_millisecond(), "newer than what is held");
    }

    #[test]
    fn a_job_of_another_source_is_cancelled_alike() {
        let task = opencast::Task::Episode { mpid: "a-1".parse().unwrap() };
        let job = task.clone().into_job("mine".into(), Lane::Backfill, at("2026-01-03T00:00:00Z"));
        let body = encode(&job).unwrap();
        let head: JobHead = decode(&body).unwrap();
        let queue = Queue::jobs(task.family(), Lane::Backfill);
        let taken = Taken { queue: &queue, head: &head, body: &body };
        let receipt = taken_out(&taken, None, at("2026-01-03T00:00:05Z")).unwrap();
        assert_eq!((receipt.state, receipt.source), (ReceiptState::Cancelled, Source::Opencast));
        assert_eq!((receipt.job_id, receipt.queue), (job.id, Some(queue)));
    }

    #[test]
    fn what_is_done_or_of_another_run_keeps_its_receipt() {
        for held in [
            (ReceiptState::Complete, "mine"),
            (ReceiptState::Incomplete, "mine"),
            (ReceiptState::Cancelled, "mine"),
            (ReceiptState::Planned, "later"),
        ] {
            assert!(of("mine", Some(held)).is_none(), "{held:?}");
        }
    }
}
