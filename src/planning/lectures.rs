//! Plans Opencast harvests: user actions by date, and episodes.

use jiff::Timestamp;
use messages::opencast::Task;
use messages::{MAIN_ACCOUNT, ReceiptState, RunId, Source};
use planner::{Coverage, Lectures};
use runtime::{Broker, clock};
use store::Store;

use super::{HarvestRequest, Planned, awaited, lost};
use crate::config::Config;
use crate::receipts;

/// Plans a request: compares it with the coverage in the store's receipts.
///
/// # Errors
/// If Opencast is not configured, or the broker or the store is unreachable.
pub async fn plan(
    request: &HarvestRequest,
    config: &Config,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<Planned> {
    let opencast = config.opencast()?;
    let (now, zone) = (clock::now(), opencast.timezone.clone());
    store.refresh().await?;
    let none_named = request.dates.is_empty() && request.episodes.is_empty() && !request.catalogue;
    let dates = if none_named { planner::recent_dates(now, &zone) } else { request.dates.clone() };
    let mut known = Coverage::default().with_queues(lost::queues(broker, store, Source::Opencast).await?);
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        receipts::read::lectures(store, *first, *last, |receipt| known.add(receipt)).await?;
    }
    let catalogue = request.catalogue || none_named && lists_all(&known, store, now).await?;
    let window = dates.first().copied().zip(dates.last().copied());
    let wanted = Lectures {
        run: RunId::new(now, window).of_source(Source::Opencast),
        dates,
        episodes: request.episodes.clone(),
        catalogue,
        or_catalogue: request.or_catalogue,
        lane: request.lane,
        force: request.force,
        zone,
    };
    let asked = wanted.asked(now);
    known.extend(receipts::read::receipts_of(store, &asked.picked).await?);
    let plan = planner::plan_lectures(now, &wanted, &known, opencast.calls_per_second);
    Ok(Planned { asked, plan, now, source: Source::Opencast, account: MAIN_ACCOUNT.to_owned() })
}

/// Returns the requests of a firing of the schedule; `last` is the previous firing. Older dates are a request of their
/// own, so that they do not delay recent ones. The second request has the recent dates and the awaited episodes.
///
/// # Errors
/// If Opencast is not configured, or the store is unreachable.
pub async fn due(
    now: Timestamp,
    last: Option<Timestamp>,
    config: &Config,
    store: &Store,
) -> anyhow::Result<Vec<HarvestRequest>> {
    let opencast = config.opencast()?;
    let zone = &opencast.timezone;
    store.refresh().await?;
    let mut known = Coverage::default();
    let (oldest, today) = (planner::oldest_lectures(now, zone), planner::date_in(now, zone));
    receipts::read::lectures(store, oldest, today, |receipt| known.add(receipt)).await?;
    let dates = planner::scheduled_lectures(now, last, zone, &known);
    let (older, recent) = planner::lectures_by_age(now, zone, &dates);
    // Only workflows, which need the admin node, say when a recording became available.
    let episodes = match opencast.admin_url {
        Some(_) => awaited::episodes(store, today, now).await?,
        None => Vec::new(),
    };
    let catalogue = lists_all(&known, store, now).await?;
    let older = (!older.is_empty()).then(|| HarvestRequest { dates: older, ..HarvestRequest::default() });
    let recent = HarvestRequest {
        dates: recent,
        episodes,
        catalogue,
        or_catalogue: true,
        ..HarvestRequest::default()
    };
    Ok(older.into_iter().chain([recent]).collect())
}

/// True if the whole catalogue is due. A server without user actions does not reveal its episodes, so all are listed
/// once a day.
async fn lists_all(known: &Coverage, store: &Store, now: Timestamp) -> anyhow::Result<bool> {
    if !known.lacks_tracking() {
        return Ok(false);
    }
    let todays = Task::Catalogue { date: receipts::read::today_at(now) }.job_id();
    let listed = receipts::read::receipts_of(store, &[todays]).await?;
    Ok(!listed.iter().any(|receipt| receipt.state == ReceiptState::Complete))
}
