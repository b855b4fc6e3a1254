//! After the storm: compares the index with the truth, the dead letters with the injected faults, and the calls with
//! the quota.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use messages::CauseClass;
use runtime::Headers;
use simulator::OverCall;
use store::StoreError;

use crate::fault::FaultLog;
use crate::fleet::Fleet;
use crate::holdings::{self, Holdings};
use crate::lectures;
use crate::meddling::text;
use crate::site::Site;
use crate::storm::Aftermath;
use crate::wrong_clock;

/// Result of the comparison.
#[derive(Debug)]
pub(crate) struct Found {
    wanted: Holdings,
    held: Holdings,
    calls: u64,
    /// Calls for lists.
    lists: u64,
    /// Repeated calls for details: the job was in progress or not yet acked when its worker or RabbitMQ failed.
    twice: u64,
    dates: u64,
    /// Jobs that were destroyed by a policy and brought back.
    back: u64,
    over: u64,
    /// Calls to Opencast beyond its rate, over the whole time.
    hurried: u64,
    first_over: Vec<OverCall>,
    ended_alone: Vec<String>,
    fault_log: FaultLog,
    /// Expected output or behaviour that was missing.
    misjudged: Vec<String>,
    /// The load balancer's own answers, by status.
    answered: BTreeMap<u16, u64>,
}

/// Calm after which the harness no longer waits for rungs: a job that failed three times waits 2 minutes.
const HURRY: Duration = Duration::from_secs(40);

/// Maximum list calls per date: some pages of two kinds of meetings, repeated after a fault.
const LIST_CALLS: u64 = 20;

/// Number of failed runs of `ua check` that are permitted at the end.
const CHECKS: usize = 4;

/// Time for which the result must stay right, so that late messages show.
const STILL: Duration = Duration::from_secs(5);

/// Waits until everything is right and stays so, for at most `patience`.
pub(crate) async fn settle(
    site: &Site,
    fleet: &mut Fleet,
    Aftermath { poison, fault_log, cancelled, mut removed, more, mut misjudged }: Aftermath,
    patience: Duration,
) -> Found {
    let wanted = holdings::wanted(site, &poison, &more);
    let deadline = Instant::now() + patience;
    let (mut right_since, mut hurry) = (None, Instant::now() + HURRY);
    let held = loop {
        fleet.supervise();
        if Instant::now() >= hurry {
            hurry_on(site).await;
            hurry += HURRY / 4;
        }
        if let Some(removed) = &mut removed {
            misjudged.extend(removed.bring_back(site).await.err());
        }
        match holdings::held(site, &wanted, &cancelled).await {
            Ok(held) if held == wanted => {
                if right_since.get_or_insert_with(Instant::now).elapsed() >= STILL {
                    break held;
                }
            }
            Ok(held) if Instant::now() > deadline => break held,
            Ok(_) => right_since = None,
            Err(StoreError::Away(_) | StoreError::Busy(_)) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let mut fetched = 0;
    for cancelled in &cancelled {
        fetched += cancelled.fetched(site).await.unwrap();
        misjudged.extend(cancelled.restless(site).await.unwrap());
    }
    let back = removed.as_ref().map_or(0, |removed| removed.back);
    if removed.is_some() && back == 0 {
        misjudged.push("nothing of what the policy has destroyed was brought back".to_owned());
    }
    misjudged.extend(amiss(site).await);
    let dates = (site.dates.len() + more.len() + cancelled.len()) as u64;
    let ledger = site.simulator.ledger_summary();
    let calls =
        ledger.calls.light + ledger.calls.medium + ledger.calls.heavy + ledger.calls.resource_intensive;
    let ended_alone = std::mem::take(&mut fleet.ended_alone);
    // `gone` and `forbidden` are permanent, so that the object is fetched only once.
    let passing = |fault: &&str| !["gone", "forbidden"].contains(fault);
    let faults: u64 =
        ledger.by_fault.iter().filter(|(fault, _)| passing(fault)).map(|(_, times)| times).sum();
    // One call per meeting, and one more per injected failure.
    let needed = (wanted.meetings.len() + wanted.refused.len()) as u64 + fetched + faults;
    let (lists, twice) = (ledger.calls.resource_intensive, ledger.calls.heavy.saturating_sub(needed));
    let hurried = lectures::hurried(&site.opencast);
    let (over, first_over) = (ledger.over, ledger.first_over);
    let answered = site.balancer.given();
    Found {
        wanted,
        held,
        calls,
        lists,
        twice,
        dates,
        back,
        over,
        hurried,
        first_over,
        ended_alone,
        fault_log,
        misjudged,
        answered,
    }
}

/// Returns remaining problems: without policy and template and with correct clocks, `ua check` must find nothing, and
/// no role may hold because of its clock.
async fn amiss(site: &Site) -> Vec<String> {
    let mut amiss = Vec::new();
    // The simulated API fails sometimes.
    let mut checked = site.quietly(&["check"]).await;
    for _ in 0..CHECKS {
        if !checked.status.success() {
            checked = site.quietly(&["check"]).await;
        }
    }
    if !checked.status.success() {
        amiss.push(format!("ua check: {}", text(&checked)));
    }
    let holding = wrong_clock::who_holds(site).await.unwrap_or_default();
    amiss.extend(holding.iter().map(|pid| format!("process {pid} holds with a clock that is right")));
    amiss
}

/// Moves parked messages unchanged to their queues, so that they are tried at once.
async fn hurry_on(site: &Site) {
    let mut parked = site.broker.filter_delayed(|_| true);
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

impl Found {
    /// Prints the table; returns true when every line is right.
    pub(crate) fn print(&self, seed: u64) -> bool {
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
        let (known, lectures) = (&wanted.lectures, &held.lectures);
        line("user actions in the index", known.actions.len() as u64, lectures.actions.len() as u64);
        line("user actions lost", 0, known.actions.difference(&lectures.actions).count() as u64);
        line("episodes in the index", known.episodes.len() as u64, lectures.episodes.len() as u64);
        line("documents nobody sent", 0, self.unexpected());
        line("documents doubled", 0, held.doubled);
        line("dead letters", wanted.dead.len() as u64, held.dead.len() as u64);
        line("dead letters as injected", wanted.dead.len() as u64, self.rightly_dead());
        line("documents from the future", wanted.ahead, held.ahead);
        let refused = held.refused.iter().filter(|(id, class)| wanted.refused.get(*id) == Some(*class));
        line("refused document is dead", wanted.refused.len() as u64, refused.count() as u64);
        line("receipts still open", 0, held.open);
        line("messages still queued", 0, held.queued);
        line("calls over quota", 0, self.over);
        line("calls to Opencast over", 0, self.hurried);
        // Permitted: jobs in progress when their worker lost them, and a few others.
        line("details asked for too often", 0, self.twice.saturating_sub(self.fault_log.repeats()));
        line("lists asked for too often", 0, self.lists.saturating_sub(self.dates * LIST_CALLS));
        line("roles that ended alone", 0, self.ended_alone.len() as u64);
        line("faults misjudged", 0, self.misjudged.len() as u64);
        let missing = self.fault_log.missing();
        line("kinds of blows missed", 0, missing.len() as u64);
        println!("    blows: {}", self.fault_log);
        missing.iter().for_each(|fault| println!("    never struck: {fault}"));
        let Self { calls, lists, twice, .. } = self;
        println!(
            "    calls in all                 {calls:>8}, {lists} for lists, {twice} for details a second time, {} at most",
            self.fault_log.repeats()
        );
        println!("    jobs brought back            {:>8}", self.back);
        self.first_over.iter().for_each(|call| println!("    over quota: {call:?}"));
        println!("    answers of the load balancer: {:?}", self.answered);
        for text in self.ended_alone.iter().chain(&self.misjudged) {
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
        let lost = wanted.meetings.difference(&held.meetings).count()
            + wanted.sessions.difference(&held.sessions).count()
            + known.actions.difference(&lectures.actions).count();
        println!(
            "seed {seed}: {calls} calls, {twice} repeated, {lost} lost, {} doubled, {} over; {}",
            held.doubled, self.over, self.fault_log
        );
        println!("{}", if well { "chaos: nothing lost, nothing doubled" } else { "chaos: FAILED" });
        well
    }

    fn unexpected(&self) -> u64 {
        let meetings = self.held.meetings.difference(&self.wanted.meetings).count();
        let actions = self.held.lectures.actions.difference(&self.wanted.lectures.actions).count();
        (meetings + actions + self.held.sessions.difference(&self.wanted.sessions).count()) as u64
    }

    fn rightly_dead(&self) -> u64 {
        let rightly = |(id, class): &(&String, &CauseClass)| self.wanted.dead.get(*id) == Some(*class);
        self.held.dead.iter().filter(rightly).count() as u64
    }
}
