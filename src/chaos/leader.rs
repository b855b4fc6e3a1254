//! Who keeps Zoom's quota, by the word of the workers.

use std::time::Duration;

use messages::Source;
use runtime::presence;

use crate::site::Site;

/// How long the workers may take to answer.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);

/// The number of the process that leads; `None` when nobody says so.
pub(crate) async fn leader(site: &Site) -> Option<u32> {
    let asked = async {
        let workers = site.broker.list_workers(PRESENCE_TIMEOUT).await.ok()?;
        let of_zoom =
            presence::quota(&workers).into_iter().find(|status| status.source == Source::Zoom.to_string());
        of_zoom.and_then(|status| status.leader_pid)
    };
    // A broker that is on its way down may not answer at all.
    tokio::time::timeout(PRESENCE_TIMEOUT * 2, asked).await.ok().flatten()
}
