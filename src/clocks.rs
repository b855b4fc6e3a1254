//! This machine's clock beside that of the store: looked at before work begins, and while it goes on.

use std::time::Duration;

use anyhow::anyhow;
use runtime::clock::{self, Peer, TOLERANCE};
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::exit::usage;

/// How often the store's clock is asked for, and how often while ours is doubted.
const LOOK: Duration = Duration::from_secs(60);
const LOOK_IN_DOUBT: Duration = Duration::from_secs(5);
/// How long the store may take to tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the store what time it is. The local file has no clock of its own, and a store that is away tells nothing.
pub(crate) async fn hear(store: &Store) {
    if let Ok(Ok(Some(time))) = tokio::time::timeout(PATIENCE, store.clock()).await {
        clock::heard(Peer::Store, time);
    }
}

/// Waits for the first words of the quota leader, which tells its time every two seconds. Without a leader no call is made.
pub(crate) async fn hear_leader() {
    let heard = async {
        while clock::ahead_of(Peer::Leader).is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // A leader of another version may say nothing of it.
    let _ = tokio::time::timeout(PATIENCE, heard).await;
}

/// Asks again and again, until `stop`.
pub(crate) async fn watch(store: Store, stop: CancellationToken) {
    loop {
        hear(&store).await;
        let pause = if clock::doubt().is_some() { LOOK_IN_DOUBT } else { LOOK };
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

/// Nothing is begun with a clock that two others disagree with.
///
/// # Errors
/// Which they are, and by how much.
pub(crate) async fn agree(store: &Store) -> anyhow::Result<()> {
    hear(store).await;
    clock::doubt().map_or(Ok(()), |doubt| Err(anyhow!("{doubt}")))
}

/// Nothing is planned with a clock ahead of the store's: what is planned would outrank all that is written later.
///
/// # Errors
/// By how much it is ahead.
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
