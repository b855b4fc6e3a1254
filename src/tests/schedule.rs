//! Scheduled plans: one of several schedulers leads, a missed firing is made up once, and another scheduler takes over.

use messages::{Lane, RunId};
use planner::{Origin, Price, RunRecord, RunState};
use serde_json::Value;
use simulator::{Simulator, ZoomSettings};
use store::{Batch, DocumentKind, Query, Split, Store};

use crate::bad_input::{account, refused};
use crate::program::{Program, eventually};

/// A schedule that fires in one minute of the year, so that no test meets an unexpected firing.
fn firing(at: jiff::Timestamp) -> String {
    let at = jiff::tz::TimeZone::UTC.to_datetime(at);
    format!("{} {} {} {} *", at.minute(), at.hour(), at.day(), at.month())
}

fn ago(minutes: i64) -> jiff::Timestamp {
    runtime::clock::now() - jiff::SignedDuration::from_mins(minutes)
}

/// Writes the record of a completed firing.
async fn done(store: &Store, slot: jiff::Timestamp) {
    let price = Price {
        resource_intensive: 0,
        heavy: 0,
        details: 0,
        other: 0,
        per_day: 1,
        left_today: None,
        quota_days: 1,
        seconds: 0,
        finish_at: slot,
        known: 0,
        estimated: 0,
        guessed: 0,
        basis: Vec::new(),
        opens: planner::Opens::Now,
    };
    let record = RunRecord {
        run: RunId::new(slot, None),
        state: RunState::Published,
        origin: Origin::Schedule,
        slot: Some(slot),
        lane: Lane::Daily,
        from: None,
        to: None,
        dates: 0,
        meetings: 0,
        episodes: 0,
        jobs: 0,
        planned_at: slot,
        changed_at: slot,
        price,
    };
    let (mut batch, index) =
        (Batch::new(), DocumentKind::Runs.index(Split::default(), "2026-01-01".parse().unwrap()));
    let id = record.run.as_str().to_owned();
    batch.push(store.prefix(), DocumentKind::Runs, index, id, record.version(), &record).unwrap();
    store.bulk(&batch).await.unwrap();
}

fn runs(program: &Program) -> Vec<Value> {
    let listed = program.call(&["runs", "--json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    listed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn planned(program: &Program, slot: jiff::Timestamp) -> usize {
    let second = slot.as_second();
    let is_it = |run: &Value| {
        run["slot"]
            .as_str()
            .is_some_and(|slot| slot.parse::<jiff::Timestamp>().unwrap().as_second() == second)
            && run["state"] == "published"
    };
    runs(program).iter().filter(|run| is_it(run)).count()
}

/// Returns the start of the minute.
fn minute(ago: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(ago.as_second() / 60 * 60).unwrap()
}

/// Returns a missed firing and its schedule.
pub(crate) fn missed() -> (jiff::Timestamp, String) {
    let missed = minute(ago(90));
    (missed, firing(missed))
}

/// Runs two schedulers on the servers of `program`, whose schedule has [`missed`] a firing.
pub(crate) async fn one_leads_and_one_takes_over(program: &Program, store: &Store, missed: jiff::Timestamp) {
    done(store, ago(60 * 24 * 3)).await;
    let first = program.start(&["work", "schedule"], "first.log");
    let log = |name: &str| std::fs::read_to_string(program.path().join(name)).unwrap();
    eventually("the missed firing is made up", 60, async || planned(program, missed) == 1).await;
    let second = program.start(&["work", "schedule"], "second.log");
    eventually("the second is there", 60, async || log("second.log").contains("working: schedule")).await;
    assert!(!log("second.log").contains("this scheduler leads"), "{}", log("second.log"));
    first.kill();
    eventually("the second leads", 60, async || log("second.log").contains("this scheduler leads")).await;
    let runs = runs(program);
    let made_up = runs.iter().find(|run| run["slot"].is_string()).unwrap();
    assert_eq!((made_up["origin"].as_str(), made_up["lane"].as_str()), (Some("schedule"), Some("daily")));
    assert!(made_up["dates"].as_u64() >= Some(3), "the dates of the downtime, too: {made_up}");
    assert_eq!(planned(program, missed), 1, "once");
    assert_eq!(second.terminate(), Some(0));
}

fn store_of(program: &Program) -> Store {
    let folder = program.path().join("ua-data");
    Store::Local(
        store::Local::open(store::local::LocalStoreSettings { folder, prefix: String::new() }).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedulers_make_up_a_missed_firing_once_and_one_takes_over() {
    let simulator = Simulator::start(ZoomSettings { speed: 100.0, ..ZoomSettings::default() }).await.unwrap();
    let (missed, firing) = missed();
    let program = Program::new().with_account(&simulator, 100.0).with("UA_SCHEDULE", firing);
    assert_eq!(program.call(&["setup"]).code, Some(0));
    one_leads_and_one_takes_over(&program, &store_of(&program), missed).await;
    simulator.stop().await;
}

/// A week after a date, a meeting whose list counts more participants than there are sessions is fetched again, by all
/// roles of one process.
#[tokio::test(flavor = "multi_thread")]
async fn a_week_later_what_disagrees_is_looked_at_once_more() {
    let settings =
        ZoomSettings { meetings_per_day: 20, participants: 5.0, speed: 100.0, ..ZoomSettings::default() };
    let simulator = Simulator::start(settings).await.unwrap();
    let (missed, firing) = missed();
    let program = Program::new().with_account(&simulator, 100.0).with("UA_SCHEDULE", firing);
    let date = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(7));
    assert_eq!(program.call(&["run", "--date", &date.to_string()]).code, Some(0));
    let store = store_of(&program);
    let hit = store.search(&Query::all(DocumentKind::Meetings).limit(1)).await.unwrap().remove(0);
    let mut meeting: Value = serde_json::from_str(hit.source.get()).unwrap();
    let counted = meeting["participant_sessions"].as_u64().unwrap();
    meeting["participant_sessions"] = (counted + 1).into();
    let mut batch = Batch::new();
    batch
        .push(store.prefix(), DocumentKind::Meetings, hit.index, hit.id.clone(), hit.version, &meeting)
        .unwrap();
    store.bulk(&batch).await.unwrap();
    done(&store, ago(60 * 24 * 2)).await;
    let worker = program.start(&["work", "all"], "all.log");
    eventually("the firing is made up", 60, async || planned(&program, missed) == 1).await;
    let again: Vec<Value> = runs(&program).into_iter().filter(|run| run["meetings"] == 1).collect();
    assert_eq!((again.len(), &again[0]["jobs"]), (1, &1.into()), "that meeting alone: {again:?}");
    let receipt = || async {
        let hit = store
            .get(DocumentKind::Harvests, &format!("zoom:participants:{}", hit.id))
            .await
            .unwrap()
            .unwrap();
        serde_json::from_str::<Value>(hit.source.get()).unwrap()
    };
    eventually("it is fetched again", 60, async || {
        let receipt = receipt().await;
        receipt["run"] == again[0]["run"] && receipt["state"] == "complete"
    })
    .await;
    assert_eq!(receipt().await["date"], date.to_string(), "it still belongs to its date");
    eventually("its own document is, too", 60, async || {
        let hit = store.get(DocumentKind::Meetings, &hit.id).await.unwrap().unwrap();
        serde_json::from_str::<Value>(hit.source.get()).unwrap()["participant_sessions"] == counted
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    simulator.stop().await;
}

/// Returns a job's receipt in the store, if there is one.
async fn receipt(store: &Store, job: &str) -> Option<Value> {
    let hit = store.get(DocumentKind::Harvests, job).await.unwrap()?;
    Some(serde_json::from_str(hit.source.get()).unwrap())
}

/// After an outage of ten days every date is planned, old dates in the backfill lane. A recording that was unavailable
/// when its lecture's date was harvested is looked up again.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_made_up_for_opencast_too_and_late_recordings_are_looked_up() {
    // In windows, because each day without them takes a minute to prove complete.
    let settings = simulator::opencast::OpencastSettings {
        actions_per_day: 400,
        generation: 5,
        dialect: simulator::opencast::Dialect::Dce,
        ..Default::default()
    };
    let opencast = simulator::opencast::Opencast::start(settings).await.unwrap();
    let (missed, firing) = missed();
    let program = Program::new().with_opencast(&opencast).with("UA_SCHEDULE", firing);
    assert_eq!(program.call(&["run", "--date", &crate::program::closed_date()]).code, Some(0));
    let store = store_of(&program);
    let with_time = |hit: &store::Hit| {
        let episode: Value = serde_json::from_str(hit.source.get()).unwrap();
        episode["available"].is_string().then_some(episode)
    };
    let hits = store.search(&Query::all(DocumentKind::Episodes)).await.unwrap();
    let (hit, mut episode) =
        hits.into_iter().find_map(|hit| with_time(&hit).map(|episode| (hit, episode))).unwrap();
    let mpid = episode["mpid"].as_str().unwrap().to_owned();
    episode.as_object_mut().unwrap().remove("available");
    let mut batch = Batch::new();
    batch
        .push(store.prefix(), DocumentKind::Episodes, hit.index, hit.id.clone(), hit.version, &episode)
        .unwrap();
    store.bulk(&batch).await.unwrap();
    done(&store, ago(60 * 24 * 10)).await;
    let worker = program.start(&["work", "all"], "all.log");
    eventually("the firing is made up", 60, async || planned(&program, missed) == 1).await;
    let of_schedule: Vec<Value> =
        runs(&program).into_iter().filter(|run| run["origin"] == "schedule").collect();
    let old = of_schedule.iter().find(|run| run["lane"] == "backfill").expect("the older dates have a run");
    let new = of_schedule.iter().find(|run| run["lane"] == "daily" && run["dates"] == 4).unwrap();
    assert!(old["dates"].as_u64() >= Some(9), "from the dates that were recent at the last firing: {old}");
    assert!(new["episodes"].as_u64() >= Some(1), "{new}");
    let long_ago = ua::receipts::read::today().saturating_sub(jiff::Span::new().days(9));
    for job in [format!("opencast:actions:{long_ago}"), format!("opencast:episode:{mpid}")] {
        eventually(&format!("{job} is done"), 60, async || {
            receipt(&store, &job).await.is_some_and(|receipt| receipt["state"] == "complete")
        })
        .await;
    }
    assert_eq!(receipt(&store, &format!("opencast:episode:{mpid}")).await.unwrap()["run"], new["run"]);
    eventually("the recording has its time again", 60, async || {
        with_time(&store.get(DocumentKind::Episodes, &hit.id).await.unwrap().unwrap()).is_some()
    })
    .await;
    assert_eq!(worker.terminate(), Some(0));
    opencast.stop().await;
}

#[test]
fn a_schedule_that_is_none_is_said_so() {
    refused(&account(), &["work", "schedule"], &["UA_SCHEDULE is not set", "30 4 * * *"]);
    refused(&account().with("UA_SCHEDULE", "30 4 * *"), &["work", "schedule"], &["UA_SCHEDULE", "4 fields"]);
    refused(&account().with("UA_SCHEDULE", "30 4 * * fri-xyz"), &["status"], &["UA_SCHEDULE", "weekday"]);
    let zone = account().with("UA_SCHEDULE", "30 4 * * *").with("UA_SCHEDULE_TZ", "Mars/Olympus");
    refused(&zone, &["work", "schedule"], &["UA_SCHEDULE_TZ", "Mars/Olympus"]);
    let nobody = Program::new().with("UA_SCHEDULE", "30 4 * * *");
    refused(&nobody, &["work", "schedule"], &["ZOOM_ACCOUNT_ID"]);
}
