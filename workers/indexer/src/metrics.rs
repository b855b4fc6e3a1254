//! Metrics of the store: duration and size of bulks, and the verdicts of their documents.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use runtime::time_use::{self, Activity, during};
use store::{Batch, Store, StoreError, Verdict};
use tracing::warn;

use crate::map::Dropped;

const BULK_SECONDS: &str = "ua_bulk_duration_seconds";
const BULK_DOCUMENTS: &str = "ua_bulk_documents";
const BULK_BYTES: &str = "ua_bulk_bytes";
const FIELDS_DROPPED: &str = "ua_fields_dropped_total";
const DOCUMENTS: &str = "ua_documents_total";
/// For the summary of a process that indexes what it fetched.
static DROPPED: Mutex<Dropped> = Mutex::new(Dropped::NONE);
/// Names of the verdicts.
const VERDICTS: [&str; 7] = ["indexed", "stale", "busy", "refused", "too_large", "denied", "failed"];

/// Registers the descriptions of this crate's metrics.
pub fn describe() {
    describe_histogram!(BULK_SECONDS, Unit::Seconds, "Time the store took for a bulk.");
    describe_histogram!(BULK_DOCUMENTS, Unit::Count, "Documents in a bulk.");
    describe_histogram!(BULK_BYTES, Unit::Bytes, "Bytes of a bulk.");
    describe_counter!(
        FIELDS_DROPPED,
        Unit::Count,
        "Values of a wrong type or with broken text that documents go without, by field; their rows are indexed."
    );
    describe_counter!(DOCUMENTS, Unit::Count, "Documents sent to the store, by its verdict.");
    // Created at zero: Prometheus sees no increase in a counter whose first sample is above zero.
    VERDICTS.into_iter().for_each(|name| counter!(DOCUMENTS, "verdict" => name).increment(0));
}

/// Returns the number of omitted values since the process started, by field.
pub fn dropped_fields() -> Dropped {
    DROPPED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Counts omitted values; logs each field once.
pub(crate) fn dropped(fields: &Dropped) {
    if fields.is_empty() {
        return;
    }
    let mut all = DROPPED.lock().unwrap_or_else(PoisonError::into_inner);
    for (field, values) in fields.iter() {
        counter!(FIELDS_DROPPED, "field" => field).increment(values);
        if !all.has(field) {
            warn!(
                field,
                "an answer has a value of the field {field} that cannot be used: documents go without it"
            );
        }
    }
    *all += fields;
}

/// Sends a bulk.
pub(crate) async fn bulk(store: &Store, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
    let began = Instant::now();
    let outcome = during(Activity::Store, store.bulk(batch)).await;
    let verdicts = outcome?;
    histogram!(BULK_SECONDS).record(began.elapsed());
    histogram!(BULK_DOCUMENTS).record(batch.len() as f64);
    histogram!(BULK_BYTES).record(batch.bytes() as f64);
    time_use::documents(verdicts.len());
    count(&verdicts);
    Ok(verdicts)
}

fn count(verdicts: &[Verdict]) {
    let mut counts = [0_u64; 7];
    for verdict in verdicts {
        let place = match verdict {
            Verdict::Indexed => 0,
            Verdict::Stale => 1,
            Verdict::Busy { .. } => 2,
            Verdict::Refused { .. } => 3,
            Verdict::TooLarge { .. } => 4,
            Verdict::Denied { .. } => 5,
            Verdict::Failed { .. } => 6,
        };
        counts[place] += 1;
    }
    for (name, count) in VERDICTS.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        counter!(DOCUMENTS, "verdict" => name).increment(count);
    }
}
