//! Presence in the local file: each process writes its report every 2 s. The owners' locks tell which reports are
//! valid.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::debug;

use super::{Local, rows};
use crate::lift::{Lift, Lifts};
use crate::{BrokerError, WorkerInfo, clock};

/// Maximum age of a report.
const EVERY: Duration = Duration::from_secs(2);

impl Local {
    pub(in crate::broker) async fn serve_presence(&self, info: impl Fn() -> WorkerInfo) {
        let _removed = Removed(self);
        let mut heard = clock::now().as_millisecond();
        while self.inner.alive.load(Ordering::Acquire) {
            match serde_json::to_string(&info()) {
                Ok(info) => {
                    let owner = self.inner.owner.id;
                    self.inner
                        .writer
                        .cast(move |connection| rows::write_worker_info(connection, owner, &info));
                }
                Err(error) => debug!("a presence report cannot be written as JSON: {error}"),
            }
            heard = self.hear(heard).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Delivers lift requests made after `since`; returns the time of the last one.
    async fn hear(&self, since: i64) -> i64 {
        // On an error, the next round reads them.
        let orders = self.inner.writer.call(move |connection| rows::lifted(connection, since)).await;
        let orders = orders.unwrap_or_default();
        let last = orders.iter().map(|(_, at)| *at).max().unwrap_or(since);
        if !orders.is_empty() {
            self.inner.lifts.heard(Lift { lift: orders.into_iter().map(|(role, _)| role).collect() });
        }
        last
    }

    pub(in crate::broker) async fn lift(&self, lift: &Lift) -> Result<(), BrokerError> {
        let (roles, now) = (lift.lift.clone(), clock::now().as_millisecond());
        let noted = self
            .inner
            .writer
            .call(move |connection| roles.iter().try_for_each(|role| rows::lift(connection, role, now)));
        noted.await
    }

    pub(in crate::broker) fn lifts(&self) -> &Lifts {
        &self.inner.lifts
    }

    pub(in crate::broker) async fn list_workers(&self) -> Result<Vec<WorkerInfo>, BrokerError> {
        let workers = self.inner.writer.call(rows::worker_infos).await?;
        // Unreadable reports were written by another version.
        Ok(workers.iter().filter_map(|info| serde_json::from_str(info).ok()).collect())
    }
}

/// Removes the report when presence ends.
struct Removed<'a>(&'a Local);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let inner = &self.0.inner;
        // After a simulated crash nothing is removed: other processes remove the reports of dead owners.
        if inner.alive.load(Ordering::Acquire) {
            let owner = inner.owner.id;
            inner.writer.cast(move |connection| rows::remove_worker_info(connection, owner));
        }
    }
}
