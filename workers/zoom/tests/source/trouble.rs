//! Simulated faults: they lose no data, stop no other jobs, and are named.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, ToSpan};
use messages::zoom::{Event, Listing, MeetingContext, Task};
use messages::{Calls, CauseClass, RawKind, ReceiptState};
use runtime::{Failure, clock};
use simulator::{Simulator, Source, ZoomSettings};
use zoom::{Choice, Config};

use crate::support::{Bench, attempt, bench, closed_date, config, first_attempt, job, meetings, settings};

fn faults(rates: &[&str]) -> ZoomSettings {
    ZoomSettings { faults: rates.iter().map(|rate| rate.parse().unwrap()).collect(), ..settings() }
}

#[tokio::test]
async fn a_harvest_through_troubles_is_the_truth() {
    let rates =
        ["429=0.05", "500=0.05", "502-html=0.05", "reset=0.05", "truncated-json=0.05", "missing-headers=0.1"];
    let simulator = Simulator::start(faults(&rates)).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    let ids = simulator.truth(closed_date(), Source::Dashboard).ids.unwrap();
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let sessions = harvest.sessions(RawKind::ZoomMetricsParticipants);
    assert_eq!(sessions, ids.session_ids.into_iter().collect::<BTreeSet<_>>());
    let ledger = simulator.ledger_summary();
    let mut used = Calls::default();
    harvest.receipts.values().for_each(|receipt| used += receipt.calls);
    let simulator::Calls { light, medium, heavy, resource_intensive } = ledger.calls;
    let made = Calls { light, medium, heavy, resource_intensive };
    assert_eq!(used, made, "the receipts know of every call, those of failed attempts among them");
    let met = ledger.by_fault;
    for fault in ["429", "500", "502-html", "reset", "truncated-json"] {
        assert!(met.get(fault).is_some_and(|times| *times > 0), "{fault} did not strike: {met:?}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_is_given_up_in_time() {
    let simulator = Simulator::start(faults(&["timeout=1"])).await.unwrap();
    let config = Config { request_timeout: Duration::from_millis(300), ..config(&simulator) };
    let outcome = Bench::new(config).perform(job(meetings(closed_date())), first_attempt()).await;
    let Err(Failure::Retry { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.text.contains("GET /metrics/meetings did not answer in time"), "{cause}");
}

/// The account may be known to another worker, or after a restart, so at first no attempt is used. Later the job
/// becomes a dead letter that names the missing account.
#[tokio::test]
async fn a_job_of_an_unknown_account_makes_no_call_and_says_what_is_missing() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let calls = simulator.ledger_summary().calls;
    let mut unknown = job(meetings(closed_date())).of_account("clinic");
    let outcome = bench.perform(unknown.clone(), first_attempt()).await;
    let Err(Failure::Defer { until: Some(_), why }) = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("\"clinic\""), "{why}");
    unknown.planned_at -= SignedDuration::from_hours(25);
    let outcome = bench.perform(unknown, first_attempt()).await;
    let Err(Failure::Retry { after: Some(_), cause }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.class, CauseClass::AttemptsSpent);
    assert!(cause.text.contains("\"clinic\"") && cause.text.contains("ZOOM_ACCOUNTS_FILE"), "{cause}");
    assert_eq!(simulator.ledger_summary().calls, calls);
}

#[tokio::test]
async fn rows_without_times_or_fields_are_listed_all_the_same() {
    let simulator = Simulator::start(faults(&["empty-times=0.5", "null-fields=0.5"])).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    let ids = simulator.truth(closed_date(), Source::Dashboard).ids.unwrap();
    assert!(harvest.failed.is_empty() && harvest.dead.is_empty(), "{:?}", harvest.failed);
    let sessions = harvest.sessions(RawKind::ZoomMetricsParticipants);
    assert_eq!(sessions, ids.session_ids.into_iter().collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn meetings_gone_for_ever_stop_no_other() {
    let simulator = Simulator::start(faults(&["gone=0.2"])).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    let ids = simulator.truth(closed_date(), Source::Dashboard).ids.unwrap();
    assert!(!ids.gone.is_empty());
    let failed: BTreeSet<_> = harvest.failed.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(
        failed,
        ids.gone.iter().map(|uuid| format!("zoom:participants:{uuid}")).collect::<BTreeSet<_>>()
    );
    for (id, failure) in &harvest.failed {
        let Failure::Reject { cause } = failure else { panic!("{failure:?}") };
        assert_eq!(cause.class, CauseClass::Gone);
        let receipt = harvest.receipt(id);
        assert_eq!((receipt.state, receipt.cause.as_ref()), (ReceiptState::Failed, Some(cause)));
        assert!(receipt.job.is_some() && receipt.queue.is_some());
    }
    let sessions = harvest.sessions(RawKind::ZoomMetricsParticipants);
    assert_eq!(sessions, ids.session_ids.into_iter().collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn a_meeting_that_just_ended_is_waited_for() {
    let simulator = Simulator::start(faults(&["3001-not-ready=1"])).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let ids = simulator.truth(closed_date(), Source::Dashboard).ids.unwrap();
    let meeting = MeetingContext {
        meeting_uuid: ids.session_ids[0].rsplit_once('/').unwrap().0.parse().unwrap(),
        series_id: None,
        topic: None,
        start_time: None,
        end_time: Some(clock::now() - SignedDuration::from_mins(20)),
        host_id: None,
    };
    let listing = None::<Listing>;
    let task = |meeting: &MeetingContext| Task::Participants {
        meeting: meeting.clone(),
        event: Event::Meeting,
        listing,
        api: None,
        date: None,
        header: false,
    };
    // Both types are requested, and the simulator hides a meeting from two calls.
    let outcome = bench.perform(job(task(&meeting)), first_attempt()).await;
    let Err(Failure::Retry { after: Some(after), cause }) = outcome else { panic!("{outcome:?}") };
    assert!((38 * 60..=40 * 60).contains(&after.as_secs()), "{after:?}");
    assert_eq!(cause.class, CauseClass::NotReadyExpired);
    let last = attempt(7, Calls::default());
    let unknown =
        MeetingContext { meeting_uuid: "4444AAAiAAAAAiAiAiiAiA==".parse().unwrap(), ..meeting.clone() };
    let outcome = bench.perform(job(task(&unknown)), last).await;
    assert!(matches!(outcome, Err(Failure::Retry { .. })), "{outcome:?}");
    let harvest = bench.harvest(vec![task(&meeting)]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let given_up = harvest.receipt("zoom:participants:4444AAAiAAAAAiAiAiiAiA==");
    assert_eq!((given_up.state, given_up.attempts), (ReceiptState::Failed, 7));
    assert_eq!(given_up.cause.as_ref().unwrap().class, CauseClass::NotReadyExpired);
}

#[tokio::test]
async fn an_expired_page_token_restarts_the_list() {
    let settings = ZoomSettings { meetings_per_day: 700, page_token_lifetime: Duration::ZERO, ..settings() };
    let simulator = Simulator::start(settings).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
    let Err(Failure::Retry { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(cause.text.contains("page token"), "{cause}");
    let by_status = simulator.ledger_summary().by_status;
    assert_eq!(by_status.get(&400), Some(&4), "begun anew three times, and no more: {by_status:?}");
}

#[tokio::test]
async fn a_missing_scope_stops_the_worker_and_is_named() {
    let scopes =
        Some(vec!["user:read:list_users:admin".to_owned(), "dashboard:read:meeting:admin".to_owned()]);
    let simulator = Simulator::start(ZoomSettings { scopes, ..settings() }).await.unwrap();
    for choice in [Choice::Dashboard, Choice::Auto] {
        let bench = bench(&simulator, choice);
        let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
        let Err(Failure::Refused { cause }) = outcome else { panic!("{outcome:?}") };
        assert!(cause.contains("dashboard:read:list_meetings:admin"), "{cause}");
        let missing = bench.zoom.check().await.unwrap().missing;
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].contains("dashboard:read:list_meetings:admin"), "{missing:?}");
    }
}

#[tokio::test]
async fn without_leave_to_list_users_hosts_have_no_id() {
    let scopes = Some(vec!["dashboard:read:admin".to_owned()]);
    let simulator = Simulator::start(ZoomSettings { scopes, ..settings() }).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    assert!(bench.zoom.check().await.unwrap().without_host_ids);
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    for page in harvest.of_kind(RawKind::ZoomMetricsMeetings) {
        assert_eq!(page.context["host_ids"].as_object().unwrap().len(), 0);
    }
    let findings = &harvest.receipt(&format!("zoom:meetings:{}", closed_date())).findings;
    assert!(findings.len() == 1 && findings[0].text.contains("user:read:list_users:admin"), "{findings:?}");
}

#[tokio::test]
async fn dates_that_are_not_listed_are_refused_before_any_call() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let (old, future) =
        (closed_date().checked_sub(7.months()).unwrap(), closed_date().checked_add(3.days()).unwrap());
    let harvest = bench.harvest(vec![meetings(old), meetings(future)]).await;
    let texts: Vec<String> = harvest.failed.iter().map(|(_, failure)| failure.to_string()).collect();
    assert!(texts[0].contains("more than six months ago") && texts[1].contains("in the future"), "{texts:?}");
    assert!(harvest.receipts.values().all(|receipt| receipt.state == ReceiptState::Failed));
    assert_eq!(simulator.ledger_summary().tokens, 0);
}

#[tokio::test]
async fn a_token_that_expires_under_way_is_renewed() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
    let control =
        reqwest::Client::builder().no_proxy().build().unwrap().post(format!("{}/_control", simulator.url()));
    assert!(control.body(r#"{"expire_tokens":true}"#).send().await.unwrap().status().is_success());
    bench.perform(job(meetings(closed_date())), first_attempt()).await.unwrap();
    let ledger = simulator.ledger_summary();
    assert_eq!((ledger.tokens, ledger.by_status.get(&401)), (2, Some(&1)));
}

#[tokio::test]
async fn a_token_refused_twice_is_a_hold() {
    let simulator =
        Simulator::start(ZoomSettings { token_lifetime: Duration::ZERO, ..settings() }).await.unwrap();
    let bench = bench(&simulator, Choice::Dashboard);
    let outcome = bench.perform(job(meetings(closed_date())), first_attempt()).await;
    let Err(Failure::Hold { until: Some(until), why, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(until > clock::now() && why.contains("access token"), "{why}");
    assert_eq!(simulator.ledger_summary().tokens, 3, "renewed once for the users and once for the list");
}

#[tokio::test]
async fn quotas_are_kept_at_full_speed() {
    let settings = ZoomSettings { speed: 20.0, meetings_per_day: 300, participants: 1.5, ..settings() };
    let simulator = Simulator::start(settings).await.unwrap();
    let bench = Bench::new(Config { quota_speed: 20.0, source: Choice::Dashboard, ..config(&simulator) });
    let harvest = bench.harvest(vec![meetings(closed_date())]).await;
    assert!(harvest.failed.is_empty(), "{:?}", harvest.failed);
    let ledger = simulator.ledger_summary();
    assert!(ledger.calls.heavy >= 300, "{ledger:?}");
    assert_eq!((ledger.over, ledger.by_status.get(&429)), (0, None));
}
