//! Waiting out a hold: until its time, or until the dependency is well again. Never longer than the stop.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::clock;
use crate::status::{Hold, Status};

/// How often the dependency's health is asked during a hold without an end.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// A hold is at least this long, so that a dependency that dies at once on every job is not hammered.
const SHORTEST: Duration = Duration::from_millis(500);

/// Waits until `hold` is over, `healthy` says so, or `stop`.
pub(crate) async fn wait<H: Future<Output = bool>>(
    hold: Hold,
    status: &Status,
    stop: &CancellationToken,
    healthy: impl Fn() -> H,
) {
    let name = status.name();
    match hold.until {
        Some(until) => warn!("{name} is on hold until {until}: {}", hold.why),
        None => warn!("{name} is on hold: {}", hold.why),
    }
    let until = hold.until;
    status.hold(Some(hold));
    let over = async {
        match until {
            Some(until) => {
                let left = until.as_millisecond() - clock::now().as_millisecond();
                tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0)).max(SHORTEST))
                    .await;
            }
            None => {
                tokio::time::sleep(SHORTEST).await;
                while !healthy().await {
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        }
    };
    if stop.run_until_cancelled(over).await.is_some() {
        info!("{name} goes on");
    }
    status.hold(None);
}
