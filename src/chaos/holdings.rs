//! What the servers should hold after the storm by the simulators' truth, and what they hold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use messages::{CauseClass, DeadLetter, DeadState, Queue};
use runtime::clock;
use simulator::Source;
use store::{DocumentKind, Query, StoreError};

use crate::cancelled::Cancelled;
use crate::lectures::{self, Lectures};
use crate::poison::Poison;
use crate::site::Site;

/// Permitted difference of clocks in milliseconds.
const TOLERANCE_MS: i64 = 5 * 60_000;

/// Ids and dead letters, wanted or held.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) meetings: BTreeSet<String>,
    pub(crate) sessions: BTreeSet<String>,
    /// Total length of the sessions in seconds.
    pub(crate) seconds: u64,
    pub(crate) lectures: Lectures,
    pub(crate) dead: BTreeMap<String, CauseClass>,
    /// Id of the refused document, with the class of its dead letter.
    pub(crate) refused: BTreeMap<String, CauseClass>,
    /// Receipts that are neither complete nor failed.
    pub(crate) open: u64,
    /// Documents whose id is in more than one index.
    pub(crate) doubled: u64,
    /// Documents with a version in the future, which would outrank all later ones.
    pub(crate) ahead: u64,
    /// Messages in queues and on rungs of RabbitMQ.
    pub(crate) queued: u64,
}

/// Returns what should be held of the run's dates and of `more`.
pub(crate) fn wanted(site: &Site, poison: &[Poison], more: &[Date]) -> Holdings {
    let mut wanted = Holdings::default();
    for date in site.dates.iter().chain(more) {
        let ids = site.simulator.truth(*date, Source::Dashboard).ids.unwrap();
        wanted.meetings.extend(ids.meeting_uuids);
        wanted.sessions.extend(ids.session_ids);
        wanted.seconds += ids.session_seconds;
        let dead = |uuids: Vec<String>, class| {
            uuids.into_iter().map(move |uuid| (format!("zoom:participants:{uuid}"), class))
        };
        wanted.dead.extend(dead(ids.gone, CauseClass::Gone));
        wanted.dead.extend(dead(ids.forbidden, CauseClass::Forbidden));
    }
    // Only this document becomes a dead letter; the sessions of its meeting are held.
    wanted.meetings.remove(&site.refused);
    wanted.refused.insert(site.refused.clone(), CauseClass::MappingRefused);
    wanted.lectures = lectures::wanted(&site.opencast, &site.dates);
    wanted.dead.extend(poison.iter().map(|poison| (poison.id.clone(), poison.class)));
    wanted
}

/// Returns what is held, without the documents of cancelled runs.
pub(crate) async fn held(
    site: &Site,
    wanted: &Holdings,
    cancelled: &[Cancelled],
) -> Result<Holdings, StoreError> {
    site.store.refresh().await?;
    let mut seen = Seen::default();
    let lectures = Lectures {
        actions: ids(site, DocumentKind::Useractions, &mut seen).await?,
        episodes: ids(site, DocumentKind::Episodes, &mut seen).await?,
    };
    let beyond = lectures::beyond(&site.opencast, &site.dates);
    let mut held = Holdings {
        lectures: lectures.asked_for(&wanted.lectures, &beyond),
        meetings: ids(site, DocumentKind::Meetings, &mut seen).await?,
        sessions: ids(site, DocumentKind::Sessions, &mut seen).await?,
        seconds: seconds(site, &Query::all(DocumentKind::Sessions)).await?,
        dead: dead(site, &mut seen).await?,
        open: open(site, None).await?.saturating_sub(open(site, Some(ua::receipts::read::today())).await?),
        queued: queued(site).await,
        doubled: 0,
        ahead: 0,
        refused: BTreeMap::new(),
    };
    ids(site, DocumentKind::Harvests, &mut seen).await?;
    (held.doubled, held.ahead) = (seen.doubled, seen.ahead);
    // The dead letter of its page; a job for the same meeting is a separate message.
    let is_of_it = |id: &str| id.starts_with("zoom:meetings:") && id.ends_with(&format!(":{}", site.refused));
    let of_it = held.dead.extract_if(.., |id, _| is_of_it(id));
    held.refused = of_it.map(|(_, class)| (site.refused.clone(), class)).collect();
    if let Some(cancelled) = cancelled.first() {
        let ids = cancelled.ids(site);
        held.open = held.open.saturating_sub(open(site, Some(cancelled.date)).await?);
        held.dead.retain(|id, _| {
            !id.rsplit(':').next().is_some_and(|uuid| ids.meeting_uuids.iter().any(|of| of == uuid))
        });
        let of_it = Query::all(DocumentKind::Sessions).with_any("meeting_uuid", ids.meeting_uuids.clone());
        held.seconds = held.seconds.saturating_sub(seconds(site, &of_it).await?);
        ids.meeting_uuids.iter().for_each(|id| _ = held.meetings.remove(id));
        ids.session_ids.iter().for_each(|id| _ = held.sessions.remove(id));
    }
    Ok(held)
}

/// Number of receipts that are neither complete nor failed, of all dates or of one. The schedule plans the current day
/// as well, every minute.
async fn open(site: &Site, date: Option<Date>) -> Result<u64, StoreError> {
    let states = ["planned", "incomplete", "cancelled"].map(str::to_owned);
    let open = Query::all(DocumentKind::Harvests).with_any("state", states.into());
    let of_date = date.into_iter().fold(open, |open, date| open.with("date", date));
    site.store.count(&of_date).await
}

async fn seconds(site: &Site, sessions: &Query) -> Result<u64, StoreError> {
    let seconds = site.store.sum(sessions, &["duration"]).await?;
    Ok(seconds.into_iter().sum::<i64>().try_into().unwrap_or(0))
}

/// Number of messages in RabbitMQ; `u64::MAX` when it does not answer.
async fn queued(site: &Site) -> u64 {
    let mut queued = site.broker.parked().await.unwrap_or(u64::MAX);
    for queue in Queue::all() {
        queued = queued.saturating_add(site.broker.depth(&queue).await.map_or(u64::MAX, |depth| depth.ready));
    }
    queued
}

/// Returns the highest version that is not in the future.
fn soon() -> i64 {
    clock::now().as_millisecond() + TOLERANCE_MS
}

/// Faulty documents of any kind.
#[derive(Debug, Default)]
struct Seen {
    doubled: u64,
    ahead: u64,
}

async fn ids(site: &Site, kind: DocumentKind, seen: &mut Seen) -> Result<BTreeSet<String>, StoreError> {
    let soon = soon();
    let (query, mut ids, mut after) = (Query::all(kind), BTreeSet::new(), None);
    loop {
        let (hits, next) = site.store.scan(&query, 2_000, after).await?;
        for hit in hits {
            seen.ahead += u64::from(hit.version > soon);
            seen.doubled += u64::from(!ids.insert(hit.id));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(ids),
        }
    }
}

async fn dead(site: &Site, seen: &mut Seen) -> Result<BTreeMap<String, CauseClass>, StoreError> {
    let soon = soon();
    let (query, mut dead, mut after) = (Query::all(DocumentKind::Deadletters), BTreeMap::new(), None);
    loop {
        let (hits, next) = site.store.scan(&query, 2_000, after).await?;
        for hit in hits {
            seen.ahead += u64::from(hit.version > soon);
            let letter: DeadLetter = serde_json::from_str(hit.source.get()).unwrap();
            if letter.state == DeadState::Dead {
                dead.insert(letter.id, letter.cause.class);
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(dead),
        }
    }
}
