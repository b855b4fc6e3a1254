//! Checks for versions ahead of the store's clock, and repairs them.

use std::time::Duration;

use messages::Source;
use planner::Origin;
use runtime::clock::{self, Peer, TOLERANCE};
use store::Store;

use super::local;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::exit::Outcome;
use crate::planning::{self, HarvestRequest, PlanContext, PlannedBy, QuotaLookup};
use crate::receipts;
use crate::{assemble, clocks, output, sources, units, versions};

const WHAT: &str = "versions";

pub(super) async fn examine(config: &Config) -> Vec<Diagnostic> {
    if config.search.is_none() && !local::is_there(config) {
        return Vec::new();
    }
    // An unreachable store has its own diagnostic.
    let Ok(store) = assemble::store(config) else { return Vec::new() };
    clocks::hear(&store).await;
    clock().into_iter().chain(ahead(&store).await).collect()
}

fn clock() -> Option<Diagnostic> {
    let ahead = clock::ahead_of(Peer::Store)?;
    if ahead.abs() <= TOLERANCE {
        return Some(Diagnostic::well("clock", "this machine's clock agrees with the store's"));
    }
    let text = format!("this machine's clock is {} the store's", clock::difference(ahead));
    Some(
        Diagnostic::worlds("clock", text).remedy("see with `timedatectl` which of both is wrong, and set it"),
    )
}

async fn ahead(store: &Store) -> Option<Diagnostic> {
    let counting = async { versions::ahead(store, versions::newest(store).await?).await };
    let found = match counting.await {
        Ok(found) => found,
        Err(error) => {
            let text = format!("not told: {}", crate::exit::sentence(&error));
            return Some(Diagnostic::unknown(WHAT, text));
        }
    };
    if found.is_empty() {
        return Some(Diagnostic::well(WHAT, "none is ahead of the store's clock"));
    }
    let kinds: Vec<String> =
        found.iter().map(|(kind, count)| format!("{} in {}", units::count(*count), kind.name())).collect();
    let text = format!(
        "documents are ahead of the store's clock and outrank all later ones: {}; a worker's clock was wrong",
        kinds.join(", ")
    );
    let remedy =
        "set that clock, then run `ua check --repair-versions`: it removes them and plans their dates again";
    Some(Diagnostic::worlds(WHAT, text).remedy(remedy))
}

/// Removes versions ahead of the store's clock and plans their dates again.
pub(super) async fn repair(config: &Config) -> anyhow::Result<Outcome> {
    let store = assemble::store(config)?;
    clocks::not_ahead(&store).await?;
    let broker = assemble::broker(config, "check").await?;
    let newest = versions::newest(&store).await?;
    let removed = versions::remove(&broker, &store, newest).await?;
    output::say(&format!(
        "{} removed from the store, {} from the queues",
        units::some(removed.documents, "document"),
        units::some(removed.messages, "message")
    ));
    if removed.documents > 0 {
        wait(store.remembers_deleted().await?).await;
    }
    let mut outcome = Outcome::Complete;
    for ((source, account), dates) in removed.dates {
        if plan(config, &broker, &store, (source, &account), dates.into_iter().collect()).await? {
            continue;
        }
        outcome = Outcome::Incomplete;
    }
    broker.close().await;
    Ok(outcome)
}

async fn wait(time: Duration) {
    if !time.is_zero() {
        output::remark(&format!("the store remembers removed versions for {} s: waiting", time.as_secs()));
        tokio::time::sleep(time + Duration::from_secs(1)).await;
    }
}

/// Plans dates of one account again; returns false if some of them cannot be planned.
async fn plan(
    config: &Config,
    broker: &runtime::Broker,
    store: &Store,
    (source, account): (Source, &str),
    dates: Vec<jiff::civil::Date>,
) -> anyhow::Result<bool> {
    let mut all = true;
    let mut allowed = Vec::new();
    for date in dates {
        match sources::of(source).check_date(date, clock::now(), config) {
            Ok(()) if date <= receipts::read::today() => allowed.push(date),
            Ok(()) => {}
            Err(error) => {
                all = false;
                output::remark(&format!(
                    "{source} {date} is not planned again: {}",
                    crate::exit::sentence(&error)
                ));
            }
        }
    }
    for config in config.of_source(source, None)? {
        if sources::of(source).account(&config)?.label != account || allowed.is_empty() {
            continue;
        }
        let wish = HarvestRequest {
            sources: vec![source],
            dates: allowed.clone(),
            force: true,
            ..HarvestRequest::default()
        };
        let means = PlanContext { config: &config, broker, store, today: QuotaLookup::AsLeft };
        let planned = sources::of(source).plan(&wish, means).await?;
        output::say(&planned.sentence());
        if !planned.plan.jobs.is_empty() {
            planning::publish(planned, PlannedBy::hand(Origin::Plan), broker, store).await?;
        }
    }
    Ok(all)
}
