//! `ua cancel`: takes the waiting jobs of a run out of the queues.

use messages::RunId;
use planner::RunState;
use serde::Serialize;

use crate::assemble;
use crate::cancelling::{self, Cancelled};
use crate::cli::Cancel;
use crate::config::Config;
use crate::exit::Outcome;
use crate::output;
use crate::{ask, runs, words};

#[derive(Serialize)]
struct Report<'a> {
    run: &'a RunId,
    taken: u64,
    left: u64,
}

pub(super) async fn execute(asked: Cancel, config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    crate::templates::current(&store).await?;
    let record = runs::get(&store, &asked.run).await?;
    let waiting = runs::waiting(&store, &asked.run).await?;
    if record.state == RunState::Published && waiting == 0 {
        return say(&asked, Cancelled { taken: 0, left: 0 });
    }
    if !asked.yes && record.state != RunState::Cancelled {
        let what = format!("{} of run {} wait", words::some(waiting, "job"), asked.run);
        ask::or_yes(&what, "Take them out of the queues?", "nothing was cancelled")?;
    }
    let broker = assemble::broker(config, "cancel").await?;
    let cancelled = cancelling::cancel(record, &broker, &store).await;
    broker.close().await;
    say(&asked, cancelled?)
}

fn say(asked: &Cancel, Cancelled { taken, left }: Cancelled) -> anyhow::Result<Outcome> {
    if asked.json {
        output::say_json(&Report { run: &asked.run, taken, left })?;
    } else {
        output::say(&format!("{} taken out of the queues", words::some(taken, "waiting job")));
    }
    if left == 0 {
        return Ok(Outcome::Complete);
    }
    output::remark(&format!(
        "{} left in workers' hands; run the same command again to take out what they do not finish",
        words::some(left, "job"),
    ));
    Ok(Outcome::Incomplete)
}
