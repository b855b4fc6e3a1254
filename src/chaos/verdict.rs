//! After the storm: the index beside the truth, the dead letters beside what was injected, the ledger beside the quota.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use messages::{CauseClass, DeadLetter, Queue};
use runtime::Headers;
use simulator::{OverCall, Source};
use store::{Kind, Query, StoreError};

use crate::blow::Struck;
use crate::fleet::Fleet;
use crate::poison::Poison;
use crate::site::Site;
use crate::storm::Aftermath;

/// Ids and dead letters as they should be, or as they are.
#[derive(Debug, Default, PartialEq, Eq)]
struct Holdings {
    meetings: BTreeSet<String>,
    sessions: BTreeSet<String>,
    /// How long the sessions were in all: what is there has to be what it should be.
    seconds: u64,
    dead: BTreeMap<String, CauseClass>,
    /// Receipts that are neither complete nor failed.
    open: u64,
    /// Documents whose id is in more than one index.
    doubled: u64,
    /// Messages in queues and on rungs, by RabbitMQ's word.
    queued: u64,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Found {
    wanted: Holdings,
    held: Holdings,
    calls: u64,
    over: u64,
    first_over: Vec<OverCall>,
    ended_alone: Vec<String>,
    struck: Struck,
}

/// After this time in the calm nobody waits any longer for rungs: a job that failed four times would be tried again after
/// ten minutes only.
const HURRY: Duration = Duration::from_secs(200);

/// How long everything has to stay as it should be: what comes late must not come unseen.
const STILL: Duration = Duration::from_secs(5);

/// Waits until everything is as it should be and stays so, or for `patience`.
pub(crate) async fn settle(
    site: &Site,
    fleet: &mut Fleet,
    Aftermath { poison, struck }: Aftermath,
    patience: Duration,
) -> Found {
    let wanted = wanted(site, &poison);
    let deadline = Instant::now() + patience;
    let (mut right_since, mut hurry) = (None, Instant::now() + HURRY);
    let held = loop {
        fleet.supervise();
        if Instant::now() >= hurry {
            hurry_on(site).await;
            hurry += HURRY / 4;
        }
        match held(site).await {
            Ok(held) if held == wanted => {
                if right_since.get_or_insert_with(Instant::now).elapsed() >= STILL {
                    break held;
                }
            }
            Ok(held) if Instant::now() > deadline => break held,
            Ok(_) => right_since = None,
            Err(StoreError::Away(_) | StoreError::Busy) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let ledger = site.simulator.ledger_summary();
    let calls =
        ledger.calls.light + ledger.calls.medium + ledger.calls.heavy + ledger.calls.resource_intensive;
    let ended_alone = std::mem::take(&mut fleet.ended_alone);
    Found { wanted, held, calls, over: ledger.over, first_over: ledger.first_over, ended_alone, struck }
}

/// Brings what is parked back to its queues, as it is: tried again at once in place of later.
async fn hurry_on(site: &Site) {
    let mut parked = site.broker.sift_parked(|_| true);
    while let Ok(Some(deliveries)) = parked.next().await {
        for delivery in deliveries {
            let message = delivery.message.clone();
            let Headers { message_id, attempt, cause, .. } = &message.headers;
            let why = cause.as_ref().map_or("-", |cause| cause.text.as_str());
            println!("  not waited for: attempt {} of {message_id}, after {why}", attempt + 1);
            site.broker.publish(vec![message]).await.unwrap();
            delivery.ack().await.unwrap();
        }
    }
}

fn wanted(site: &Site, poison: &[Poison]) -> Holdings {
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
    wanted.dead.extend(poison.iter().map(|poison| (poison.id.clone(), poison.class)));
    wanted
}

async fn held(site: &Site) -> Result<Holdings, StoreError> {
    site.store.refresh().await?;
    // In one question: between two, receipts would change.
    let open = ["planned", "incomplete", "cancelled"].map(str::to_owned);
    let open = Query::all(Kind::Harvests).with_any("state", open.into());
    let seconds = site.store.sum(&Query::all(Kind::Sessions), &["duration"]).await?;
    let mut doubled = 0;
    Ok(Holdings {
        meetings: ids(site, Kind::Meetings, &mut doubled).await?,
        sessions: ids(site, Kind::Sessions, &mut doubled).await?,
        seconds: seconds.into_iter().sum::<i64>().try_into().unwrap_or(0),
        dead: dead(site).await?,
        open: site.store.count(&open).await?,
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

impl Found {
    /// Prints the table; true when every line is as it should be.
    pub(crate) fn print(&self) -> bool {
        let Self { wanted, held, .. } = self;
        let mut well = true;
        let mut line = |what: &str, wanted: u64, found: u64| {
            well &= wanted == found;
            println!(
                "  {} {what:<28} {found:>8}  (should be {wanted})",
                if wanted == found { "✔" } else { "✘" }
            );
        };
        line("meetings in the index", wanted.meetings.len() as u64, held.meetings.len() as u64);
        line("sessions in the index", wanted.sessions.len() as u64, held.sessions.len() as u64);
        line("meetings lost", 0, wanted.meetings.difference(&held.meetings).count() as u64);
        line("sessions lost", 0, wanted.sessions.difference(&held.sessions).count() as u64);
        line("hours of sessions", wanted.seconds / 3_600, held.seconds / 3_600);
        line("seconds of sessions astray", 0, wanted.seconds.abs_diff(held.seconds));
        line("documents nobody sent", 0, self.unexpected());
        line("documents doubled", 0, held.doubled);
        line("dead letters", wanted.dead.len() as u64, held.dead.len() as u64);
        line("dead letters as injected", wanted.dead.len() as u64, self.rightly_dead());
        line("receipts still open", 0, held.open);
        line("messages still queued", 0, held.queued);
        line("calls over quota", 0, self.over);
        line("roles that ended alone", 0, self.ended_alone.len() as u64);
        let missing = self.struck.missing();
        line("kinds of blows missed", 0, missing.len() as u64);
        println!("    blows: {}", self.struck);
        missing.iter().for_each(|blow| println!("    never struck: {blow}"));
        println!("    calls in all                 {:>8}", self.calls);
        self.first_over.iter().for_each(|call| println!("    over quota: {call:?}"));
        for text in &self.ended_alone {
            println!("    {text}");
        }
        for (id, class) in
            held.dead.iter().filter(|(id, class)| wanted.dead.get(*id) != Some(*class)).take(10)
        {
            println!(
                "    dead letter {id}: {class}, should be {:?}",
                wanted.dead.get(id).map(|class| class.name())
            );
        }
        for (id, class) in wanted.dead.iter().filter(|(id, _)| !held.dead.contains_key(*id)).take(10) {
            println!("    no dead letter {id}: should be {class}");
        }
        println!("{}", if well { "chaos: nothing lost, nothing doubled" } else { "chaos: FAILED" });
        well
    }

    fn unexpected(&self) -> u64 {
        let meetings = self.held.meetings.difference(&self.wanted.meetings).count();
        (meetings + self.held.sessions.difference(&self.wanted.sessions).count()) as u64
    }

    fn rightly_dead(&self) -> u64 {
        let rightly = |(id, class): &(&String, &CauseClass)| self.wanted.dead.get(*id) == Some(*class);
        self.held.dead.iter().filter(rightly).count() as u64
    }
}
