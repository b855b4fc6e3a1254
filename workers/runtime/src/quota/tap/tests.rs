//! A token is good for the moment for which it was given, however late its caller comes to use it.

use super::*;
use crate::quota::wire::Grant;
use crate::quota::{Meter, UNLIMITED};

const MAX_AGE: Duration = Duration::from_millis(250);

fn tap() -> Tap {
    let meter =
        Meter { name: "heavy", per_window: 40.0, window: Duration::from_secs(1), daily: true, strict: true };
    Tap::new(Account {
        source: "zoom",
        label: "main".to_owned(),
        meters: vec![meter],
        share: 0.8,
        per_day: UNLIMITED as u64,
        reserve: 0,
    })
}

/// One token, in answer to a message that is sent now.
fn grant(tap: &Tap, max_age: Duration) {
    let serial = {
        let mut state = tap.state();
        state.number();
        state.want.serial
    };
    let max_age_us = max_age.as_micros() as u64;
    let grant = Grant { term: 7, meter: 0, count: 1, serial, held_us: 0, max_age_us };
    tap.take(&serde_json::to_vec(&Note::Grant(grant)).unwrap());
}

fn counts(tap: &Tap) -> (u64, u64, u64) {
    let mut state = tap.state();
    state.count_callers();
    (state.want.waiting[0], state.want.received[0], state.want.returned[0])
}

/// The runtime has one thread: while a test does not wait, nobody else comes to anything.
#[tokio::test]
async fn a_caller_that_had_no_time_to_use_its_token_gives_it_back_and_is_the_next() {
    let tap = tap();
    let calls = async {
        let late = async {
            tap.acquire(0).await.unwrap();
            "late"
        };
        let after = async {
            tokio::task::yield_now().await;
            tap.acquire(0).await.unwrap();
            "after"
        };
        tokio::pin!(late, after);
        tokio::select! { biased; who = &mut late => who, who = &mut after => who }
    };
    let leads = async {
        while counts(&tap).0 < 2 {
            tokio::task::yield_now().await;
        }
        grant(&tap, MAX_AGE);
        assert_eq!(counts(&tap), (1, 1, 0), "handed to the first of the two");
        std::thread::sleep(MAX_AGE * 2);
        while counts(&tap) != (2, 1, 1) {
            tokio::task::yield_now().await;
        }
        grant(&tap, Duration::from_secs(60));
    };
    let both = async { tokio::join!(calls, leads).0 };
    let first = tokio::time::timeout(Duration::from_secs(20), both).await.expect("a token that is used");
    assert_eq!(first, "late", "who was first stays first");
    assert_eq!(counts(&tap), (0, 2, 1), "one used, one given back");
}

#[tokio::test]
async fn a_token_of_an_earlier_term_is_given_back_to_nobody() {
    let tap = tap();
    tap.state().begin_term(7);
    tap.state().give_back(0, 6);
    assert_eq!(counts(&tap).2, 0);
    tap.state().give_back(0, 7);
    assert_eq!(counts(&tap).2, 1);
}
