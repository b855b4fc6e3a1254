//! A policy of others that destroys waiting jobs. `ua check` has to name it. Jobs that expire become dead letters, which
//! a replay brings back; jobs that go with their queue are named by `ua status`, and `ua plan` publishes them again.

use std::time::{Duration, Instant};

use jiff::civil::Date;
use messages::{CauseClass, DeadState, Family, Lane, Queue, ReceiptState, Source};
use reqwest::Method;
use serde_json::{Value, json};
use store::{DocumentKind, Query};

use crate::fleet::Fleet;
use crate::meddling::{NAME, send, text, unreported};
use crate::site::Site;

/// How long the jobs of the date may take to be there, and to be destroyed.
const PATIENCE: Duration = Duration::from_secs(90);
/// So many jobs wait before their queue is destroyed.
const WAITING: u64 = 20;
/// Milliseconds without a worker after which the policy destroys a queue; the workers are away for longer.
const UNUSED_MS: u64 = 2_000;
const AWAY: Duration = Duration::from_secs(30);

/// How a policy destroys jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Every message that comes expires at once; RabbitMQ sends it to the dead letters.
    Expire,
    /// The queue goes with all that is in it, while no worker takes from it.
    Go,
}

/// Jobs that a policy has destroyed.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) date: Date,
    how: How,
    /// Jobs that waited for another attempt when their queue went. RabbitMQ sends them to the new queue after minutes;
    /// meanwhile they count as lost, and are published twice.
    pub(crate) parked: u64,
    /// Jobs that were brought back.
    pub(crate) back: u64,
}

/// The queue that the policy is for: that of the details of a date of long ago, which this plans.
fn queue() -> Queue {
    Queue::jobs(Family::ZOOM_DETAIL, Lane::Backfill)
}

impl Removed {
    /// Has a policy destroy jobs of a date of their own. Returns what went wrong as well, and nothing but that when the
    /// jobs were done before.
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
        // The management API names a new policy after seconds.
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
                // Without a letter nothing is brought back in the end, and that is told then.
                within(PATIENCE, async || removed.letters(site).await > 0).await;
                true
            }
            How::Go => {
                let depth = site.broker.depth(&queue()).await;
                let are_waiting = is_listed && depth.is_ok_and(|depth| depth.ready >= WAITING);
                if are_waiting {
                    removed.parked = site.broker.parked().await.unwrap_or(0);
                    // Its consumers gone, the queue is not used any more.
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

    /// Dead letters of jobs that have expired, by the store's word.
    async fn letters(&self, site: &Site) -> u64 {
        let dead = Query::all(DocumentKind::Deadletters).with("state", DeadState::Dead.name());
        let removed = dead.with("cause.class", CauseClass::RemovedByPolicy).with("origin", queue());
        // Where the index is not there yet, no letter is.
        site.store.count(&removed).await.unwrap_or(0)
    }

    /// In the calm: brings back what the policy has destroyed. Returns what did not go well.
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
        // A worker that has a job in progress may have any of them.
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

/// Looks again and again; false when it did not come to pass.
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
