//! Advice for the fetching roles.

use super::{Bound, Part, RoleAdvice, enough, run};
use crate::units;

/// Minimum seconds of measurement for usable rates.
const LONG_ENOUGH: f64 = 5.0;
/// Fractions of busy time from which a wait is the bottleneck. The one for the quota is low because tokens are paced: a
/// worker waits for one only when the quota is used up.
const WAITS_FOR_QUOTA: f64 = 0.1;
const WAITS: f64 = 0.3;
/// From this fraction of permits in use on, all count as busy.
const ALL_BUSY: f64 = 0.7;
/// Permits in reserve, as a factor of the average need.
const SPARE: f64 = 1.25;

/// Returns the advice for one role. `index` is the advice for the index role, and `parked` messages wait for another
/// attempt.
pub(super) fn advise(part: &Part, parked: u64, index: &RoleAdvice) -> RoleAdvice {
    let (bound, useful, sentence) = paused(part, parked).unwrap_or_else(|| judge(part, index));
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

/// Returns the advice while the quota is paused and no job runs. Jobs of a paused account are parked one by one.
fn paused(part: &Part, parked: u64) -> Option<(Bound, u64, String)> {
    let put_off = part.waiting == 0 && part.in_hand == 0 && parked > 0;
    let why = part.paused.first().filter(|_| part.workers > 0 && (part.is_held() || put_off))?;
    let waiting = match put_off {
        true => format!("{} parked for later", units::some(parked, "message")),
        false => format!("{} waiting", units::some(part.waiting, "job")),
    };
    let role = part.role;
    let sentence = format!("the quota bounds {role} ({why}), {waiting}: more workers will not be faster");
    Some((Bound::Quota, 1, sentence))
}

fn judge(part: &Part, index: &RoleAdvice) -> (Bound, u64, String) {
    let (role, rates, worth) = (part.role, &part.rates, part.worth());
    let waiting = units::some(part.waiting, "job");
    if part.waiting == 0 && part.in_hand == 0 {
        return (Bound::Nothing, 0, format!("{role} has nothing to do"));
    }
    if part.workers == 0 {
        let source = role.split('.').next().unwrap_or(role);
        let sentence = format!("{waiting} of {role} and no worker: start `ua work {source}`");
        return (Bound::NoWorkers, 1, sentence);
    }
    if part.is_held() {
        let why = part.why_held();
        let sentence =
            format!("{role} is on hold with {waiting} waiting ({why}): more workers will not be faster");
        return (Bound::Hold, 1, sentence);
    }
    if part.share(rates.waiting_for_room) >= WAITS {
        let sentence = format!("{role} waits for room in the queue of documents: {}", index.sentence);
        // The bottleneck of the index role is also that of this role.
        let bound = if index.bound == Bound::Nothing { Bound::Workers } else { index.bound };
        return (bound, part.workers.min(worth), sentence);
    }
    if rates.seconds < LONG_ENOUGH || rates.busy < 0.01 {
        let sentence = format!("{role} has {waiting} waiting; what bounds it is not measured yet");
        return (Bound::Unknown, part.workers.min(worth), sentence);
    }
    if part.share(rates.publishing) >= WAITS && rates.publishing > rates.waiting_for_quota {
        let sentence = format!(
            "the broker bounds {role}: its workers spend {:.0} % of their time publishing; more will not be faster",
            part.share(rates.publishing).min(1.0) * 100.0
        );
        return (Bound::Broker, part.workers.min(worth), sentence);
    }
    if part.share(rates.waiting_for_quota) >= WAITS_FOR_QUOTA {
        let allowed = part.allowed.unwrap_or(rates.calls);
        let useful = needed(part, allowed.max(rates.calls)).min(worth);
        let of = part.allowed.map(|allowed| format!(" of {allowed:.1} allowed")).unwrap_or_default();
        let sentence = format!(
            "the quota bounds {role} at {:.1}{of} calls/s: {}",
            rates.calls,
            enough(useful, part.workers)
        );
        return (Bound::Quota, useful, sentence);
    }
    latency(part, worth)
}

/// No worker waits for tokens: more workers would be faster, up to the quota.
fn latency(part: &Part, worth: u64) -> (Bound, u64, String) {
    let (role, rates) = (part.role, &part.rates);
    let slow = format!("{:.2} s per call", rates.call_seconds);
    if worth <= part.workers || rates.busy < part.permits as f64 * ALL_BUSY {
        let useful = part.workers.min(worth);
        let sentence = format!("{role} keeps up ({slow}): {}", enough(useful, part.workers));
        return (Bound::Latency, useful, sentence);
    }
    let useful = match part.allowed {
        Some(allowed) => needed(part, allowed).max(part.workers),
        // The quota is unknown: add one worker at a time.
        None => part.workers + 1,
    };
    let useful = useful.min(worth);
    let sentence = format!(
        "the API's latency bounds {role} ({slow}, all {} permits in use): {} would be of use, {}",
        units::count(part.permits),
        units::some(useful, "worker"),
        run(part.workers)
    );
    (Bound::Latency, useful, sentence)
}

/// Returns the workers that make `calls` per second when none waits for tokens.
fn needed(part: &Part, calls: f64) -> u64 {
    let rates = &part.rates;
    let seconds =
        if rates.calls > 0.0 { (rates.busy - rates.waiting_for_quota).max(0.0) / rates.calls } else { 0.0 };
    (calls * seconds * SPARE / part.permits_each()).ceil().max(1.0) as u64
}
