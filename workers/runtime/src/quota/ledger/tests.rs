//! Tests of the state machine with both clocks passed in.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn account() -> Account {
    let second = Duration::from_secs(1);
    let limit = |name, per_window, window, daily| RateLimit { name, per_window, window, daily, strict: true };
    Account {
        source: "zoom",
        label: "main".into(),
        limits: vec![
            limit("light", 80.0, second, false),
            limit("heavy", 40.0, second, true),
            limit("resource-intensive", 20.0, second * 60, true),
        ],
        share: 0.8,
        per_day: 60_000,
        reserve: 0,
    }
}

const LIGHT: usize = 0;
const HEAVY: usize = 1;
const LISTS: usize = 2;

fn at(seconds: f64) -> Now {
    let begin: Timestamp = "2026-01-02T10:00:00Z".parse().unwrap();
    Now { seconds, time: begin + SignedDuration::from_secs_f64(seconds) }
}

fn time(text: &str, seconds: f64) -> Now {
    Now { seconds, time: text.parse().unwrap() }
}

/// A ledger with few calls per day, which are soon spent.
fn short_day(per_day: u64) -> Ledger {
    Ledger::in_memory(Account { per_day, share: 1.0, ..account() }, at(0.0))
}

fn held(draw: Draw) -> Pause {
    let Draw::Held(pause) = draw else { panic!("not held: {draw:?}") };
    pause
}

fn pause(until: Option<&str>) -> Pause {
    Pause { until: until.map(|until| until.parse().unwrap()), why: "moving house".into() }
}

#[test]
fn a_day_that_is_used_up_holds_until_midnight_and_begins_anew() {
    let mut ledger = short_day(2);
    assert_eq!(ledger.draw(HEAVY, at(10.0)), Draw::Granted);
    assert_eq!(ledger.draw(LISTS, at(20.0)), Draw::Granted);
    let spent = held(ledger.draw(HEAVY, at(30.0)));
    assert_eq!(spent.until, Some("2026-01-03T00:00:00Z".parse().unwrap()));
    assert_eq!(spent.why, "daily limit, 2 of 2 used");
    assert!(matches!(ledger.draw(LISTS, at(30.0)), Draw::Held(_)), "they share the day");
    assert_eq!(ledger.draw(LIGHT, at(30.0)), Draw::Granted, "and light calls have none");
    assert_eq!(ledger.draw(HEAVY, time("2026-01-03T00:00:00Z", 60_000.0)), Draw::Granted);
    assert_eq!(ledger.status(0, time("2026-01-03T00:00:01Z", 60_001.0)).limits[HEAVY].used, Some(1));
}

#[test]
fn a_token_that_came_back_is_not_counted() {
    let mut ledger = short_day(2);
    assert_eq!(ledger.draw(HEAVY, at(10.0)), Draw::Granted);
    ledger.give_back(HEAVY, 1, false);
    assert_eq!(ledger.draw(HEAVY, at(20.0)), Draw::Granted);
    assert_eq!(ledger.draw(HEAVY, at(30.0)), Draw::Granted);
    held(ledger.draw(HEAVY, at(40.0)));
}

#[test]
fn the_accounts_count_wins_where_it_is_higher() {
    let mut ledger = Ledger::in_memory(account(), at(0.0));
    ledger.execute(used(47_999, None), at(1.0)).unwrap();
    ledger.execute(used(47_999, None), at(2.0)).unwrap();
    ledger.execute(used(47_000, None), at(2.0)).unwrap();
    assert_eq!(ledger.draw(HEAVY, at(3.0)), Draw::Granted);
    let why = held(ledger.draw(HEAVY, at(4.0))).why;
    assert_eq!(why, "daily limit, 48,000 of 48,000 used, 47,999 of them by the API's word");
    for _ in 0..2 {
        ledger.execute(used(u64::MAX, None), at(5.0)).unwrap();
    }
    assert_eq!(
        ledger.status(0, at(5.0)).limits[HEAVY].used,
        Some(60_000),
        "more than there is, is a mistake"
    );
}

fn used(used: u64, day: Option<&str>) -> QuotaCommand {
    QuotaCommand::Observed { used: Some(used), day: day.map(|day| day.parse().unwrap()), skew_ms: None }
}

fn used_today(ledger: &mut Ledger, now: Now) -> u64 {
    ledger.status(0, now).limits[HEAVY].used.unwrap()
}

#[test]
fn one_answer_that_says_the_day_is_used_up_does_not_hold_it() {
    let mut ledger = Ledger::in_memory(account(), at(0.0));
    // A wrong count, the true one, another wrong one; then two that agree, with calls in between.
    for (told, seen) in [(60_000, 0), (0, 0), (60_000, 0), (9_000, 0), (9_300, 9_300), (9_000, 9_300)] {
        ledger.execute(used(told, None), at(1.0)).unwrap();
        assert_eq!(used_today(&mut ledger, at(1.0)), seen, "{told}");
    }
}

#[test]
fn what_the_api_says_twice_is_overruled_by_hand_alone() {
    let mut ledger = Ledger::in_memory(account(), at(0.0));
    assert_eq!(ledger.draw(HEAVY, at(1.0)), Draw::Granted);
    for _ in 0..2 {
        ledger.execute(used(60_000, None), at(1.0)).unwrap();
    }
    held(ledger.draw(HEAVY, at(2.0)));
    ledger.execute(QuotaCommand::Resume { limits: vec!["heavy".into()] }, at(3.0)).unwrap();
    assert_eq!(used_today(&mut ledger, at(3.0)), 1, "our own count stands");
    assert_eq!(ledger.draw(HEAVY, at(4.0)), Draw::Granted);
}

#[test]
fn an_answer_of_yesterday_says_nothing_of_today() {
    let mut ledger = Ledger::in_memory(account(), time("2026-01-02T23:59:00Z", 0.0));
    let past_midnight = time("2026-01-03T00:00:01Z", 61.0);
    for command in [used(47_000, Some("2026-01-02")), used(47_000, None)] {
        for _ in 0..2 {
            ledger.execute(command.clone(), past_midnight).unwrap();
        }
        assert_eq!(used_today(&mut ledger, past_midnight), 0);
    }
    // Reported before midnight and again after it.
    ledger.execute(used(900, Some("2026-01-03")), past_midnight).unwrap();
    assert_eq!(used_today(&mut ledger, past_midnight), 0);
    ledger.execute(used(905, Some("2026-01-03")), past_midnight).unwrap();
    assert_eq!(used_today(&mut ledger, past_midnight), 905);
    let later = time("2026-01-03T00:03:00Z", 240.0);
    for _ in 0..2 {
        ledger.execute(used(2_000, None), later).unwrap();
    }
    assert_eq!(used_today(&mut ledger, later), 2_000, "by then it is of today, whoever does not say so");
}

#[test]
fn a_new_leader_goes_on_with_the_room_of_the_last() {
    let mut ledger = Ledger::new(account(), QuotaState::default(), at(0.0));
    ledger.persisted(&ledger.to_persist().unwrap());
    ledger.persisting();
    ledger.observe_latency(Some(0.2), at(1.0));
    ledger.observe_latency(Some(0.2), at(3.0));
    let far = ledger.pace_of(HEAVY);
    assert!(far.rate < 30.0 && far.max_age == Duration::from_millis(300), "{far:?}");
    let state = ledger.to_persist().expect("the room is kept");
    let mut next = Ledger::new(account(), state, at(0.0));
    assert_eq!(next.pace_of(HEAVY), far);
    // Latency falls: first tokens expire sooner, and only later the rate rises.
    next.observe_latency(Some(0.001), at(10.0));
    next.observe_latency(Some(0.001), at(70.0));
    assert!(next.pace_of(HEAVY).rate == far.rate && next.pace_of(HEAVY).max_age < far.max_age);
    next.observe_latency(Some(0.001), at(134.0));
    assert_eq!(next.pace_of(HEAVY), Pace::new(&account().limits[HEAVY], 0.8));
}

#[test]
fn a_day_the_api_says_is_spent_is_held_until_the_time_it_names() {
    let midnight = "2026-01-03T00:00:00Z";
    for (named, kept) in [
        (Some("2026-01-02T23:00:00Z"), "2026-01-02T23:00:00Z"),
        (Some("2020-05-31T00:00:00Z"), midnight),
        (Some("2026-02-01T00:00:00Z"), midnight),
        (None, midnight),
        // The day that ended then is over: the report came late or is repeated.
        (Some("2026-01-02T00:00:00Z"), "2026-01-02T10:00:11Z"),
    ] {
        let mut ledger = Ledger::in_memory(account(), at(0.0));
        let until = named.map(|named| named.parse().unwrap());
        ledger.execute(QuotaCommand::Spent { until }, at(1.0)).unwrap();
        assert_eq!(held(ledger.draw(HEAVY, at(2.0))).until, Some(kept.parse().unwrap()));
        assert_eq!(ledger.draw(HEAVY, time(kept, 70_000.0)), Draw::Granted);
    }
}

#[test]
fn a_new_day_is_not_spent_because_the_old_one_was() {
    for named in [Some("2026-01-03T00:00:00Z"), None] {
        let mut ledger = Ledger::in_memory(account(), at(0.0));
        // Our clock is slightly ahead: by the API's clock it is still before midnight.
        let new_day = time("2026-01-03T00:00:00.1Z", 50_400.1);
        ledger
            .execute(QuotaCommand::Spent { until: named.map(|named| named.parse().unwrap()) }, new_day)
            .unwrap();
        let later = time("2026-01-03T00:00:01Z", 50_401.0);
        assert_eq!(held(ledger.draw(HEAVY, later)).until, Some("2026-01-03T00:00:10.1Z".parse().unwrap()));
        assert_eq!(ledger.draw(HEAVY, time("2026-01-03T00:00:11Z", 50_411.0)), Draw::Granted);
    }
    // After 2 minutes, the report means the new day.
    let mut ledger = Ledger::in_memory(account(), at(0.0));
    ledger.execute(QuotaCommand::Spent { until: None }, time("2026-01-03T00:02:00Z", 50_520.0)).unwrap();
    let later = time("2026-01-03T00:02:01Z", 50_521.0);
    assert_eq!(held(ledger.draw(HEAVY, later)).until, Some("2026-01-04T00:00:00Z".parse().unwrap()));
}

#[test]
fn pauses_end_by_their_time_or_by_hand() {
    let mut ledger = Ledger::in_memory(account(), at(0.0));
    let command = |until| QuotaCommand::Pause { limits: vec!["heavy".into()], pause: pause(until) };
    assert!(
        ledger.execute(command(Some("2026-01-02T09:00:00Z")), at(1.0)).unwrap_err().contains("over already")
    );
    ledger.execute(command(Some("2026-01-02T10:01:00Z")), at(1.0)).unwrap();
    assert_eq!(held(ledger.draw(HEAVY, at(2.0))).why, "moving house");
    assert_eq!(ledger.draw(LISTS, at(10.0)), Draw::Granted, "the others go on");
    assert_eq!(ledger.draw(HEAVY, at(60.0)), Draw::Granted);
    ledger.execute(command(None), at(61.0)).unwrap();
    assert_eq!(held(ledger.draw(HEAVY, time("2026-03-02T10:00:00Z", 1e7))).until, None);
    ledger
        .execute(QuotaCommand::Resume { limits: vec!["heavy".into()] }, time("2026-03-02T10:00:00Z", 1e7))
        .unwrap();
    assert_eq!(ledger.draw(HEAVY, time("2026-03-02T10:00:01Z", 1e7 + 1.0)), Draw::Granted);
    assert!(
        ledger
            .execute(QuotaCommand::Resume { limits: vec!["huge".into()] }, at(1e7))
            .unwrap_err()
            .contains("light")
    );
}

#[test]
fn shares_and_the_reserve_change_at_once_and_bad_ones_are_refused() {
    let mut ledger = Ledger::in_memory(account(), at(0.0));
    let set =
        |share, reserve| QuotaCommand::Set { shares: BTreeMap::from([("heavy".to_owned(), share)]), reserve };
    for bad in [0.0, -0.5, 1.01, f64::NAN] {
        assert!(ledger.execute(set(Some(bad), None), at(1.0)).is_err(), "{bad}");
    }
    assert!(ledger.execute(set(Some(0.5), Some(Some(60_000))), at(1.0)).is_err());
    assert_eq!(ledger.status(0, at(1.0)).limits[HEAVY].share, 0.8, "a refused command changes nothing");
    ledger.execute(set(Some(0.5), Some(Some(40_000))), at(1.0)).unwrap();
    let status = ledger.status(0, at(1.0));
    assert_eq!((status.limits[HEAVY].per_minute, status.limits[HEAVY].allowed), (1_200.0, Some(20_000)));
    assert_eq!((status.limits[LISTS].share, status.reserve), (0.8, 40_000));
    ledger.execute(set(None, Some(None)), at(2.0)).unwrap();
    assert_eq!(ledger.status(0, at(2.0)).limits[HEAVY].allowed, Some(48_000));
}

#[test]
fn nothing_is_given_out_that_is_not_counted_in_what_is_kept() {
    let mut ledger = Ledger::new(account(), QuotaState::default(), at(0.0));
    assert_eq!(ledger.draw(HEAVY, at(1.0)), Draw::NeedsPersist);
    let mut kept = QuotaState::default();
    let mut given = 0;
    for step in 0..4_000 {
        let now = at(1.0 + f64::from(step) / 100.0);
        match ledger.draw(HEAVY, now) {
            Draw::Granted => given += 1,
            Draw::NeedsPersist => {
                kept = ledger.to_persist().expect("something to keep");
                ledger.persisting();
                ledger.persisted(&kept);
            }
            Draw::Wait(_) => {}
            Draw::Held(pause) => panic!("{pause:?}"),
        }
        assert!(given <= kept.used, "a crash would leave too low a count");
    }
    assert!(given > 1_000 && kept.used - given < 100, "{given} {}", kept.used);
    let mut next = Ledger::new(account(), kept.clone(), at(50.0));
    assert_eq!(next.status(0, at(50.0)).limits[HEAVY].used, Some(kept.used));
}

#[test]
fn the_apis_clock_decides_when_the_day_ends() {
    let mut ledger = short_day(1);
    assert_eq!(ledger.draw(HEAVY, at(10.0)), Draw::Granted);
    let told = |skew_ms| QuotaCommand::Observed { used: None, day: None, skew_ms: Some(skew_ms) };
    // The API's clock is 13:59 h ahead, at 23:59.
    let skew = (13 * 60 + 59) * 60_000;
    ledger.execute(told(skew), at(11.0)).unwrap();
    assert_eq!(ledger.status(0, at(11.0)).skew_ms, 0, "once is not believed");
    ledger.execute(told(skew + 500), at(12.0)).unwrap();
    assert_eq!(ledger.status(0, at(12.0)).skew_ms, skew + 500);
    let until = held(ledger.draw(HEAVY, at(13.0))).until.unwrap();
    let left = until.duration_since(at(0.0).time).as_secs();
    assert!((55..=60).contains(&left), "midnight there is in a minute: {left}");
    assert_eq!(ledger.draw(HEAVY, at(61.0)), Draw::Granted);
    // Back by a little, for example by a late response: the day does not start a second time.
    for _ in 0..2 {
        ledger.execute(told(skew - 60_000), at(62.0)).unwrap();
    }
    held(ledger.draw(HEAVY, at(63.0)));
}

#[test]
fn a_day_that_a_wrong_clock_began_too_early_is_taken_back_with_its_count() {
    let mut ledger =
        Ledger::new(Account { per_day: 10, share: 1.0, ..account() }, QuotaState::default(), at(0.0));
    let keep = |ledger: &mut Ledger| {
        let state = ledger.to_persist().expect("something to keep");
        ledger.persisting();
        ledger.persisted(&state);
    };
    keep(&mut ledger);
    for second in 0..8 {
        assert_eq!(ledger.draw(HEAVY, at(10.0 + f64::from(second))), Draw::Granted);
    }
    // Our clock is set forward by an hour at 23:05, so by it the next day has begun.
    let early = |seconds| time("2026-01-03T00:05:00Z", seconds);
    assert_eq!(ledger.draw(HEAVY, early(30.0)), Draw::NeedsPersist, "of the new day nothing is kept");
    keep(&mut ledger);
    assert_eq!(ledger.draw(HEAVY, early(31.0)), Draw::Granted);
    let behind = QuotaCommand::Observed { used: None, day: None, skew_ms: Some(-3_600_000) };
    ledger.execute(behind.clone(), early(32.0)).unwrap();
    assert_eq!(used_today(&mut ledger, early(32.0)), 1, "once is not believed");
    ledger.execute(behind.clone(), early(33.0)).unwrap();
    let status = ledger.status(0, early(33.0));
    assert_eq!((status.day.to_string().as_str(), status.limits[HEAVY].used), ("2026-01-02", Some(9)));
    assert_eq!(ledger.draw(HEAVY, early(34.0)), Draw::NeedsPersist, "what is kept is the other day's");
    keep(&mut ledger);
    assert_eq!(ledger.draw(HEAVY, early(35.0)), Draw::Granted);
    let until = held(ledger.draw(HEAVY, early(36.0))).until;
    assert_eq!(until, Some("2026-01-03T01:00:00Z".parse().unwrap()), "midnight there, by this clock");
    assert_eq!(ledger.status(0, time("2026-01-03T01:00:00Z", 3_400.0)).limits[HEAVY].used, Some(0));
}

#[test]
fn a_skew_that_another_clock_measured_says_nothing_of_this_one() {
    let state = QuotaState { skew_ms: 3_600_000, clock: "a".to_owned(), ..QuotaState::default() };
    assert_eq!(state.clone().on("a".to_owned()).skew_ms, 3_600_000);
    let taken = state.on("b".to_owned());
    assert_eq!((taken.skew_ms, taken.clock.as_str()), (0, "b"));
}

proptest! {
    /// In any order of steps, a day never grants more than its quota.
    #[test]
    fn the_days_count_is_never_exceeded(steps in prop::collection::vec((0_u8..6, 0.0_f64..2.0), 1..400)) {
        let mut ledger = Ledger::in_memory(Account { per_day: 50, ..account() }, at(0.0));
        let (mut seconds, mut given, mut back) = (0.0, 0_u64, 0_u64);
        for (step, passed) in steps {
            seconds += passed;
            let now = at(seconds);
            match step {
                0 | 1 => given += u64::from(ledger.draw(HEAVY, now) == Draw::Granted),
                2 => given += u64::from(ledger.draw(LISTS, now) == Draw::Granted),
                3 if back < given => {
                    ledger.give_back(HEAVY, 1, false);
                    back += 1;
                }
                4 => ledger.execute(used(given - back, None), now).unwrap(),
                _ => ledger.execute(QuotaCommand::Resume { limits: vec!["heavy".into()] }, now).unwrap(),
            }
            prop_assert!(given - back <= 40, "{given} {back}");
        }
    }
}
