//! Writes receipts and the records of runs to the store; retries a busy store for 31 seconds.

use std::time::{Duration, Instant};

use messages::Receipt;
use planner::RunRecord;
use store::{Batch, DocumentKind, Split, Store, StoreError, Verdict};

use super::read;
use crate::exit::RefusedError;

/// Seconds to wait after each "busy" answer of the store.
const BUSY_PAUSES: [u64; 5] = [1, 2, 4, 8, 16];
/// Maximum time of all attempts.
const PATIENCE: Duration = Duration::from_secs(31);
/// Receipts per bulk request.
const RECEIPTS: usize = 1_000;

/// Writes receipts. The store ignores a receipt that is older than its row.
///
/// # Errors
/// If the store is unreachable or refuses.
pub(crate) async fn receipts(store: &Store, receipts: &[Receipt]) -> anyhow::Result<()> {
    for some in receipts.chunks(RECEIPTS) {
        let mut batch = Batch::new();
        for receipt in some {
            let index = DocumentKind::Harvests.index(Split::default(), read::today());
            let id = receipt.job_id.as_str().to_owned();
            batch.push(store.prefix(), DocumentKind::Harvests, index, id, receipt.version(), receipt)?;
        }
        write(store, &batch, "receipts").await?;
    }
    Ok(())
}

/// Writes the record of a run.
///
/// # Errors
/// If the store is unreachable or refuses.
pub(crate) async fn record(store: &Store, record: &RunRecord) -> anyhow::Result<()> {
    let mut batch = Batch::new();
    let index = DocumentKind::Runs.index(Split::default(), read::today());
    let id = record.run.as_str().to_owned();
    batch.push(store.prefix(), DocumentKind::Runs, index, id, record.version(), record)?;
    write(store, &batch, "the record of a run").await
}

async fn write(store: &Store, batch: &Batch, what: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut pauses = BUSY_PAUSES.into_iter().map(Duration::from_secs);
    loop {
        let verdicts = match store.bulk(batch).await {
            Err(StoreError::Busy(reason)) => vec![Verdict::Busy { reason }],
            verdicts => verdicts?,
        };
        let mut waits = None;
        for verdict in verdicts {
            match verdict {
                Verdict::Indexed | Verdict::Stale => {}
                Verdict::Refused { reason } | Verdict::TooLarge { reason } => {
                    return Err(RefusedError(format!(
                        "the store refuses {what}: {reason}; run `ua check`, then `ua setup`"
                    ))
                    .into());
                }
                Verdict::Denied { reason } => return Err(StoreError::Denied(reason).into()),
                Verdict::Busy { reason } | Verdict::Failed { reason } => waits = Some(reason),
            }
        }
        let Some(reason) = waits else { return Ok(()) };
        match pauses.next().filter(|pause| begun.elapsed() + *pause <= PATIENCE) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(StoreError::Away(format!("it did not take {what}: {reason}")).into()),
        }
    }
}
