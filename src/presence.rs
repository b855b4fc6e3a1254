//! Reports the presence of this process: its identity and the status of its roles.

use std::sync::Arc;
use std::time::Duration;

use runtime::presence::Identity;
use runtime::quota::QuotaStatus;
use runtime::{Broker, Status, clock};
use tokio_util::sync::CancellationToken;

/// Interval between two samples of the counters, from which the rates of the last minute are computed.
const SAMPLE: Duration = Duration::from_secs(5);

/// Answers presence requests for the roles of `statuses` until the broker is closed; `quota` returns the status of
/// quotas.
pub(crate) async fn serve(
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
    let info = move || {
        let state = if stop.is_cancelled() { "stopping" } else { "working" };
        identity.info(state, &statuses, clock::now()).with_quota(quota())
    };
    tokio::select! {
        () = broker.serve_presence(info) => {}
        () = sampling => {}
    }
}
