//! What is measured of Zoom's API: how long calls take, how they end, and how long leave to call is waited for.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use runtime::meter::{Doing, during};

use crate::RateClass;
use crate::endpoint::Endpoint;

const REQUEST_SECONDS: &str = "ua_api_request_duration_seconds";
const CALLS: &str = "ua_api_calls_total";
const WAIT_SECONDS: &str = "ua_quota_wait_seconds";

/// Says what this crate's figures mean.
pub fn describe() {
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Time from sending a request to the last byte of its answer, by endpoint and class of status."
    );
    describe_counter!(CALLS, Unit::Count, "Calls made, by the rate class that the account's quota counts.");
    describe_histogram!(
        WAIT_SECONDS,
        Unit::Seconds,
        "Time for which a call waited for leave by the quota, or for a 429 to pass, by rate class."
    );
}

/// Waits for leave to call.
pub(crate) async fn waiting<T>(class: RateClass, leave: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let left = during(Doing::Quota, leave).await;
    histogram!(WAIT_SECONDS, "source" => "zoom", "class" => name(class)).record(began.elapsed());
    left
}

/// Makes a call; `status` reads the answer's HTTP status, if there is an answer.
pub(crate) async fn calling<T>(
    endpoint: Endpoint,
    call: impl Future<Output = T>,
    status: impl FnOnce(&T) -> Option<u16>,
) -> T {
    let began = Instant::now();
    let answer = during(Doing::Call, call).await;
    let status = match status(&answer) {
        None => "none",
        Some(429) => "429",
        Some(200..=299) => "2xx",
        Some(500..) => "5xx",
        Some(400..) => "4xx",
        Some(_) => "other",
    };
    let labels = [("source", "zoom"), ("endpoint", endpoint.name()), ("status", status)];
    histogram!(REQUEST_SECONDS, &labels).record(began.elapsed());
    counter!(CALLS, "source" => "zoom", "class" => name(endpoint.class())).increment(1);
    answer
}

fn name(class: RateClass) -> &'static str {
    match class {
        RateClass::Light => "light",
        RateClass::Medium => "medium",
        RateClass::Heavy => "heavy",
        RateClass::ResourceIntensive => "resource-intensive",
    }
}
