//! Readiness: broker and store answer, no role is on hold, and the process is not stopping.

use std::time::{Duration, Instant};

use messages::Queue;

use super::{HealthState, Working};

/// Timeout of each check.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a result is cached.
const HOLDS: Duration = Duration::from_secs(2);

/// The last result and its time.
#[derive(Debug, Default)]
pub(super) struct Checks(Option<(Instant, Result<(), String>)>);

/// Returns the reason when the process is not ready.
pub(super) async fn ready(health: &HealthState) -> Result<(), String> {
    let working = {
        let state = health.state();
        if state.stopping {
            return Err("stopping".to_owned());
        }
        if state.idle {
            return Ok(());
        }
        if !state.awaited.is_empty() {
            return Err(format!("waiting for {}", state.awaited.join(", ")));
        }
        state.working.clone()
    };
    let Some(working) = working else { return Err("starting".to_owned()) };
    let mut checks = health.checks.lock().await;
    if let Some((_, answer)) = checks.0.as_ref().filter(|(at, _)| at.elapsed() < HOLDS) {
        return answer.clone();
    }
    let answer = reachable(&working).await;
    checks.0 = Some((Instant::now(), answer.clone()));
    answer
}

async fn reachable(working: &Working) -> Result<(), String> {
    for status in &working.statuses {
        if let Some(trouble) = status.trouble() {
            return Err(format!("{} is on hold: {}", status.name(), trouble.why));
        }
    }
    let queue = Queue::documents();
    match tokio::time::timeout(PATIENCE, working.broker.depth(&queue)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err("the broker does not answer".to_owned()),
    }
    let Some(store) = &working.store else { return Ok(()) };
    match tokio::time::timeout(PATIENCE, store.healthy()).await {
        Ok(true) => Ok(()),
        _ => Err("the store does not answer".to_owned()),
    }
}
