//! Reads the records of runs and computes their progress. The store counts the receipts, because a run can have more
//! than fit into memory.

pub(crate) mod cancel;

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use messages::{Calls, Receipt, ReceiptState, RunId};
use planner::{Origin, Progress, RunRecord, RunState};
use store::{DocumentKind, Hit, Query, SortOrder, Store};

use crate::exit::usage;
use crate::summary::Findings;

/// Time over which the job rate is averaged.
const RECENT: SignedDuration = SignedDuration::from_mins(10);
/// Kinds of jobs that create further jobs.
const LISTS: [&str; 3] = ["meetings", "webinars", "host_meetings"];
/// Fields to sum over a run's receipts.
const USED: [&str; 5] = ["jobs", "calls.light", "calls.medium", "calls.heavy", "calls.resource_intensive"];
/// States of a finished job.
const DONE: [&str; 3] = ["complete", "incomplete", "failed"];

/// Returns the record of a run.
///
/// # Errors
/// If there is no such run, or the store is unreachable.
pub(crate) async fn get(store: &Store, run: &RunId) -> anyhow::Result<RunRecord> {
    find(store, run).await?.ok_or_else(|| missing(run))
}

/// Returns the record of a run; `None` if there is no such run.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn find(store: &Store, run: &RunId) -> anyhow::Result<Option<RunRecord>> {
    store.refresh().await?;
    store.get(DocumentKind::Runs, run.as_str()).await?.as_ref().map(parse).transpose()
}

/// The error for a run that does not exist.
pub(crate) fn missing(run: &RunId) -> anyhow::Error {
    let shown: String = run.as_str().chars().take(64).collect();
    usage(format!("there is no run {shown:?}; `ua runs` lists them"))
}

/// Returns the latest runs, newest first.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn latest(store: &Store, limit: usize) -> anyhow::Result<Vec<RunRecord>> {
    store.refresh().await?;
    let newest = Query::all(DocumentKind::Runs).sorted("planned_at", SortOrder::Descending).limit(limit);
    store.search(&newest).await?.iter().map(parse).collect()
}

/// Returns the latest firing of the schedule whose plan was published.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn last_slot(store: &Store) -> anyhow::Result<Option<Timestamp>> {
    store.refresh().await?;
    let done = [RunState::Published, RunState::Cancelled].map(|state| state.name().to_owned()).into();
    let planned =
        Query::all(DocumentKind::Runs).with("origin", Origin::Schedule.name()).with_any("state", done);
    let latest = store.search(&planned.sorted("slot", SortOrder::Descending).limit(1)).await?;
    Ok(latest.first().map(parse).transpose()?.and_then(|run| run.slot))
}

fn parse(hit: &Hit) -> anyhow::Result<RunRecord> {
    serde_json::from_str(hit.source.get()).with_context(|| {
        format!(
            "the row {} of the index runs is no run of this ua: was it written by another version?",
            hit.id
        )
    })
}

/// Returns the progress of each run, without jobs that a later run took over. Sends a constant number of requests,
/// independent of the number of runs and jobs.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn overview(
    store: &Store,
    runs: &[RunRecord],
    now: Timestamp,
) -> anyhow::Result<BTreeMap<RunId, Progress>> {
    let ids: Vec<String> = runs.iter().map(|run| run.run.as_str().to_owned()).collect();
    let mut counts: BTreeMap<RunId, Progress> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(counts);
    }
    let theirs = Query::all(DocumentKind::Harvests).with_any("run", ids);
    for state in ReceiptState::ALL {
        for (run, jobs) in store.group(&theirs.clone().with("state", state.name()), "run").await? {
            counts.entry(run.as_str().into()).or_default().count(state, jobs);
        }
    }
    for (run, sums) in store.sums(&theirs, "run", &USED).await? {
        take(counts.entry(run.as_str().into()).or_default(), &sums);
    }
    for (run, lists) in store.group(&lists_waiting(&theirs), "run").await? {
        counts.entry(run.as_str().into()).or_default().lists_waiting = lists;
    }
    for (run, jobs) in store.group(&done_since(&theirs, recently(now), now), "run").await? {
        counts.entry(run.as_str().into()).or_default().recent = jobs;
    }
    for run in runs {
        let progress = counts.entry(run.run.clone()).or_default();
        progress.recent_seconds = seconds(recently(now).max(run.planned_at), now);
    }
    Ok(counts)
}

fn lists_waiting(theirs: &Query) -> Query {
    let waiting = theirs.clone().with("state", ReceiptState::Planned.name());
    waiting.with_any("kind", LISTS.map(str::to_owned).into())
}

fn done_since(theirs: &Query, since: Timestamp, now: Timestamp) -> Query {
    let done = theirs.clone().with_any("state", DONE.map(str::to_owned).into());
    done.between("finished_at", since, now)
}

fn recently(now: Timestamp) -> Timestamp {
    now.checked_sub(RECENT).unwrap_or(Timestamp::MIN)
}

fn seconds(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0).max(1)
}

/// Sets the listed jobs and the calls from the sums of [`USED`].
fn take(progress: &mut Progress, sums: &[i64]) {
    let &[listed, light, medium, heavy, resource_intensive] = sums else { return };
    let [listed, light, medium, heavy, resource_intensive] =
        [listed, light, medium, heavy, resource_intensive].map(|sum| u64::try_from(sum).unwrap_or(0));
    progress.listed = listed;
    progress.calls = Calls { light, medium, heavy, resource_intensive };
}

/// Returns the progress of one run.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn progress(store: &Store, run: &RunRecord, now: Timestamp) -> anyhow::Result<Progress> {
    store.refresh().await?;
    let theirs = Query::all(DocumentKind::Harvests).with("run", &run.run);
    let mut progress = Progress::default();
    for (state, jobs) in store.group(&theirs, "state").await? {
        let state: ReceiptState =
            state.parse().context("a receipt is in a state that this ua does not know")?;
        progress.count(state, jobs);
    }
    take(&mut progress, &store.sum(&theirs, &USED).await?);
    progress.lists_waiting = store.count(&lists_waiting(&theirs)).await?;
    progress.planned = store.count(&theirs.clone().with("planned_at", run.planned_at)).await?;
    let since = recently(now).max(run.planned_at);
    progress.recent = store.count(&done_since(&theirs, since, now)).await?;
    progress.recent_seconds = seconds(since, now);
    Ok(progress)
}

/// Returns the number of jobs with a finding for each run.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn with_findings(store: &Store, runs: &[RunRecord]) -> anyhow::Result<BTreeMap<RunId, u64>> {
    if runs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<String> = runs.iter().map(|run| run.run.as_str().to_owned()).collect();
    let found = Query::all(DocumentKind::Harvests).with_any("run", ids).filled("findings");
    let counts = store.group(&found, "run").await?;
    Ok(counts.into_iter().map(|(run, jobs)| (run.as_str().into(), jobs)).collect())
}

/// Returns the findings of a run's jobs, from at most 10,000 jobs.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn findings(store: &Store, run: &RunId) -> anyhow::Result<Findings> {
    let found = Query::all(DocumentKind::Harvests).with("run", run).filled("findings").without("job");
    let hits = store.search(&found).await?;
    let receipts: Vec<Receipt> =
        hits.iter().filter_map(|hit| serde_json::from_str(hit.source.get()).ok()).collect();
    Ok(Findings::of(&receipts))
}

/// Returns the number of published, unfinished jobs of a run.
///
/// # Errors
/// If the store is unreachable.
pub(crate) async fn waiting(store: &Store, run: &RunId) -> anyhow::Result<u64> {
    store.refresh().await?;
    let waiting =
        Query::all(DocumentKind::Harvests).with("state", ReceiptState::Planned.name()).with("run", run);
    Ok(store.count(&waiting).await?)
}
