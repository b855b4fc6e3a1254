//! Tests of advice: observations and the resulting sentences.

use runtime::Rates;

use super::*;

fn index() -> Part {
    Part {
        role: "index",
        workers: 1,
        permits: 2,
        rates: Rates { seconds: 60.0, ..Rates::default() },
        ..Part::default()
    }
}

/// `workers` with 16 permits each, all busy for a minute.
fn detail(workers: u64, waiting: u64) -> Part {
    let permits = workers * 16;
    let rates = Rates { seconds: 60.0, busy: permits as f64, calls: 30.0, ..Rates::default() };
    Part { role: "zoom.detail", waiting, in_hand: permits, workers, permits, rates, ..Part::default() }
}

fn told(fetch: Part, index: Part) -> (Bound, Vec<u64>, Vec<String>) {
    let advice =
        advise(&Observed { fetch: vec![fetch], index, documents_limit: 1_000, ..Observed::default() });
    let useful = advice.roles.iter().map(|role| role.useful).collect();
    (advice.bound, useful, advice.sentences())
}

#[test]
fn the_quota_bounds_and_more_workers_do_not_help() {
    let mut part = detail(6, 12_340);
    // 32 calls a second of 0.4 s each need 12.8 permits, plus spare ones.
    part.rates =
        Rates { calls: 32.0, calling: 12.8, waiting_for_quota: 83.2, call_seconds: 0.4, ..part.rates };
    let known = Part { allowed: Some(64.0), ..part.clone() };
    let (bound, useful, said) = told(known, index());
    assert_eq!((bound, useful[0]), (Bound::Quota, 2), "for what is allowed, not for what was reached so far");
    assert!(
        said[0].starts_with("the quota bounds zoom.detail at 32.0 of 64.0 allowed calls/s: 2 workers"),
        "{said:?}"
    );
    let (bound, useful, said) = told(part, index());
    assert_eq!((bound, useful), (Bound::Quota, vec![1, 1]));
    assert_eq!(
        said,
        ["the quota bounds zoom.detail at 32.0 calls/s: 1 worker is enough, 6 run; more will not be faster"]
    );
}

#[test]
fn slow_answers_make_more_workers_useful_up_to_the_quota() {
    let mut part = detail(1, 12_340);
    part.rates = Rates { calls: 8.0, calling: 15.5, call_seconds: 1.94, ..part.rates };
    let (bound, useful, said) = told(part.clone(), index());
    assert_eq!((bound, useful[0]), (Bound::Latency, 2));
    assert_eq!(
        said,
        [
            "the API's latency bounds zoom.detail (1.94 s per call, all 16 permits in use): 2 workers would be of use, 1 runs"
        ]
    );
    part.allowed = Some(32.0);
    assert_eq!(
        told(part.clone(), index()).1[0],
        5,
        "32 calls of two seconds and a quarter more, by sixteens"
    );
    part.waiting = 20;
    assert_eq!(told(part, index()).1[0], 3, "36 jobs are left");
}

#[test]
fn few_jobs_want_few_workers() {
    let mut part = detail(4, 0);
    part.in_hand = 5;
    part.rates = Rates { busy: 5.0, calling: 4.9, call_seconds: 0.5, calls: 10.0, ..part.rates };
    let (bound, useful, said) = told(part, index());
    assert_eq!((bound, useful[0]), (Bound::Latency, 1));
    assert_eq!(
        said,
        ["zoom.detail keeps up (0.50 s per call): 1 worker is enough, 4 run; more will not be faster"]
    );
}

#[test]
fn work_without_workers_names_the_command() {
    let none = Part { workers: 0, permits: 0, in_hand: 0, ..detail(1, 3) };
    let (bound, useful, said) = told(none, Part { workers: 0, ..index() });
    assert_eq!((bound, useful), (Bound::NoWorkers, vec![1, 1]));
    assert_eq!(said[0], "3 jobs of zoom.detail and no worker: start `ua work zoom`");
    assert_eq!(said[1], "0 pages of documents and no index worker: start `ua work index`");
}

#[test]
fn nothing_to_do_is_said_once() {
    let idle = Part { in_hand: 0, rates: Rates { seconds: 60.0, ..Rates::default() }, ..detail(3, 0) };
    let (bound, useful, said) = told(idle.clone(), index());
    assert_eq!((bound, useful), (Bound::Nothing, vec![0, 0]));
    assert_eq!(said, ["nothing to do: no job waits, and none is in progress"]);
    let observed = Observed { fetch: vec![idle], index: index(), parked: 1, ..Observed::default() };
    assert_eq!(advise(&observed).sentences(), ["1 message is parked for another attempt"]);
}

#[test]
fn a_hold_is_no_matter_of_workers() {
    let mut part = detail(2, 12_340);
    part.holds = vec!["heavy: daily limit".to_owned(); 2];
    let (bound, useful, said) = told(part.clone(), index());
    assert_eq!((bound, useful[0]), (Bound::Hold, 1));
    assert_eq!(
        said[0],
        "zoom.detail is on hold with 12,340 jobs waiting (heavy: daily limit): more workers will not be faster"
    );
    part.holds.pop();
    assert_ne!(told(part, index()).0, Bound::Hold, "one of two goes on");
}

#[test]
fn a_pause_of_the_quota_is_named_as_the_quota_whether_jobs_wait_or_are_put_off() {
    let mut part = detail(2, 12_340);
    part.holds = vec!["heavy: daily limit".to_owned(); 2];
    part.paused = vec!["heavy: paused until 00:00 UTC (daily limit)".to_owned()];
    let (bound, useful, said) = told(part.clone(), index());
    assert_eq!((bound, useful[0]), (Bound::Quota, 1));
    assert_eq!(
        said[0],
        "the quota bounds zoom.detail (heavy: paused until 00:00 UTC (daily limit)), 12,340 jobs waiting: more workers \
         will not be faster"
    );
    // One account of two has no calls left: its jobs are parked, and no worker is on hold.
    let put_off = Part { waiting: 0, in_hand: 0, holds: Vec::new(), ..part };
    let observed =
        |parked| Observed { fetch: vec![put_off.clone()], index: index(), parked, ..Observed::default() };
    let advice = advise(&observed(500));
    assert_eq!((advice.bound, advice.roles[0].useful), (Bound::Quota, 1));
    assert!(advice.sentences()[0].contains("500 messages parked for later"), "{:?}", advice.sentences());
    assert_eq!(advise(&observed(0)).bound, Bound::Nothing);
}

#[test]
fn a_store_that_holds_the_index_role_bounds_the_flow() {
    let held = Part { waiting: 40, holds: vec!["the store is away".to_owned()], ..index() };
    let (bound, useful, said) = told(Part { workers: 0, ..detail(0, 0) }, held);
    assert_eq!((bound, useful[1]), (Bound::Store, 1));
    assert!(said[0].contains("40 pages waiting (the store is away)"), "{said:?}");
}

#[test]
fn a_full_queue_of_documents_is_the_stores_or_the_indexers_doing() {
    let mut waits = detail(2, 500);
    waits.rates.waiting_for_room = 24.0;
    let mut slow = Part { waiting: 990, in_hand: 64, ..index() };
    slow.rates = Rates { busy: 2.0, storing: 1.8, bulk_seconds: 0.9, documents: 1_200.0, ..slow.rates };
    let (bound, useful, said) = told(waits.clone(), slow.clone());
    assert_eq!((bound, useful), (Bound::Store, vec![2, 1]));
    assert!(
        said[0].starts_with("zoom.detail waits for room") && said[0].contains("the store bounds"),
        "{said:?}"
    );
    assert!(said[1].contains("0.90 s per bulk, 1,200 documents/s, 990 pages waiting"), "{said:?}");
    slow.rates.storing = 0.4;
    let (bound, useful, said) = told(waits, slow);
    assert_eq!((bound, useful), (Bound::Workers, vec![2, 2]));
    assert!(said[1].contains("the index role bounds the flow"), "{said:?}");
}

#[test]
fn an_index_role_that_is_not_busy_is_not_what_bounds() {
    let mut idle = Part { waiting: 990, in_hand: 32, ..index() };
    idle.rates.busy = 0.1;
    let (bound, useful, said) = told(detail(0, 0), idle);
    assert_eq!((bound, useful[1]), (Bound::Unknown, 1));
    assert!(said[0].contains("is not busy"), "{said:?}");
}

#[test]
fn a_broker_that_confirms_slowly_bounds() {
    let mut part = detail(2, 5_000);
    part.rates = Rates { calls: 50.0, calling: 10.0, publishing: 20.0, ..part.rates };
    let (bound, _, said) = told(part, index());
    assert_eq!(bound, Bound::Broker);
    assert!(said[0].contains("62 % of their time publishing"), "{said:?}");
}

#[test]
fn what_was_not_measured_is_not_guessed() {
    let mut part = detail(2, 5_000);
    part.rates = Rates { seconds: 1.0, ..part.rates };
    let (bound, useful, said) = told(part, index());
    assert_eq!((bound, useful[0]), (Bound::Unknown, 2));
    assert!(said[0].contains("not measured yet"), "{said:?}");
}

/// Every combination of problems is reported in one order; "nothing to do" appears only without any.
#[test]
fn what_is_broken_lost_dead_waiting_and_limiting_is_told_in_this_order() {
    let idle = Part { in_hand: 0, rates: Rates { seconds: 60.0, ..Rates::default() }, ..detail(3, 0) };
    let parts = [
        (1, "the broker takes no messages: low on memory"),
        (2, "7 jobs are planned and in no queue"),
        (4, "4,690 dead letters wait for an operator"),
        (8, "92 pages waiting"),
        (16, "1 message is parked"),
    ];
    for set in 0..32_u32 {
        let has = |bit: u32| set & bit != 0;
        let observed = Observed {
            fetch: vec![idle.clone()],
            index: Part { waiting: if has(8) { 92 } else { 0 }, ..index() },
            documents_limit: 1_000,
            parked: u64::from(has(16)),
            broken: if has(1) { vec![parts[0].1.to_owned()] } else { Vec::new() },
            planned: if has(2) { 7 } else { 0 },
            dead: if has(4) { 4_690 } else { 0 },
            ..Observed::default()
        };
        let said = advise(&observed).sentences();
        // Jobs with a planned receipt are not lost while waiting or parked messages may be theirs.
        let told = parts.iter().filter(|(bit, _)| has(*bit) && !(*bit == 2 && (has(8) || has(16))));
        let told: Vec<&str> = told.map(|(_, text)| *text).collect();
        if told.is_empty() {
            assert_eq!(said, ["nothing to do: no job waits, and none is in progress"], "{set:05b}");
            continue;
        }
        assert_eq!(said.len(), told.len(), "{set:05b}: {said:?}");
        for (sentence, text) in said.iter().zip(told) {
            assert!(sentence.contains(text), "{set:05b}: {said:?} lacks {text}");
        }
        assert!(!said.iter().any(|sentence| sentence.contains("nothing to do")), "{said:?}");
    }
}

#[test]
fn one_is_told_as_one() {
    let observed = Observed { index: index(), planned: 1, dead: 1, ..Observed::default() };
    let said = advise(&observed).sentences();
    assert!(
        said[0].starts_with("1 job is planned") && said[1].starts_with("1 dead letter waits"),
        "{said:?}"
    );
    let silent = Observed { index: index(), planned: 1, silent: 1, ..Observed::default() };
    assert_eq!(advise(&silent).lost, 0, "a worker that does not answer may have it");
}

#[test]
fn a_worker_that_is_busy_is_told_although_nothing_waits() {
    let busy = Part { in_hand: 3, ..index() };
    let advice = advise(&Observed { index: busy, documents_limit: 1_000, ..Observed::default() });
    assert_eq!(advice.bound, Bound::Nothing);
    assert_eq!(advice.sentences(), ["index keeps up: 1 runs; more will not be faster"]);
}
