//! The leader of Zoom's quota, as reported by the workers.

use std::time::Duration;

use messages::Source;
use runtime::presence;

use crate::site::Site;

/// Time for the workers to answer.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);

/// Returns the leader's process id; `None` when no worker reports one.
pub(crate) async fn leader(site: &Site) -> Option<u32> {
    let asked = async {
        let workers = site.broker.list_workers(PRESENCE_TIMEOUT).await.ok()?;
        let of_zoom =
            presence::quota(&workers).into_iter().find(|status| status.source == Source::Zoom.to_string());
        of_zoom.and_then(|status| status.leader_pid)
    };
    // A stopping broker may not answer at all.
    tokio::time::timeout(PRESENCE_TIMEOUT * 2, asked).await.ok().flatten()
}
