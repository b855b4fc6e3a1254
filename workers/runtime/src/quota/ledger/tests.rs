//! The state machine, with both clocks in hand.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn account() -> Account {
    let second = Duration::from_secs(1);
    let meter = |name, per_window, window, daily| Meter { name, per_window, window, daily, strict: true };
    Account {
        source: "zoom",
        label: "main".into(),
        meters: vec![
            meter("light", 80.0, second, false),
            meter("heavy", 40.0, second, true),
            meter("resource-intensive", 20.0, second * 60, true),
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

/// A day of so few calls that it is soon spent.
fn short_day(per_day: u64) -> Ledger {
    Ledger::unkept(Account { per_day, share: 1.0, ..account() }, at(0.0))
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
    assert_eq!(ledger.news(0, time("2026-01-03T00:00:01Z", 60_001.0)).meters[HEAVY].used, Some(1));
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
    let mut ledger = Ledger::unkept(account(), at(0.0));
    ledger.obey(used(47_999, None), at(1.0)).unwrap();
    ledger.obey(used(47_999, None), at(2.0)).unwrap();
    ledger.obey(used(47_000, None), at(2.0)).unwrap();
    assert_eq!(ledger.draw(HEAVY, at(3.0)), Draw::Granted);
    let why = held(ledger.draw(HEAVY, at(4.0))).why;
    assert_eq!(why, "daily limit, 48,000 of 48,000 used, 47,999 of them by the API's word");
    for _ in 0..2 {
        ledger.obey(used(u64::MAX, None), at(5.0)).unwrap();
    }
    assert_eq!(ledger.news(0, at(5.0)).meters[HEAVY].used, Some(60_000), "more than there is, is a mistake");
}

fn used(used: u64, day: Option<&str>) -> Order {
    Order::Observed { used: Some(used), day: day.map(|day| day.parse().unwrap()), skew_ms: None }
}

fn used_today(ledger: &mut Ledger, now: Now) -> u64 {
    ledger.news(0, now).meters[HEAVY].used.unwrap()
}

#[test]
fn one_answer_that_says_the_day_is_used_up_does_not_hold_it() {
    let mut ledger = Ledger::unkept(account(), at(0.0));
    // A lie, the truth, another lie; then two that agree, calls having gone on in between.
    for (told, seen) in [(60_000, 0), (0, 0), (60_000, 0), (9_000, 0), (9_300, 9_300), (9_000, 9_300)] {
        ledger.obey(used(told, None), at(1.0)).unwrap();
        assert_eq!(used_today(&mut ledger, at(1.0)), seen, "{told}");
    }
}

#[test]
fn what_the_api_says_twice_is_overruled_by_hand_alone() {
    let mut ledger = Ledger::unkept(account(), at(0.0));
    assert_eq!(ledger.draw(HEAVY, at(1.0)), Draw::Granted);
    for _ in 0..2 {
        ledger.obey(used(60_000, None), at(1.0)).unwrap();
    }
    held(ledger.draw(HEAVY, at(2.0)));
    ledger.obey(Order::Resume { meters: vec!["heavy".into()] }, at(3.0)).unwrap();
    assert_eq!(used_today(&mut ledger, at(3.0)), 1, "our own count stands");
    assert_eq!(ledger.draw(HEAVY, at(4.0)), Draw::Granted);
}

#[test]
fn an_answer_of_yesterday_says_nothing_of_today() {
    let mut ledger = Ledger::unkept(account(), time("2026-01-02T23:59:00Z", 0.0));
    let past_midnight = time("2026-01-03T00:00:01Z", 61.0);
    for order in [used(47_000, Some("2026-01-02")), used(47_000, None)] {
        for _ in 0..2 {
            ledger.obey(order.clone(), past_midnight).unwrap();
        }
        assert_eq!(used_today(&mut ledger, past_midnight), 0);
    }
    // Said before midnight and again after it.
    ledger.obey(used(900, Some("2026-01-03")), past_midnight).unwrap();
    assert_eq!(used_today(&mut ledger, past_midnight), 0);
    ledger.obey(used(905, Some("2026-01-03")), past_midnight).unwrap();
    assert_eq!(used_today(&mut ledger, past_midnight), 905);
    let later = time("2026-01-03T00:03:00Z", 240.0);
    for _ in 0..2 {
        ledger.obey(used(2_000, None), later).unwrap();
    }
    assert_eq!(used_today(&mut ledger, later), 2_000, "by then it is of today, whoever does not say so");
}

#[test]
fn a_new_leader_goes_on_with_the_room_of_the_last() {
    let mut ledger = Ledger::new(account(), Book::default(), at(0.0));
    ledger.has_kept(&ledger.to_keep().unwrap());
    ledger.keeping();
    ledger.hear_way(Some(0.2), at(1.0));
    ledger.hear_way(Some(0.2), at(3.0));
    let far = ledger.pace_of(HEAVY);
    assert!(far.rate < 30.0 && far.max_age == Duration::from_millis(300), "{far:?}");
    let book = ledger.to_keep().expect("the room is kept");
    let mut next = Ledger::new(account(), book, at(0.0));
    assert_eq!(next.pace_of(HEAVY), far);
    // The fleet came nearer: tokens are thrown away sooner first, and only then there are more of them.
    next.hear_way(Some(0.001), at(10.0));
    next.hear_way(Some(0.001), at(70.0));
    assert!(next.pace_of(HEAVY).rate == far.rate && next.pace_of(HEAVY).max_age < far.max_age);
    next.hear_way(Some(0.001), at(134.0));
    assert_eq!(next.pace_of(HEAVY), Pace::new(&account().meters[HEAVY], 0.8));
}

#[test]
fn a_day_the_api_says_is_spent_is_held_until_the_time_it_names() {
    let midnight = "2026-01-03T00:00:00Z";
    for (named, kept) in [
        (Some("2026-01-02T23:00:00Z"), "2026-01-02T23:00:00Z"),
        (Some("2020-05-31T00:00:00Z"), midnight),
        (Some("2026-02-01T00:00:00Z"), midnight),
        (None, midnight),
        // The day that this ended is over: it was said a moment too late, or is told again long after.
        (Some("2026-01-02T00:00:00Z"), "2026-01-02T10:00:11Z"),
    ] {
        let mut ledger = Ledger::unkept(account(), at(0.0));
        let until = named.map(|named| named.parse().unwrap());
        ledger.obey(Order::Spent { until }, at(1.0)).unwrap();
        assert_eq!(held(ledger.draw(HEAVY, at(2.0))).until, Some(kept.parse().unwrap()));
        assert_eq!(ledger.draw(HEAVY, time(kept, 70_000.0)), Draw::Granted);
    }
}

#[test]
fn a_new_day_is_not_spent_because_the_old_one_was() {
    for named in [Some("2026-01-03T00:00:00Z"), None] {
        let mut ledger = Ledger::unkept(account(), at(0.0));
        // Our clock is a moment ahead of the API's: there it is still the second before midnight.
        let new_day = time("2026-01-03T00:00:00.1Z", 50_400.1);
        ledger.obey(Order::Spent { until: named.map(|named| named.parse().unwrap()) }, new_day).unwrap();
        let later = time("2026-01-03T00:00:01Z", 50_401.0);
        assert_eq!(held(ledger.draw(HEAVY, later)).until, Some("2026-01-03T00:00:10.1Z".parse().unwrap()));
        assert_eq!(ledger.draw(HEAVY, time("2026-01-03T00:00:11Z", 50_411.0)), Draw::Granted);
    }
    // Two minutes into it, it is what is meant.
    let mut ledger = Ledger::unkept(account(), at(0.0));
    ledger.obey(Order::Spent { until: None }, time("2026-01-03T00:02:00Z", 50_520.0)).unwrap();
    let later = time("2026-01-03T00:02:01Z", 50_521.0);
    assert_eq!(held(ledger.draw(HEAVY, later)).until, Some("2026-01-04T00:00:00Z".parse().unwrap()));
}

#[test]
fn pauses_end_by_their_time_or_by_hand() {
    let mut ledger = Ledger::unkept(account(), at(0.0));
    let order = |until| Order::Pause { meters: vec!["heavy".into()], pause: pause(until) };
    assert!(ledger.obey(order(Some("2026-01-02T09:00:00Z")), at(1.0)).unwrap_err().contains("over already"));
    ledger.obey(order(Some("2026-01-02T10:01:00Z")), at(1.0)).unwrap();
    assert_eq!(held(ledger.draw(HEAVY, at(2.0))).why, "moving house");
    assert_eq!(ledger.draw(LISTS, at(10.0)), Draw::Granted, "the others go on");
    assert_eq!(ledger.draw(HEAVY, at(60.0)), Draw::Granted);
    ledger.obey(order(None), at(61.0)).unwrap();
    assert_eq!(held(ledger.draw(HEAVY, time("2026-03-02T10:00:00Z", 1e7))).until, None);
    ledger.obey(Order::Resume { meters: vec!["heavy".into()] }, time("2026-03-02T10:00:00Z", 1e7)).unwrap();
    assert_eq!(ledger.draw(HEAVY, time("2026-03-02T10:00:01Z", 1e7 + 1.0)), Draw::Granted);
    assert!(
        ledger.obey(Order::Resume { meters: vec!["huge".into()] }, at(1e7)).unwrap_err().contains("light")
    );
}

#[test]
fn shares_and_the_reserve_change_at_once_and_bad_ones_are_refused() {
    let mut ledger = Ledger::unkept(account(), at(0.0));
    let set = |share, reserve| Order::Set { shares: BTreeMap::from([("heavy".to_owned(), share)]), reserve };
    for bad in [0.0, -0.5, 1.01, f64::NAN] {
        assert!(ledger.obey(set(Some(bad), None), at(1.0)).is_err(), "{bad}");
    }
    assert!(ledger.obey(set(Some(0.5), Some(Some(60_000))), at(1.0)).is_err());
    assert_eq!(ledger.news(0, at(1.0)).meters[HEAVY].share, 0.8, "a refused order changes nothing");
    ledger.obey(set(Some(0.5), Some(Some(40_000))), at(1.0)).unwrap();
    let news = ledger.news(0, at(1.0));
    assert_eq!((news.meters[HEAVY].per_minute, news.meters[HEAVY].allowed), (1_200.0, Some(20_000)));
    assert_eq!((news.meters[LISTS].share, news.reserve), (0.8, 40_000));
    ledger.obey(set(None, Some(None)), at(2.0)).unwrap();
    assert_eq!(ledger.news(0, at(2.0)).meters[HEAVY].allowed, Some(48_000));
}

#[test]
fn nothing_is_given_out_that_is_not_counted_in_what_is_kept() {
    let mut ledger = Ledger::new(account(), Book::default(), at(0.0));
    assert_eq!(ledger.draw(HEAVY, at(1.0)), Draw::Unkept);
    let mut kept = Book::default();
    let mut given = 0;
    for step in 0..4_000 {
        let now = at(1.0 + f64::from(step) / 100.0);
        match ledger.draw(HEAVY, now) {
            Draw::Granted => given += 1,
            Draw::Unkept => {
                kept = ledger.to_keep().expect("something to keep");
                ledger.keeping();
                ledger.has_kept(&kept);
            }
            Draw::Wait(_) => {}
            Draw::Held(pause) => panic!("{pause:?}"),
        }
        assert!(given <= kept.used, "a crash would leave too low a count");
    }
    assert!(given > 1_000 && kept.used - given < 100, "{given} {}", kept.used);
    let mut next = Ledger::new(account(), kept.clone(), at(50.0));
    assert_eq!(next.news(0, at(50.0)).meters[HEAVY].used, Some(kept.used));
}

#[test]
fn the_apis_clock_decides_when_the_day_ends() {
    let mut ledger = short_day(1);
    assert_eq!(ledger.draw(HEAVY, at(10.0)), Draw::Granted);
    let told = |skew_ms| Order::Observed { used: None, day: None, skew_ms: Some(skew_ms) };
    // Thirteen hours and fifty-nine minutes ahead: 23:59 there.
    let skew = (13 * 60 + 59) * 60_000;
    ledger.obey(told(skew), at(11.0)).unwrap();
    assert_eq!(ledger.news(0, at(11.0)).skew_ms, 0, "once is not believed");
    ledger.obey(told(skew + 500), at(12.0)).unwrap();
    assert_eq!(ledger.news(0, at(12.0)).skew_ms, skew + 500);
    let until = held(ledger.draw(HEAVY, at(13.0))).until.unwrap();
    let left = until.duration_since(at(0.0).time).as_secs();
    assert!((55..=60).contains(&left), "midnight there is in a minute: {left}");
    assert_eq!(ledger.draw(HEAVY, at(61.0)), Draw::Granted);
    // Back by a little, for example by an answer that came late: the day does not begin anew a second time.
    for _ in 0..2 {
        ledger.obey(told(skew - 60_000), at(62.0)).unwrap();
    }
    held(ledger.draw(HEAVY, at(63.0)));
}

#[test]
fn a_day_that_a_wrong_clock_began_too_early_is_taken_back_with_its_count() {
    let mut ledger = Ledger::new(Account { per_day: 10, share: 1.0, ..account() }, Book::default(), at(0.0));
    let keep = |ledger: &mut Ledger| {
        let book = ledger.to_keep().expect("something to keep");
        ledger.keeping();
        ledger.has_kept(&book);
    };
    keep(&mut ledger);
    for second in 0..8 {
        assert_eq!(ledger.draw(HEAVY, at(10.0 + f64::from(second))), Draw::Granted);
    }
    // This clock is put an hour ahead of 23:05: by it, the next day has begun.
    let early = |seconds| time("2026-01-03T00:05:00Z", seconds);
    assert_eq!(ledger.draw(HEAVY, early(30.0)), Draw::Unkept, "of the new day nothing is kept");
    keep(&mut ledger);
    assert_eq!(ledger.draw(HEAVY, early(31.0)), Draw::Granted);
    let behind = Order::Observed { used: None, day: None, skew_ms: Some(-3_600_000) };
    ledger.obey(behind.clone(), early(32.0)).unwrap();
    assert_eq!(used_today(&mut ledger, early(32.0)), 1, "once is not believed");
    ledger.obey(behind.clone(), early(33.0)).unwrap();
    let news = ledger.news(0, early(33.0));
    assert_eq!((news.day.to_string().as_str(), news.meters[HEAVY].used), ("2026-01-02", Some(9)));
    assert_eq!(ledger.draw(HEAVY, early(34.0)), Draw::Unkept, "what is kept is the other day's");
    keep(&mut ledger);
    assert_eq!(ledger.draw(HEAVY, early(35.0)), Draw::Granted);
    let until = held(ledger.draw(HEAVY, early(36.0))).until;
    assert_eq!(until, Some("2026-01-03T01:00:00Z".parse().unwrap()), "midnight there, by this clock");
    assert_eq!(ledger.news(0, time("2026-01-03T01:00:00Z", 3_400.0)).meters[HEAVY].used, Some(0));
}

#[test]
fn a_skew_that_another_clock_measured_says_nothing_of_this_one() {
    let book = Book { skew_ms: 3_600_000, clock: "a".to_owned(), ..Book::default() };
    assert_eq!(book.clone().on("a".to_owned()).skew_ms, 3_600_000);
    let taken = book.on("b".to_owned());
    assert_eq!((taken.skew_ms, taken.clock.as_str()), (0, "b"));
}

proptest! {
    /// Whatever happens in whatever order, no more is given out in a day than it allows.
    #[test]
    fn the_days_count_is_never_exceeded(steps in prop::collection::vec((0_u8..6, 0.0_f64..2.0), 1..400)) {
        let mut ledger = Ledger::unkept(Account { per_day: 50, ..account() }, at(0.0));
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
                4 => ledger.obey(used(given - back, None), now).unwrap(),
                _ => ledger.obey(Order::Resume { meters: vec!["heavy".into()] }, now).unwrap(),
            }
            prop_assert!(given - back <= 40, "{given} {back}");
        }
    }
}
