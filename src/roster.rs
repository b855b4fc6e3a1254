//! Keeps this process on the roll: who it is and what its roles do, for whoever asks.

use std::sync::Arc;
use std::time::Duration;

use runtime::quota::QuotaStatus;
use runtime::roll::Identity;
use runtime::{Broker, Status, clock};
use tokio_util::sync::CancellationToken;

/// How often the counters are kept for the rates of the last minute.
const SAMPLE: Duration = Duration::from_secs(5);

/// Answers roll calls for the roles of `statuses`, until the broker is closed; `quota` tells how quotas stand.
pub(crate) async fn answer(
    broker: Broker,
    statuses: Vec<Arc<Status>>,
    quota: impl Fn() -> Vec<QuotaStatus>,
    stop: CancellationToken,
) {
    let identity = Identity::of_this_process(env!("CARGO_PKG_VERSION"), clock::now());
    let sampled = statuses.clone();
    let sampling = async move {
        loop {
            sampled.iter().for_each(|status| status.sample());
            tokio::time::sleep(SAMPLE).await;
        }
    };
    let card = move || {
        let state = if stop.is_cancelled() { "stopping" } else { "working" };
        identity.card(state, &statuses, clock::now()).with_quota(quota())
    };
    tokio::select! {
        () = broker.answer_roll(card) => {}
        () = sampling => {}
    }
}
