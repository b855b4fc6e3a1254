//! Plans Zoom harvests: lists and details of one account.

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::Date;
use messages::zoom::Task;
use messages::{Job, JobId, MAIN_ACCOUNT, MeetingUuid, Receipt, RunId, Source};
use planner::{Coverage, Experience, PlannedJob, Quota, Wanted};
use runtime::{Broker, clock};
use store::{DocumentKind, Query, Store};

use super::{HarvestRequest, Planned, lost};
use crate::config::Config;
use crate::receipts;

/// Days of lists from which the planner estimates the cost of an unlisted date: as many as Zoom lists.
const EXPERIENCE_DAYS: i32 = 184;

/// Plans a request: compares it with the coverage in the store's receipts.
///
/// # Errors
/// If the broker or the store is unreachable.
pub async fn plan(
    request: &HarvestRequest,
    config: &Config,
    quota: &Quota,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<Planned> {
    let account = account(config);
    let now = clock::now();
    store.refresh().await?;
    let today = receipts::read::today();
    let mut known = Coverage::default().with_queues(lost::queues(broker, store, Source::Zoom).await?);
    let since = today.saturating_sub(jiff::Span::new().days(EXPERIENCE_DAYS));
    receipts::read::lists(store, since, today, |receipt| add(&mut known, receipt, &account)).await?;
    let mut known = known.with_experience(experience(store, &account, since, today).await?);
    let dates = if request.dates.is_empty() && request.meeting_uuids.is_empty() {
        let week = today.saturating_sub(jiff::Span::new().days(7));
        receipts::read::receipts(store, week, today, |receipt| add(&mut known, receipt, &account)).await?;
        planner::standard(now, &known)
    } else {
        request.dates.clone()
    };
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        receipts::read::receipts(store, *first, *last, |receipt| add(&mut known, receipt, &account)).await?;
    }
    let window = dates.first().copied().zip(dates.last().copied());
    let wanted = Wanted {
        run: RunId::new(now, window),
        dates,
        meeting_uuids: request.meeting_uuids.clone(),
        lane: request.lane,
        force: request.force,
        webinars: config.webinars,
    };
    for receipt in receipts::read::receipts_of(store, &of_account(wanted.picked_jobs(), &account)).await? {
        known.add_wanted(plain(receipt));
    }
    let mut plan = planner::plan(now, &wanted, &known, quota);
    if account != MAIN_ACCOUNT {
        plan.jobs =
            plan.jobs.into_iter().map(|job| for_account(job, &account)).collect::<anyhow::Result<_>>()?;
    }
    let mut asked = wanted.asked(now);
    asked.picked = of_account(asked.picked, &account);
    Ok(Planned { asked, plan, now, source: Source::Zoom, account })
}

/// Returns the requests of a firing of the schedule; `last` is the previous firing. In order: meetings with missing
/// participants, older dates, recent dates. Older dates are a request of their own, so that they do not delay recent
/// ones.
///
/// # Errors
/// If the store is unreachable.
pub async fn due(
    now: Timestamp,
    last: Option<Timestamp>,
    config: &Config,
    store: &Store,
) -> anyhow::Result<Vec<HarvestRequest>> {
    let known = held(now, last, config, store).await?;
    let short = short(now, last, &known, store).await?;
    let short = HarvestRequest { meeting_uuids: short, force: true, ..HarvestRequest::default() };
    let (older, recent) = planner::by_age(now, &planner::scheduled(now, last, &known));
    let dates = |dates| HarvestRequest { dates, ..HarvestRequest::default() };
    let mut requests = vec![short, dates(older)];
    requests.retain(|request| !request.meeting_uuids.is_empty() || !request.dates.is_empty());
    requests.push(dates(recent));
    Ok(requests)
}

/// Returns the coverage of all dates that a firing may plan.
async fn held(
    now: Timestamp,
    last: Option<Timestamp>,
    config: &Config,
    store: &Store,
) -> anyhow::Result<Coverage> {
    store.refresh().await?;
    let mut known = Coverage::default();
    let today = receipts::read::today_at(now);
    let weeks = planner::second_looks(now, last);
    let first = weeks.first().copied().unwrap_or(today).min(today.saturating_sub(jiff::Span::new().days(8)));
    let account = account(config);
    receipts::read::receipts(store, first, today, |receipt| add(&mut known, receipt, &account)).await?;
    Ok(known)
}

/// Returns meetings of a week ago with fewer sessions than the list counts participants.
async fn short(
    now: Timestamp,
    last: Option<Timestamp>,
    known: &Coverage,
    store: &Store,
) -> anyhow::Result<Vec<MeetingUuid>> {
    let mut short = Vec::new();
    for date in planner::second_looks(now, last) {
        let counts = receipts::read::participants(store, date).await?;
        short.extend(planner::short(counts.iter().map(|(uuid, count)| (uuid, *count)), known));
    }
    Ok(short)
}

/// Returns the label of the configured account.
fn account(config: &Config) -> String {
    config.zoom.as_ref().map_or(MAIN_ACCOUNT, |zoom| zoom.label.as_str()).to_owned()
}

/// Adds a receipt of this account, as one of the main account: the planner knows only one account.
fn add(known: &mut Coverage, receipt: Receipt, account: &str) {
    if receipt.source == Source::Zoom && receipt.job_id.account() == account {
        known.add(plain(receipt));
    }
}

fn plain(receipt: Receipt) -> Receipt {
    Receipt { job_id: receipt.job_id.of_account(MAIN_ACCOUNT), ..receipt }
}

fn of_account(jobs: Vec<JobId>, account: &str) -> Vec<JobId> {
    jobs.into_iter().map(|job| job.of_account(account)).collect()
}

fn for_account(job: PlannedJob, account: &str) -> anyhow::Result<PlannedJob> {
    let queue = job.queue;
    let job: Job<Task> = messages::decode(&job.body).context("a job that was just planned")?;
    let job = job.of_account(account);
    let (body, receipt) = (messages::encode(&job)?, job.planned()?);
    Ok(PlannedJob { queue, id: job.id, body, receipt })
}

/// Returns the cost of the account's complete details so far.
async fn experience(store: &Store, account: &str, from: Date, to: Date) -> anyhow::Result<Experience> {
    let kinds = ["participants", "host_meetings"].map(str::to_owned).into();
    let (first, last) = JobId::all_of(Source::Zoom, account);
    let details = Query::all(DocumentKind::Harvests).with("state", "complete").with_any("kind", kinds);
    let details = details.between("date", from, to).between("job_id", first, last);
    let mut experience = Experience::default();
    for (kind, count) in store.group(&details, "kind").await? {
        match kind.as_str() {
            "host_meetings" => experience.hosts = count,
            _ => experience.meetings = count,
        }
    }
    let heavy = store.sum(&details, &["calls.heavy"]).await?;
    experience.heavy = heavy.first().and_then(|heavy| u64::try_from(*heavy).ok()).unwrap_or(0);
    Ok(experience)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use messages::zoom::{Event, MeetingContext};
    use messages::{Calls, Lane, ReceiptState};

    use super::*;

    /// A participants receipt that took `heavy` heavy calls.
    fn detail(number: u64, account: &str, heavy: u64) -> Receipt {
        let meeting = MeetingContext {
            meeting_uuid: format!("{number:022}==").parse().unwrap(),
            series_id: None,
            topic: None,
            start_time: None,
            end_time: None,
            host_id: None,
        };
        let (event, date) = (Event::Meeting, Some(date(2026, 1, 2)));
        let task = Task::Participants { meeting, event, listing: None, api: None, date, header: false };
        let now: Timestamp = "2026-01-03T00:00:00Z".parse().unwrap();
        let job = task.into_job("run".into(), Lane::Daily, now).of_account(account);
        let calls = Calls { heavy, ..Calls::default() };
        Receipt { state: ReceiptState::Complete, calls, finished_at: Some(now), ..job.planned().unwrap() }
    }

    #[tokio::test]
    async fn each_account_learns_from_its_own_details() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            store::local::LocalStoreSettings { folder: folder.path().to_owned(), prefix: String::new() };
        let store = Store::Local(store::Local::open(settings).unwrap());
        let receipts: Vec<Receipt> = [(1, MAIN_ACCOUNT, 2), (2, MAIN_ACCOUNT, 4), (3, "clinic", 9)]
            .map(|(number, account, heavy)| detail(number, account, heavy))
            .into();
        receipts::write::receipts(&store, &receipts).await.unwrap();
        let of = async |account| {
            let (from, to) = (date(2026, 1, 1), date(2026, 1, 31));
            let Experience { meetings, heavy, .. } = experience(&store, account, from, to).await.unwrap();
            (meetings, heavy)
        };
        assert_eq!(of(MAIN_ACCOUNT).await, (2, 6));
        assert_eq!(of("clinic").await, (1, 9));
        assert_eq!(of("law").await, (0, 0));
    }
}
