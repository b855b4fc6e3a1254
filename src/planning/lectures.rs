//! The plan for Opencast: the actions of dates, and episodes.

use messages::{MAIN_ACCOUNT, RunId, Source};
use planner::{Coverage, Lectures};
use runtime::{Broker, clock};
use store::Store;

use super::{Planned, Wish, jobs_wait};
use crate::config::Config;
use crate::coverage;

/// Compares what is wished with what the store's receipts say is held.
///
/// # Errors
/// When Opencast is not configured, or the broker or the store is away.
pub async fn plan(wish: &Wish, config: &Config, broker: &Broker, store: &Store) -> anyhow::Result<Planned> {
    let opencast = config.opencast()?;
    let (now, zone) = (clock::now(), opencast.timezone.clone());
    store.refresh().await?;
    let none_named = wish.dates.is_empty() && wish.episodes.is_empty() && !wish.catalogue;
    let dates = if none_named { planner::recent_dates(now, &zone) } else { wish.dates.clone() };
    let mut known = Coverage::default().with_jobs_waiting(jobs_wait(broker).await?);
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        let own = |receipt: messages::Receipt| match receipt.source {
            Source::Opencast => known.add(receipt),
            Source::Zoom => {}
        };
        coverage::receipts(store, *first, *last, own).await?;
    }
    let window = dates.first().copied().zip(dates.last().copied());
    let wanted = Lectures {
        run: RunId::new(now, window).of_source(Source::Opencast),
        dates,
        episodes: wish.episodes.clone(),
        catalogue: wish.catalogue,
        lane: wish.lane,
        force: wish.force,
        zone,
    };
    let asked = wanted.asked(now);
    known.extend(coverage::receipts_of(store, &asked.picked).await?);
    let plan = planner::plan_lectures(now, &wanted, &known, opencast.calls_per_second);
    Ok(Planned { asked, plan, now, source: Source::Opencast, account: MAIN_ACCOUNT.to_owned() })
}
