//! Awaited episodes: those to look up again. A recording may become available after its date was harvested. Without
//! another view nothing else would record that time.

use std::collections::{BTreeSet, HashSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use messages::opencast::Task;
use messages::{JobId, Mpid, Receipt, ReceiptState};
use serde::Deserialize;
use store::{DocumentKind, Grouping, Hit, Query, Store};

use crate::receipts;

/// Days after its start for which an episode is awaited.
const YOUNG_DAYS: i32 = 14;
/// Days after a view for which an episode is awaited, independent of its age.
const SEEN_DAYS: i32 = 2;
/// Maximum number of lookups per firing; later firings look up the others.
const MOST: usize = 5_000;
/// Minimum time between two lookups of an episode: at most two a day, however often the schedule fires.
const AGAIN: SignedDuration = SignedDuration::from_hours(12);
/// Page size of store requests.
const PAGE: usize = 500;
/// Long fields of an episode that are not needed here.
const LONG: [&str; 6] = ["title", "course", "description", "slides", "presenter_still", "presentation_still"];

/// The fields of an episode document that show whether its recording is available.
#[derive(Deserialize)]
struct Held {
    mpid: Mpid,
    available: Option<serde::de::IgnoredAny>,
}

/// Returns the recent and the recently viewed episodes whose time of availability is unknown.
///
/// # Errors
/// If the store is unreachable.
pub(super) async fn episodes(store: &Store, today: Date, now: Timestamp) -> anyhow::Result<Vec<Mpid>> {
    let mut awaited = BTreeSet::new();
    young(store, today, &mut awaited).await?;
    seen(store, today, &mut awaited).await?;
    let mut awaited = share(awaited.into_iter().collect(), MOST, today);
    let jobs: Vec<JobId> = awaited.iter().map(job).collect();
    let receipts = receipts::read::receipts_of(store, &jobs).await?;
    let lately = receipts.into_iter().filter(|receipt| is_recent(receipt, now)).map(|receipt| receipt.job_id);
    let lately: HashSet<JobId> = lately.collect();
    awaited.retain(|mpid| !lately.contains(&job(mpid)));
    Ok(awaited)
}

fn job(mpid: &Mpid) -> JobId {
    Task::Episode { mpid: mpid.clone() }.job_id()
}

/// True if the episode was looked up within [`AGAIN`], with any result. A future time comes from a wrong clock and does
/// not count.
fn is_recent(receipt: &Receipt, now: Timestamp) -> bool {
    let finished = receipt.finished_at.filter(|_| receipt.state != ReceiptState::Cancelled);
    finished.is_some_and(|at| (SignedDuration::ZERO..AGAIN).contains(&now.duration_since(at)))
}

/// Returns at most `most` episodes, different ones on each date: episodes that never become available must not block
/// the others.
fn share(mut awaited: Vec<Mpid>, most: usize, today: Date) -> Vec<Mpid> {
    if awaited.len() > most {
        let day = usize::try_from(today.day_of_year()).unwrap_or_default();
        let first = (day * most) % awaited.len();
        awaited.rotate_left(first);
        awaited.truncate(most);
    }
    awaited
}

async fn young(store: &Store, today: Date, awaited: &mut BTreeSet<Mpid>) -> anyhow::Result<()> {
    let since = today.saturating_sub(YOUNG_DAYS.days());
    let query = Query::all(DocumentKind::Episodes).between("start", since, today);
    let (query, mut after) = (LONG.into_iter().fold(query, Query::without), None);
    loop {
        let (hits, next) = store.scan(&query, PAGE, after).await?;
        awaited.extend(hits.iter().filter_map(waits));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn seen(store: &Store, today: Date, awaited: &mut BTreeSet<Mpid>) -> anyhow::Result<()> {
    let since = today.saturating_sub(SEEN_DAYS.days());
    let query = Query::all(DocumentKind::Useractions).between("@timestamp", since, today);
    let (grouping, mut place) = (Grouping::by(&["mpid"]), None);
    loop {
        let (groups, next) = store.tally(&query, &grouping, PAGE, place).await?;
        let mpids: Vec<&str> =
            groups.iter().filter_map(|group| group.words.first()).map(String::as_str).collect();
        let hits = store.get_many(DocumentKind::Episodes, &mpids).await?;
        awaited.extend(hits.iter().filter_map(waits));
        match next {
            Some(next) => place = Some(next),
            None => return Ok(()),
        }
    }
}

/// Returns the episode of a document if its recording is not available yet.
fn waits(hit: &Hit) -> Option<Mpid> {
    let held: Held = serde_json::from_str(hit.source.get()).ok()?;
    held.available.is_none().then_some(held.mpid)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use messages::{Job, Lane};

    use super::*;

    fn awaited(count: usize) -> Vec<Mpid> {
        (0..count).map(|number| format!("{number:08}-0000-4000-8000-000000000000").parse().unwrap()).collect()
    }

    #[test]
    fn all_have_their_turn_within_a_few_dates() {
        let all = awaited(25);
        let mut had = BTreeSet::new();
        for day in 1..=3 {
            let shared = share(all.clone(), 10, date(2026, 3, day));
            assert_eq!(shared.len(), 10);
            had.extend(shared);
        }
        assert_eq!(had.len(), all.len());
    }

    #[test]
    fn what_was_looked_up_lately_is_not_looked_up_again() {
        let now: Timestamp = "2026-03-02T04:30:00Z".parse().unwrap();
        let task = Task::Episode { mpid: "a-1".parse().unwrap() };
        let job = Job::new(task.job_id(), "r".into(), Lane::Daily, now, task);
        let planned = job.planned().unwrap();
        let ended = |state, hours| {
            let finished_at = Some(now - SignedDuration::from_hours(hours));
            is_recent(&Receipt { finished_at, state, ..planned.clone() }, now)
        };
        let complete = |hours| ended(ReceiptState::Complete, hours);
        assert_eq!([-1, 0, 11, 12, 24].map(complete), [false, true, true, false, false]);
        assert!(ended(ReceiptState::Failed, 1) && ended(ReceiptState::Incomplete, 1));
        assert!(!ended(ReceiptState::Cancelled, 1), "it was not looked up");
        assert!(!is_recent(&planned, now), "it was not looked up yet");
    }

    #[test]
    fn few_are_looked_up_all() {
        assert_eq!(share(awaited(10), 10, date(2026, 3, 1)), awaited(10));
    }
}
