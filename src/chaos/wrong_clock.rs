//! A machine whose clock is two years ahead: its Zoom worker must hold, and continue when the clock is right again.

use std::time::Duration;

use runtime::broker::BrokerError;

use crate::site::Site;

/// Time for the workers to answer.
const PRESENCE_TIMEOUT: Duration = Duration::from_millis(700);
const WHY: &str = "the clock of this machine is wrong";

/// Returns the ids of the processes that hold because of their clock.
pub(crate) async fn who_holds(site: &Site) -> Result<Vec<u32>, BrokerError> {
    let workers = site.broker.list_workers(PRESENCE_TIMEOUT).await?;
    let holding = workers.iter().filter(|worker| {
        let holds = worker.roles.iter().flat_map(|role| [&role.now.hold, &role.now.trouble]).flatten();
        holds.into_iter().any(|hold| hold.why.contains(WHY))
    });
    Ok(holding.map(|worker| worker.pid).collect())
}
