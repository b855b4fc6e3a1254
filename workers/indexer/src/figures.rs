//! What is measured of the store: how long bulks take, how large they are, and what becomes of their documents.

use std::time::Instant;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use runtime::meter::{self, Doing, during};
use store::{Batch, Store, StoreError, Verdict};

const BULK_SECONDS: &str = "ua_bulk_duration_seconds";
const BULK_DOCUMENTS: &str = "ua_bulk_documents";
const BULK_BYTES: &str = "ua_bulk_bytes";
const DOCUMENTS: &str = "ua_documents_total";
/// The verdicts' names.
const VERDICTS: [&str; 5] = ["indexed", "stale", "busy", "refused", "too_large"];

/// Says what this crate's figures mean.
pub fn describe() {
    describe_histogram!(BULK_SECONDS, Unit::Seconds, "Time the store took for a bulk.");
    describe_histogram!(BULK_DOCUMENTS, Unit::Count, "Documents in a bulk.");
    describe_histogram!(BULK_BYTES, Unit::Bytes, "Bytes of a bulk.");
    describe_counter!(DOCUMENTS, Unit::Count, "Documents sent to the store, by its verdict.");
    // There before the first refusal: a count that appears with a value has not risen for Prometheus.
    VERDICTS.into_iter().for_each(|name| counter!(DOCUMENTS, "verdict" => name).increment(0));
}

/// Sends a bulk.
pub(crate) async fn bulk(store: &Store, batch: &Batch) -> Result<Vec<Verdict>, StoreError> {
    let began = Instant::now();
    let outcome = during(Doing::Store, store.bulk(batch)).await;
    let verdicts = outcome?;
    histogram!(BULK_SECONDS).record(began.elapsed());
    histogram!(BULK_DOCUMENTS).record(batch.len() as f64);
    histogram!(BULK_BYTES).record(batch.bytes() as f64);
    meter::documents(verdicts.len());
    count(&verdicts);
    Ok(verdicts)
}

fn count(verdicts: &[Verdict]) {
    let mut counts = [0_u64; 5];
    for verdict in verdicts {
        let place = match verdict {
            Verdict::Indexed => 0,
            Verdict::Stale => 1,
            Verdict::Busy => 2,
            Verdict::Refused { .. } => 3,
            Verdict::TooLarge { .. } => 4,
        };
        counts[place] += 1;
    }
    for (name, count) in VERDICTS.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        counter!(DOCUMENTS, "verdict" => name).increment(count);
    }
}
