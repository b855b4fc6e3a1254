//! Compares this machine's clock with the store's, before work begins and while it runs.

use std::time::Duration;

use anyhow::anyhow;
use runtime::clock::{self, Peer, TOLERANCE};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::exit::usage;

/// Interval between two reads of the store's clock, normally and while this machine's clock is in doubt.
const LOOK: Duration = Duration::from_secs(60);
const LOOK_IN_DOUBT: Duration = Duration::from_secs(5);
/// Timeout of a read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the store's clock. The local store has no clock of its own, and an unreachable store is ignored.
pub(crate) async fn hear(store: &Store) {
    if let Ok(Ok(Some(time))) = tokio::time::timeout(PATIENCE, store.clock()).await {
        clock::heard(Peer::Store, time);
    }
}

/// Waits until the quota leader has sent its time, which it does every two seconds. Without a quota leader, API calls
/// are paused.
pub(crate) async fn hear_leader() {
    let heard = async {
        while clock::ahead_of(Peer::Leader).is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // A leader of an older version may not send its time.
    let _ = tokio::time::timeout(PATIENCE, heard).await;
}

/// Reads the store's clock repeatedly until `stop`.
pub(crate) async fn watch(store: Store, stop: CancellationToken) {
    loop {
        hear(&store).await;
        let pause = if clock::doubt().is_some() { LOOK_IN_DOUBT } else { LOOK };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Checks this machine's clock; two other clocks that disagree with it make it wrong.
///
/// # Errors
/// If the clock is wrong: names the other clocks and the differences.
pub(crate) async fn agree(store: &Store) -> anyhow::Result<()> {
    hear(store).await;
    clock::doubt().map_or(Ok(()), |doubt| Err(anyhow!("{doubt}")))
}

/// Checks that this machine's clock is not ahead of the store's: a plan from the future would outrank all later writes.
///
/// # Errors
/// If the clock is ahead by more than [`TOLERANCE`].
pub(crate) async fn not_ahead(store: &Store) -> anyhow::Result<()> {
    hear(store).await;
    match clock::ahead_of(Peer::Store) {
        Some(ahead) if ahead > TOLERANCE => Err(usage(format!(
            "the clock of this machine is {} the store's: set it (`timedatectl`), then plan again",
            clock::difference(ahead)
        ))),
        _ => Ok(()),
    }
}
