//! Waits until embedded roles have nothing left to do: nothing queued, leased or due.

use std::time::{Duration, Instant};

use messages::{Family, Queue, RunId, Source};
use runtime::{Broker, Depth, Snapshot};
use store::Store;
use tracing::warn;

use crate::assemble::Running;
use crate::progress::{Progress, Stage};
use crate::runs;
use crate::signal::signalled;
use crate::units;
use crate::view::parked::{self, Announced};

/// Pause between two reads of the queues.
const LOOK: Duration = Duration::from_millis(200);

/// Number of consecutive idle reads required if the broker does not report leased messages: longer than a batch
/// lingers.
const QUIET_LOOKS: u32 = 10;

/// How a harvest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Nothing is left to do.
    Idle,
    /// The rest will not be due in time; each line describes some of it.
    Waiting(Vec<String>),
}

/// The state of the queues at one time.
#[derive(Debug, Default)]
struct Look {
    /// By family, in the order of [`Source::families`].
    jobs: Vec<(Family, Depth)>,
    documents: Depth,
    dead: Depth,
    parked: u64,
}

impl Look {
    async fn at(broker: &Broker, source: Source) -> Result<Self, runtime::BrokerError> {
        let mut look = Self { parked: broker.parked().await?, ..Self::default() };
        for family in source.families() {
            let mut sum = Depth::default();
            for queue in family.queues() {
                add(&mut sum, broker.depth(&queue).await?);
            }
            look.jobs.push((*family, sum));
        }
        look.documents = broker.depth(&Queue::documents()).await?;
        look.dead = broker.depth(&Queue::dead()).await?;
        Ok(look)
    }

    /// True if the broker also reports messages leased by other workers. Otherwise the receipts decide.
    fn is_exact(&self) -> bool {
        self.documents.leased.is_some()
    }

    /// Number of messages ready or leased.
    fn moving(&self) -> u64 {
        self.depths().map(|depth| depth.ready + depth.leased.unwrap_or(0)).sum()
    }

    /// True if a message is left. One that was leased when `parked` was read may be delayed by now.
    fn is_busy(&self) -> bool {
        self.moving() > 0 || self.parked > 0 || self.depths().any(|depth| depth.delayed.unwrap_or(0) > 0)
    }

    fn depths(&self) -> impl Iterator<Item = &Depth> {
        self.jobs.iter().map(|(_, depth)| depth).chain([&self.documents, &self.dead])
    }
}

fn add(sum: &mut Depth, depth: Depth) {
    let plus = |a: Option<u64>, b: Option<u64>| Some(a.unwrap_or(0) + b.unwrap_or(0));
    sum.ready += depth.ready;
    sum.leased = plus(sum.leased, depth.leased);
    sum.delayed = plus(sum.delayed, depth.delayed);
}

/// Shows progress until nothing is left to do, or until nothing has moved for `wait`.
///
/// # Errors
/// If a role ends with an error, or the broker or the store stays unreachable.
pub(crate) async fn until_done(
    mut running: Running,
    broker: &Broker,
    store: &Store,
    (source, run): (Source, &RunId),
    wait: Duration,
) -> anyhow::Result<Ended> {
    let names: Vec<&'static str> =
        source.families().iter().map(|family| stage_name(*family)).chain(["index"]).collect();
    let mut progress = Progress::new(&names);
    let mut stuck = Stuck::new(wait);
    let mut idle = 0;
    let stopped = std::pin::pin!(signalled());
    let mut stopped = stopped;
    let mut look = Look::default();
    let mut announced = Announced::default();
    let ended = loop {
        tokio::select! {
            ended = running.ended() => {
                // The other roles stop in order before the error is returned.
                let others = running.stop().await;
                ended.and(others)?;
                anyhow::bail!("all roles ended before the work was done: please report this with the log");
            }
            signal = &mut stopped => break Ended::Waiting(vec![format!("stopped by {signal}")]),
            () = tokio::time::sleep(LOOK) => {}
        }
        let away = match Look::at(broker, source).await {
            Ok(seen) => {
                look = seen;
                false
            }
            // The roles wait for the broker as well; `wait` bounds it.
            Err(runtime::BrokerError::Away(_)) => true,
            Err(error) => return Err(error.into()),
        };
        let roles = running.snapshots();
        progress.show(&stages(&look, &roles));
        for news in announced.news(&parked::of(&roles), runtime::clock::now()) {
            warn!("{news}");
        }
        let busy = away || look.is_busy() || roles.iter().any(|role| role.in_flight > 0);
        // RabbitMQ does not report messages on their way to a worker, so only lasting quiet is the end.
        idle = if busy { 0 } else { idle + 1 };
        let quiet = if look.is_exact() { 1 } else { QUIET_LOOKS };
        if idle >= quiet && (look.is_exact() || runs::waiting(store, run).await? == 0) {
            break Ended::Idle;
        }
        if let Some(lines) = stuck.too_long(&look, &roles) {
            break Ended::Waiting(lines);
        }
    };
    drop(progress);
    exit_on_second_signal();
    running.stop().await?;
    Ok(ended)
}

/// The steps after the loop may take a while. A signal during them exits at once, as the system's default would.
fn exit_on_second_signal() {
    tokio::spawn(async {
        let signal = signalled().await;
        warn!("{signal}: stopped at once; what was in hand is delivered again");
        std::process::exit(1);
    });
}

/// Detects that nothing moves any more.
struct Stuck {
    wait: Duration,
    since: Instant,
    done: u64,
}

impl Stuck {
    fn new(wait: Duration) -> Self {
        Self { wait, since: Instant::now(), done: 0 }
    }

    fn too_long(&mut self, look: &Look, roles: &[Snapshot]) -> Option<Vec<String>> {
        // Retries are not progress: work that only repeats is stuck, too.
        let done = roles.iter().map(|role| role.done + role.rejected).sum();
        if done != self.done {
            (self.done, self.since) = (done, Instant::now());
            return None;
        }
        let held: Vec<_> =
            roles.iter().filter_map(|role| role.hold.as_ref().map(|hold| (&*role.name, hold))).collect();
        let now = runtime::clock::now();
        let beyond =
            |until: jiff::Timestamp| until.as_millisecond() - now.as_millisecond() > self.wait_millis();
        let hopeless = held.iter().any(|(_, hold)| hold.until.is_some_and(beyond));
        if self.since.elapsed() < self.wait && !hopeless {
            return None;
        }
        let mut lines: Vec<String> = held.iter().map(|(name, hold)| said(name, hold)).collect();
        let parked = parked::of(roles);
        lines.extend(parked.iter().map(|parked| parked.sentence(now)));
        // If no role of this process delayed the messages, only their number is known.
        if look.parked > 0 && parked.is_empty() {
            lines.push(format!("{} parked for another attempt", units::some(look.parked, "message")));
        }
        if look.moving() > 0 {
            lines.push(format!("{} queued", units::some(look.moving(), "message")));
        }
        if lines.is_empty() {
            lines.push("jobs are in the hands of other workers".to_owned());
        }
        Some(lines)
    }

    fn wait_millis(&self) -> i64 {
        i64::try_from(self.wait.as_millis()).unwrap_or(i64::MAX)
    }
}

fn said(name: &str, hold: &runtime::Hold) -> String {
    match hold.until {
        Some(until) => format!("{name} is on hold until {until}: {}", hold.why),
        None => format!("{name} is on hold: {}", hold.why),
    }
}

fn stage_name(family: Family) -> &'static str {
    match family {
        Family::ZOOM_LIST => "lists",
        Family::ZOOM_DETAIL => "details",
        other => other.name(),
    }
}

fn stages(look: &Look, roles: &[Snapshot]) -> Vec<Stage> {
    let stage = |name, role: &str, depth: &Depth| {
        let role = roles.iter().find(|snapshot| snapshot.name == role);
        let done = role.map_or(0, |role| role.done + role.rejected);
        let left = depth.ready + depth.leased.unwrap_or(0) + depth.delayed.unwrap_or(0);
        Stage {
            name,
            done,
            of: done + left,
            note: role.and_then(|role| role.hold.as_ref()).map(|hold| hold.why.clone()),
        }
    };
    let jobs = look.jobs.iter().map(|(family, depth)| stage(stage_name(*family), family.name(), depth));
    jobs.chain([stage("index", "index", &look.documents)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_delayed_while_it_is_counted_is_left_to_do() {
        let jobs = |depth| Look { jobs: vec![(Family::OPENCAST, depth)], ..Look::default() };
        assert!(!jobs(Depth::default()).is_busy());
        for depth in [
            Depth { ready: 1, ..Depth::default() },
            Depth { leased: Some(1), ..Depth::default() },
            Depth { delayed: Some(1), ..Depth::default() },
        ] {
            assert!(jobs(depth).is_busy(), "{depth:?}");
        }
        assert!(Look { parked: 1, ..Look::default() }.is_busy());
    }
}
