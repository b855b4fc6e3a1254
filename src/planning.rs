//! From what is wished to what is published: reads the coverage, lets the planner decide, publishes the
//! difference, and files a receipt of state "planned" for each job.

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::civil::Date;
use messages::zoom::Task;
use messages::{Family, Job, JobId, Lane, MAIN_ACCOUNT, MeetingUuid, Receipt, RunId, Source};
use planner::{Coverage, Experience, Origin, Plan, PlannedJob, Quota, RunRecord, RunState, Wanted};
use runtime::{Broker, Message, Outbox, clock};
use store::{Kind, Query, Store};
use tokio_util::sync::CancellationToken;

use crate::cli::Selectors;
use crate::config::Config;
use crate::coverage;
use crate::exit::usage;
use crate::filing;
use crate::words;

/// How many days of lists teach the planner what an unlisted date may cost: as many as Zoom lists.
const EXPERIENCE_DAYS: i32 = 184;

/// What is wished to be harvested.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// UTC dates; with no meetings either, the planner's own choice of dates.
    pub dates: Vec<Date>,
    /// Single meetings.
    pub meeting_uuids: Vec<MeetingUuid>,
    /// The lane, if one is wished.
    pub lane: Option<Lane>,
    /// Again what is complete.
    pub force: bool,
}

impl Wish {
    /// What the words of the command line wish for.
    ///
    /// # Errors
    /// When a date cannot be listed, the range is none, or the source is not built.
    pub fn from(words: &Selectors, today: Date) -> anyhow::Result<Self> {
        if words.source.contains(&Source::Opencast) {
            return Err(usage(
                "the source opencast is not built yet; leave --source away, or say --source zoom",
            ));
        }
        let dates = match (words.date, words.from, words.to) {
            (Some(date), ..) => vec![date],
            (None, Some(from), Some(to)) if from <= to => {
                // Both ends first: a range may be longer than what can be listed at all.
                zoom::window::check(from, today).map_err(|error| usage(error.to_string()))?;
                zoom::window::check(to, today).map_err(|error| usage(error.to_string()))?;
                planner::days(from, to).map_err(|error| usage(error.to_string()))?
            }
            (None, Some(from), Some(to)) => return Err(usage(reversed(from, to))),
            _ => Vec::new(),
        };
        for date in &dates {
            zoom::window::check(*date, today).map_err(|error| usage(error.to_string()))?;
        }
        Ok(Self { dates, meeting_uuids: words.meeting_uuid.clone(), lane: words.lane, force: words.force })
    }
}

fn reversed(from: Date, to: Date) -> String {
    format!("--from {from} is after --to {to}: swap the two dates")
}

/// A plan, and what it was made of.
#[derive(Debug)]
pub struct Planned {
    /// What is wanted, the dates chosen by the planner included.
    pub wanted: Wanted,
    /// What has to be published.
    pub plan: Plan,
    /// When it was planned.
    pub now: Timestamp,
    /// The account it is for.
    pub account: String,
}

impl Planned {
    /// Jobs of single meetings: their receipts belong to the run whatever their date.
    pub fn picked_jobs(&self) -> Vec<JobId> {
        of_account(self.wanted.picked_jobs(), &self.account)
    }

    /// What will be published, and its price, in a sentence.
    pub fn sentence(&self) -> String {
        let first = match self.plan.jobs.len() {
            0 => "nothing to publish".to_owned(),
            count => format!("{}: {}", words::some(count as u64, "job"), self.plan.price),
        };
        std::iter::once(first).chain(self.needless().into_iter().flatten()).collect::<Vec<_>>().join("; ")
    }

    /// What was wished for and needs nothing, in words; `None` when all of it is published.
    pub fn needless(&self) -> Option<Vec<String>> {
        let Plan { covered, in_flight, held, failed, .. } = &self.plan;
        let parts = [
            (covered.len() as u64, "date", "covered already"),
            (in_flight.len() as u64, "date", "under way"),
            (held.len() as u64, "meeting", "held or under way"),
            (*failed, "job", "failed before: see `ua dlq list`"),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let parts: Vec<String> =
            parts.map(|(count, noun, what)| format!("{} {what}", words::some(count, noun))).collect();
        (!parts.is_empty()).then_some(parts)
    }
}

/// Compares what is wished with what the store's receipts say is held.
///
/// # Errors
/// When the broker or the store is away.
pub async fn plan(
    wish: &Wish,
    config: &Config,
    quota: &Quota,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<Planned> {
    let account = config.zoom.as_ref().map_or(MAIN_ACCOUNT, |zoom| zoom.label.as_str()).to_owned();
    let now = clock::now();
    store.refresh().await?;
    let today = coverage::today();
    // What still waits in the queues is not lost, however old it is.
    let mut known = Coverage::default().with_jobs_waiting(jobs_wait(broker).await?);
    let since = today.saturating_sub(jiff::Span::new().days(EXPERIENCE_DAYS));
    coverage::lists(store, since, today, |receipt| add(&mut known, receipt, &account)).await?;
    let mut known = known.with_experience(experience(store, since, today).await?);
    let dates = if wish.dates.is_empty() && wish.meeting_uuids.is_empty() {
        let week = today.saturating_sub(jiff::Span::new().days(7));
        coverage::receipts(store, week, today, |receipt| add(&mut known, receipt, &account)).await?;
        planner::standard(now, &known)
    } else {
        wish.dates.clone()
    };
    if let (Some(first), Some(last)) = (dates.iter().min(), dates.iter().max()) {
        coverage::receipts(store, *first, *last, |receipt| add(&mut known, receipt, &account)).await?;
    }
    let window = dates.first().copied().zip(dates.last().copied());
    let wanted = Wanted {
        run: RunId::new(now, window),
        dates,
        meeting_uuids: wish.meeting_uuids.clone(),
        lane: wish.lane,
        force: wish.force,
        webinars: config.webinars,
    };
    for receipt in coverage::receipts_of(store, &of_account(wanted.picked_jobs(), &account)).await? {
        known.add_wanted(plain(receipt));
    }
    let mut plan = planner::plan(now, &wanted, &known, quota);
    if account != MAIN_ACCOUNT {
        plan.jobs =
            plan.jobs.into_iter().map(|job| for_account(job, &account)).collect::<anyhow::Result<_>>()?;
    }
    Ok(Planned { wanted, plan, now, account })
}

/// The planner knows one account: it is shown that one's receipts, as if there were no other.
fn add(known: &mut Coverage, receipt: Receipt, account: &str) {
    if receipt.job_id.account() == account {
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

async fn jobs_wait(broker: &Broker) -> anyhow::Result<bool> {
    for queue in Family::ALL.into_iter().flat_map(Family::queues) {
        let depth = broker.depth(&queue).await?;
        if depth.ready + depth.leased.unwrap_or(0) + depth.delayed.unwrap_or(0) > 0 {
            return Ok(true);
        }
    }
    Ok(broker.parked().await? > 0)
}

/// What complete details have cost so far.
async fn experience(store: &Store, from: Date, to: Date) -> anyhow::Result<Experience> {
    let kinds = ["participants", "host_meetings"].map(str::to_owned).into();
    let details = Query::all(Kind::Harvests).with("state", "complete").with_any("kind", kinds);
    let details = details.between("date", from, to);
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

/// Who publishes a plan, and for which firing of the schedule.
#[derive(Debug, Clone, Copy)]
pub struct By {
    /// Who.
    pub origin: Origin,
    /// Which firing.
    pub slot: Option<Timestamp>,
}

impl By {
    /// Somebody, at no particular time.
    pub fn hand(origin: Origin) -> Self {
        Self { origin, slot: None }
    }
}

/// Publishes the plan's jobs, and files their receipts and the record of the run.
///
/// The record comes first, as one that is being published: whatever is published can be found and cancelled, also
/// after a crash in the middle. That plans the rest once more: harmless.
///
/// # Errors
/// When the broker or the store is away.
pub async fn publish(
    Planned { wanted, plan, now, .. }: Planned,
    by: By,
    broker: &Broker,
    store: &Store,
) -> anyhow::Result<()> {
    let record = RunRecord::new(now, &wanted, &plan, by.origin, by.slot);
    filing::record(store, &record).await?;
    let mut outbox = Outbox::new(broker.clone(), CancellationToken::new());
    let mut receipts = Vec::with_capacity(plan.jobs.len());
    for job in plan.jobs {
        outbox.send(Message::new(job.queue, job.id.as_str(), job.body, now)).await?;
        receipts.push(job.receipt);
    }
    outbox.flush().await?;
    filing::receipts(store, &receipts).await.context("the jobs are published, their receipts are not")?;
    filing::record(store, &record.into_state(RunState::Published, clock::now())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(change: impl FnOnce(&mut Selectors)) -> anyhow::Result<Wish> {
        let mut words = Selectors::default();
        change(&mut words);
        Wish::from(&words, "2026-07-15".parse().unwrap())
    }

    #[test]
    fn dates_are_checked_before_anything_is_done() {
        let date = |text: &str| Some(text.parse::<Date>().unwrap());
        assert_eq!(wish(|words| words.date = date("2026-07-14")).unwrap().dates.len(), 1);
        assert!(wish(|words| words.date = date("2026-07-16")).is_err());
        assert!(wish(|words| words.date = date("2026-01-14")).is_err());
        let range = |from, to| wish(|words| (words.from, words.to) = (date(from), date(to)));
        assert_eq!(range("2026-06-01", "2026-06-30").unwrap().dates.len(), 30);
        assert!(range("2026-06-30", "2026-06-01").is_err());
        // Refused before a list of a million dates is made.
        assert!(range("0001-01-01", "2026-06-01").is_err());
    }
}
