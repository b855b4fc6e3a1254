//! Advice for the index role.

use super::{Bound, Observed, RoleAdvice, enough, run};
use crate::units;

/// Below this fraction of permits in use, the role is not busy.
const BUSY: f64 = 0.35;
/// From this fill level of the queue of documents on, the workers do not keep up.
const FILLED: f64 = 0.5;
/// From this fraction of busy time spent on the store, the store is the bottleneck.
const WAITS: f64 = 0.6;

/// Returns the advice for the index role.
pub(super) fn advise(observed: &Observed) -> RoleAdvice {
    let part = &observed.index;
    let (bound, useful, sentence) = judge(observed);
    RoleAdvice {
        role: part.role,
        bound,
        waiting: part.waiting,
        in_progress: part.in_hand,
        workers: part.workers,
        useful,
        sentence,
    }
}

fn judge(observed: &Observed) -> (Bound, u64, String) {
    let part = &observed.index;
    let fetching = observed.fetch.iter().any(|part| part.waiting > 0 || part.in_hand > 0);
    let waiting = units::some(part.waiting, "page");
    if part.workers == 0 && (part.waiting > 0 || fetching) {
        let sentence = format!("{waiting} of documents and no index worker: start `ua work index`");
        return (Bound::NoWorkers, 1, sentence);
    }
    if part.waiting == 0 && part.in_hand == 0 {
        // Fetching requires one index worker.
        return (Bound::Nothing, u64::from(fetching), "index has nothing to do".to_owned());
    }
    if part.is_held() {
        let why = part.why_held();
        let sentence = format!(
            "the store bounds the flow, index is on hold with {waiting} waiting ({why}): more workers will not be faster"
        );
        return (Bound::Store, 1, sentence);
    }
    if (part.waiting as f64) < observed.documents_limit as f64 * FILLED {
        let sentence = match part.waiting {
            0 => format!("index keeps up: {}", enough(1, part.workers)),
            _ => format!("index keeps up, {waiting} waiting: {}", enough(1, part.workers)),
        };
        return (Bound::Nothing, 1, sentence);
    }
    if part.rates.busy < part.permits as f64 * BUSY {
        let sentence =
            format!("index has {waiting} waiting and is not busy; what bounds it is not measured yet");
        return (Bound::Unknown, part.workers, sentence);
    }
    if part.share(part.rates.storing) >= WAITS {
        let sentence = format!(
            "the store bounds the flow ({:.2} s per bulk, {} documents/s, {waiting} waiting): {}",
            part.rates.bulk_seconds,
            units::count(part.rates.documents.round() as u64),
            enough(part.workers, part.workers)
        );
        return (Bound::Store, part.workers, sentence);
    }
    let useful = part.workers + 1;
    let sentence = format!(
        "the index role bounds the flow ({waiting} waiting): {} would be of use, {}",
        units::some(useful, "worker"),
        run(part.workers)
    );
    (Bound::Workers, useful, sentence)
}
