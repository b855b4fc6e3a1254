//! What should be held after the storm, by the simulators' word, and what is, by that of the servers.

use std::collections::{BTreeMap, BTreeSet};

use messages::{CauseClass, DeadLetter, Queue};
use simulator::Source;
use store::{Kind, Query, StoreError};

use crate::lectures::{self, Lectures};
use crate::poison::Poison;
use crate::site::Site;

/// Ids and dead letters as they should be, or as they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) meetings: BTreeSet<String>,
    pub(crate) sessions: BTreeSet<String>,
    /// How long the sessions were in all: what is there has to be what it should be.
    pub(crate) seconds: u64,
    pub(crate) lectures: Lectures,
    pub(crate) dead: BTreeMap<String, CauseClass>,
    /// Receipts that are neither complete nor failed.
    pub(crate) open: u64,
    /// Documents whose id is in more than one index.
    pub(crate) doubled: u64,
    /// Messages in queues and on rungs, by RabbitMQ's word.
    pub(crate) queued: u64,
}

/// What should be held.
pub(crate) fn wanted(site: &Site, poison: &[Poison]) -> Holdings {
    let mut wanted = Holdings::default();
    for date in &site.dates {
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
    wanted.lectures = lectures::wanted(&site.opencast, &site.dates);
    wanted.dead.extend(poison.iter().map(|poison| (poison.id.clone(), poison.class)));
    wanted
}

/// What is held.
pub(crate) async fn held(site: &Site, wanted: &Holdings) -> Result<Holdings, StoreError> {
    site.store.refresh().await?;
    // Of dates that are over: the schedule plans this one, too, and again every minute.
    let states = ["planned", "incomplete", "cancelled"].map(str::to_owned);
    let open = Query::all(Kind::Harvests).with_any("state", states.into());
    let lasts = open.clone().with("date", ua::coverage::today().to_string());
    let seconds = site.store.sum(&Query::all(Kind::Sessions), &["duration"]).await?;
    let mut doubled = 0;
    let lectures = Lectures {
        actions: ids(site, Kind::Useractions, &mut doubled).await?,
        episodes: ids(site, Kind::Episodes, &mut doubled).await?,
    };
    let beyond = lectures::beyond(&site.opencast, &site.dates);
    Ok(Holdings {
        lectures: lectures.asked_for(&wanted.lectures, &beyond),
        meetings: ids(site, Kind::Meetings, &mut doubled).await?,
        sessions: ids(site, Kind::Sessions, &mut doubled).await?,
        seconds: seconds.into_iter().sum::<i64>().try_into().unwrap_or(0),
        dead: dead(site).await?,
        open: site.store.count(&open).await?.saturating_sub(site.store.count(&lasts).await?),
        doubled,
        queued: queued(site).await,
    })
}

/// Everything that RabbitMQ holds; more than anybody waits for where it does not answer.
async fn queued(site: &Site) -> u64 {
    let mut queued = site.broker.parked().await.unwrap_or(u64::MAX);
    for queue in Queue::all() {
        queued = queued.saturating_add(site.broker.depth(&queue).await.map_or(u64::MAX, |depth| depth.ready));
    }
    queued
}

async fn ids(site: &Site, kind: Kind, doubled: &mut u64) -> Result<BTreeSet<String>, StoreError> {
    let (query, mut ids, mut after) = (Query::all(kind), BTreeSet::new(), None);
    loop {
        let (hits, next) = site.store.scan(&query, 2_000, after).await?;
        for hit in hits {
            *doubled += u64::from(!ids.insert(hit.id));
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(ids),
        }
    }
}

async fn dead(site: &Site) -> Result<BTreeMap<String, CauseClass>, StoreError> {
    let (query, mut dead, mut after) = (Query::all(Kind::Deadletters), BTreeMap::new(), None);
    loop {
        let (hits, next) = site.store.scan(&query, 2_000, after).await?;
        for hit in hits {
            let letter: DeadLetter = serde_json::from_str(hit.source.get()).unwrap();
            dead.insert(letter.id, letter.cause.class);
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(dead),
        }
    }
}
