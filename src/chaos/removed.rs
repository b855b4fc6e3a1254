//! A foreign policy that destroys waiting jobs. `ua check` must name it. Expired jobs become dead letters, which `ua
//! dlq replay` brings back. `ua status` names the jobs of a deleted queue, and `ua plan` publishes them again.

use std::time::{Duration, Instant};

use jiff::civil::Date;
use messages::{CauseClass, DeadState, Family, Lane, Queue, ReceiptState, Source};
use reqwest::Method;
use serde_json::{Value, json};
use store::{DocumentKind, Query};

use crate::fleet::Fleet;
use crate::meddling::{NAME, send, text, unreported};
use crate::site::Site;

/// Time for the jobs of the date to be published, and to be destroyed.
const PATIENCE: Duration = Duration::from_secs(90);
/// Number of waiting jobs before their queue is deleted.
const WAITING: u64 = 20;
/// Milliseconds without a worker after which the policy deletes a queue; the workers are down for longer.
const UNUSED_MS: u64 = 2_000;
const AWAY: Duration = Duration::from_secs(30);

/// How a policy destroys jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Every message expires at once; RabbitMQ sends it to the dead letters.
    Expire,
    /// The queue is deleted with its messages while no worker consumes it.
    Go,
}

/// Jobs that a policy has destroyed.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) date: Date,
    how: How,
    /// Jobs on rungs when their queue was deleted. RabbitMQ sends them to the new queue minutes later; until then they
    /// count as lost, and are published twice.
    pub(crate) parked: u64,
    /// Number of jobs brought back.
    pub(crate) back: u64,
}

/// The policy's queue: details of an old date that this module plans.
fn queue() -> Queue {
    Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill)
}

impl Removed {
    /// Destroys jobs of a separate date by a policy. Returns the destroyed jobs, `None` when they were done before, and
    /// what went wrong.
    pub(crate) async fn destroy(
        site: &Site,
        fleet: &mut Fleet,
        date: Date,
        how: How,
    ) -> (Option<Self>, Vec<String>) {
        let mut removed = Self { date, how, parked: 0, back: 0 };
        let url = format!("{}/api/policies/%2F/{NAME}", site.management);
        let pattern = format!("^{}\\.jobs\\.zoom\\.detail\\.backfill$", site.queues);
        let (setting, value) = match how {
            How::Expire => ("message-ttl", 1),
            How::Go => ("expires", UNUSED_MS),
        };
        let body =
            json!({"pattern": pattern, "definition": {setting: value}, "apply-to": "queues", "priority": 9});
        send(Method::PUT, &url, Some(&body)).await;
        // The management API shows a new policy only after seconds.
        let mut misjudged = Vec::new();
        let check = async || {
            misjudged = unreported("a policy", &site.quietly(&["check"]).await, &[NAME, setting]);
            misjudged.is_empty()
        };
        within(PATIENCE, check).await;
        misjudged.extend(site.plan_date(removed.date).await.err());
        // A list that is read again would publish its jobs again.
        let is_listed = within(PATIENCE, async || site.is_listed(removed.date).await).await;
        let is_destroyed = match how {
            How::Expire => {
                // Without a dead letter nothing is brought back, which the verdict reports.
                within(PATIENCE, async || removed.letters(site).await > 0).await;
                true
            }
            How::Go => {
                let depth = site.broker.depth(&queue()).await;
                let are_waiting = is_listed && depth.is_ok_and(|depth| depth.ready >= WAITING);
                if are_waiting {
                    removed.parked = site.broker.parked().await.unwrap_or(0);
                    // A queue counts as unused without consumers.
                    ["zoom-1", "zoom-2"].iter().for_each(|name| fleet.kill(name, AWAY));
                    let is_gone = async || site.broker.depth(&queue()).await.is_err();
                    if !within(AWAY, is_gone).await {
                        misjudged.push("a queue without consumers stays in spite of its policy".to_owned());
                    }
                    ["zoom-1", "zoom-2"].iter().for_each(|name| fleet.back_now(name));
                }
                are_waiting
            }
        };
        send(Method::DELETE, &url, None).await;
        (is_destroyed.then_some(removed), misjudged)
    }

    /// Number of dead letters of expired jobs in the store.
    async fn letters(&self, site: &Site) -> u64 {
        let dead = Query::all(DocumentKind::Deadletters).with("state", DeadState::Dead.name());
        let removed = dead.with("cause.class", CauseClass::RemovedByPolicy).with("origin", queue());
        // Without the index there is no dead letter.
        site.store.count(&removed).await.unwrap_or(0)
    }

    /// Brings back the destroyed jobs, in the calm. Errors describe what went wrong.
    pub(crate) async fn bring_back(&mut self, site: &Site) -> Result<(), String> {
        match self.how {
            How::Expire => self.replay(site).await,
            How::Go if self.back == 0 => self.plan_again(site).await,
            How::Go => Ok(()),
        }
    }

    async fn replay(&mut self, site: &Site) -> Result<(), String> {
        let letters = self.letters(site).await;
        if letters == 0 || site.broker.depth(&Queue::dead()).await.is_ok_and(|depth| depth.ready > 0) {
            return Ok(());
        }
        let replayed = site.quietly(&["dlq", "replay", "--class", "removed-by-policy"]).await;
        self.back += letters;
        match replayed.status.success() {
            true => Ok(()),
            false => Err(format!("ua dlq replay: {}", text(&replayed))),
        }
    }

    async fn plan_again(&mut self, site: &Site) -> Result<(), String> {
        let queues: Vec<Queue> = Source::Zoom.families().iter().copied().flat_map(Family::queues).collect();
        if site.broker.holds_any(&queues).await.unwrap_or(true) {
            return Ok(());
        }
        let planned = Query::all(DocumentKind::Harvests).with("state", ReceiptState::Planned.name());
        let planned = planned.with("source", Source::Zoom);
        let lost = site.store.count(&planned).await.unwrap_or(0);
        let of_date = site.store.count(&planned.with("date", self.date)).await.unwrap_or(0);
        let status = site.quietly(&["status", "--json"]).await;
        let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        // Any of these jobs may still be in progress.
        if of_date == 0 || status["lost"] != json!([["zoom", lost]]) {
            return Ok(());
        }
        self.back = of_date;
        let published = site.plan_date(self.date).await?.jobs;
        match published == of_date {
            true => Ok(()),
            false => Err(format!("{of_date} jobs are lost, and ua plan publishes {published}")),
        }
    }
}

/// Polls until `look` returns true; returns false after `patience`.
pub(crate) async fn within(patience: Duration, mut look: impl AsyncFnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if look().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    false
}
