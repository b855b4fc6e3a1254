//! `ua cancel`: removes the waiting jobs of a run from the queues.

use messages::{Family, Queue, RunId};
use planner::{RunRecord, RunState};
use runtime::Broker;
use serde::Serialize;
use store::Store;

use crate::assemble;
use crate::cli::Cancel;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;
use crate::runs::cancel::{self, Cancelled};
use crate::{confirm, runs, units};

#[derive(Serialize)]
struct CancelReport<'a> {
    run: &'a RunId,
    taken: u64,
    left: u64,
}

pub(super) async fn execute(asked: Cancel, config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    crate::templates::current(&store).await?;
    let record = runs::get(&store, &asked.run).await?;
    let waiting = runs::waiting(&store, &asked.run).await?;
    let broker = assemble::broker(config, "cancel").await?;
    let cancelled = cancel(&asked, record, waiting, &broker, &store).await;
    broker.close().await;
    say(&asked, cancelled?)
}

async fn cancel(
    asked: &Cancel,
    record: RunRecord,
    waiting: u64,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<Cancelled> {
    // A list's jobs may be queued before their receipts are in the store, so a run is over only when the queues are
    // empty.
    let is_over = record.state == RunState::Published && waiting == 0 && !holds_anything(broker).await?;
    if is_over {
        return Ok(Cancelled { taken: 0, left: 0 });
    }
    if !asked.yes && record.state != RunState::Cancelled {
        let what = format!("{} of run {} waiting", units::some(waiting, "job"), asked.run);
        confirm::or_fail(&what, "Take them out of the queues?", "nothing was cancelled")?;
    }
    cancel::cancel(record, asked.wait, broker, store).await
}

async fn holds_anything(broker: &Broker) -> anyhow::Result<bool> {
    let jobs = Family::ALL.into_iter().flat_map(Family::queues);
    Ok(broker.holds_any(&jobs.chain([Queue::documents()]).collect::<Vec<_>>()).await?)
}

fn say(asked: &Cancel, Cancelled { taken, left }: Cancelled) -> anyhow::Result<Outcome> {
    if asked.json {
        output::say_json(&CancelReport { run: &asked.run, taken, left })?;
    } else {
        output::say(&format!("{} taken out of the queues", units::some(taken, "waiting job")));
    }
    if left == 0 {
        return Ok(Outcome::Complete);
    }
    output::remark(&format!(
        "{} in progress; the workers stop them. `ua cancel --wait {}` waits for that",
        units::some(left, "job"),
        asked.run,
    ));
    Ok(Outcome::Incomplete)
}
