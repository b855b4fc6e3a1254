//! Metrics for Prometheus: their names and descriptions, and the page to scrape.
//!
//! Recording uses the `metrics` facade and costs next to nothing without [`install`]. Labels are bounded: roles,
//! classes and outcomes, never ids.

use std::time::Duration;

use messages::CauseClass;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::status::Settled;
use crate::{Rates, Snapshot};

const SETTLED: &str = "ua_jobs_settled_total";
const RETRIES: &str = "ua_retries_total";
const DEAD: &str = "ua_dead_letters_total";
/// Role label of a dead letter that the broker itself has made.
const BROKER: &str = "broker";
const JOB_SECONDS: &str = "ua_job_duration_seconds";
const BATCH_MESSAGES: &str = "ua_batch_messages";
const IN_FLIGHT: &str = "ua_jobs_in_flight";
const PERMITS: &str = "ua_role_permits";
const BUSY: &str = "ua_role_busy_permits";
const ON_HOLD: &str = "ua_role_on_hold";
const REFUSED: &str = "ua_role_refused";

/// Bucket bounds in seconds, from a cached answer to a slow bulk.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Bucket bounds for items per batch.
const COUNTS: [f64; 8] = [1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0];
/// Bucket bounds for bytes per bulk.
const BYTES: [f64; 7] = [1e4, 1e5, 5e5, 1e6, 4e6, 8e6, 1.6e7];

/// The page that Prometheus scrapes.
#[derive(Clone)]
pub struct Page(PrometheusHandle);

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Page")
    }
}

impl Page {
    /// Returns all metrics in Prometheus' text format.
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Moves recorded values into their buckets. Call it periodically: without it, a page that is not scraped grows.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

/// Installs the metrics recorder of this process.
///
/// # Errors
/// When the process already has a recorder.
pub fn install() -> Result<Page, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?
        .set_buckets_for_metric(Matcher::Suffix("_messages".to_owned()), &COUNTS)?
        .set_buckets_for_metric(Matcher::Suffix("_documents".to_owned()), &COUNTS)?
        .build_recorder();
    let page = Page(recorder.handle());
    metrics::set_global_recorder(recorder).map_err(BuildError::FailedToSetGlobalRecorder)?;
    describe();
    Ok(page)
}

fn describe() {
    describe_counter!(SETTLED, Unit::Count, "Messages settled, by role and outcome.");
    describe_counter!(
        RETRIES,
        Unit::Count,
        "Messages parked for another attempt, by role and class of cause."
    );
    describe_counter!(DEAD, Unit::Count, "Messages that became dead letters, by role and class of cause.");
    describe_histogram!(
        JOB_SECONDS,
        Unit::Seconds,
        "Time from taking a job (or a batch) to its settlement, by role."
    );
    describe_histogram!(BATCH_MESSAGES, Unit::Count, "Messages in a batch, by role.");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Messages being worked on, by role.");
    describe_gauge!(
        PERMITS,
        Unit::Count,
        "Jobs (or batches) that may be under way at once, by role; of those who fetch one more that is urgent."
    );
    describe_gauge!(
        BUSY,
        Unit::Count,
        "Permits in use over the last minute, by role and what they wait for."
    );
    describe_gauge!(
        ON_HOLD,
        Unit::Count,
        "1 while the role takes nothing because what it depends on is spent or away."
    );
    describe_gauge!(
        REFUSED,
        Unit::Count,
        "1 while a peer refuses the role: credentials, rights, a scope or a licence."
    );
}

/// Exports the status of a role as metrics.
pub fn show(now: &Snapshot, rates: &Rates) {
    let role = now.name.to_string();
    gauge!(IN_FLIGHT, "role" => role.clone()).set(now.in_flight as f64);
    gauge!(PERMITS, "role" => role.clone()).set(now.permits as f64);
    let is_on_hold = now.hold.is_some() || now.trouble.is_some();
    gauge!(ON_HOLD, "role" => role.clone()).set(if is_on_hold { 1.0 } else { 0.0 });
    let is_refused = now.trouble.as_ref().is_some_and(|trouble| trouble.refused);
    gauge!(REFUSED, "role" => role.clone()).set(if is_refused { 1.0 } else { 0.0 });
    // Export 0 before the first dead letter: Prometheus sees no increase in a counter that appears with a value.
    for class in CauseClass::ALL {
        counter!(DEAD, "role" => role.clone(), "class" => class.name()).increment(0);
    }
    for class in [CauseClass::CrashedWorker, CauseClass::RemovedByPolicy] {
        counter!(DEAD, "role" => BROKER, "class" => class.name()).increment(0);
    }
    for (what, permits) in [
        ("all", rates.busy),
        ("quota", rates.waiting_for_quota),
        ("call", rates.calling),
        ("publish", rates.publishing),
        ("room", rates.waiting_for_room),
        ("store", rates.storing),
    ] {
        gauge!(BUSY, "role" => role.clone(), "doing" => what).set(permits);
    }
}

/// Counts a settled message of `role`.
pub(crate) fn settled(role: &'static str, kind: Settled, cause: Option<CauseClass>) {
    let outcome = match kind {
        Settled::Done => "done",
        Settled::Retried => "retried",
        Settled::Rejected => "dead",
        Settled::Requeued => "handed_back",
    };
    counter!(SETTLED, "role" => role, "outcome" => outcome).increment(1);
    let name = match kind {
        Settled::Retried => RETRIES,
        Settled::Rejected => DEAD,
        Settled::Done | Settled::Requeued => return,
    };
    if let Some(class) = cause {
        counter!(name, "role" => role, "class" => class.name()).increment(1);
    }
}

/// Counts a dead letter that is one item of a message of `role`.
pub(crate) fn buried(role: &'static str, class: CauseClass) {
    counter!(DEAD, "role" => role, "class" => class.name()).increment(1);
}

/// Counts a dead letter that the broker itself has made.
pub(crate) fn buried_by_broker(class: CauseClass) {
    counter!(DEAD, "role" => BROKER, "class" => class.name()).increment(1);
}

/// Records the duration of a job of `role`.
pub(crate) fn job(role: &'static str, took: Duration) {
    histogram!(JOB_SECONDS, "role" => role).record(took.as_secs_f64());
}

/// Records the number of messages in a batch of `role`.
pub(crate) fn batch(role: &'static str, messages: usize) {
    histogram!(BATCH_MESSAGES, "role" => role).record(messages as f64);
}
