//! Metrics of API calls: duration, status, and the wait for a token of the quota. Independent of the source.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::time_use::{Activity, during};

const REQUEST_SECONDS: &str = "ua_api_request_duration_seconds";
const CALLS: &str = "ua_api_calls_total";
const WAIT_SECONDS: &str = "ua_quota_wait_seconds";
const LATE: &str = "ua_quota_tokens_late_total";

/// Describes these metrics.
pub fn describe() {
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Time from sending a request to the last byte of its answer, by source, endpoint and class of status."
    );
    describe_counter!(
        CALLS,
        Unit::Count,
        "Calls made, by source and by the rate class that the account's quota counts."
    );
    describe_histogram!(
        WAIT_SECONDS,
        Unit::Seconds,
        "Time for which a call waited for leave by the quota, or for a 429 to pass, by source and rate class."
    );
    describe_counter!(
        LATE,
        Unit::Count,
        "Tokens that came too late for a call and were given back, by source and rate class: with many of them the broker \
         is far away or the machine short of processor time."
    );
}

/// Waits for a token of the quota and records the time.
pub async fn waiting<T>(source: &'static str, class: &'static str, leave: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let left = during(Activity::Quota, leave).await;
    histogram!(WAIT_SECONDS, "source" => source, "class" => class).record(began.elapsed());
    left
}

/// Counts tokens that came too late for a call.
pub(crate) fn late(source: &'static str, class: &'static str, tokens: u64) {
    counter!(LATE, "source" => source, "class" => class).increment(tokens);
}

/// Makes a call of `endpoint` and records its duration; `status` returns the HTTP status of an answer.
pub async fn calling<T>(
    source: &'static str,
    class: &'static str,
    endpoint: &'static str,
    call: impl Future<Output = T>,
    status: impl FnOnce(&T) -> Option<u16>,
) -> T {
    let began = Instant::now();
    let answer = during(Activity::Call, call).await;
    let status = match status(&answer) {
        None => "none",
        Some(429) => "429",
        Some(200..=299) => "2xx",
        Some(500..) => "5xx",
        Some(400..) => "4xx",
        Some(_) => "other",
    };
    let labels = [("source", source), ("endpoint", endpoint), ("status", status)];
    histogram!(REQUEST_SECONDS, &labels).record(began.elapsed());
    counter!(CALLS, "source" => source, "class" => class).increment(1);
    answer
}
