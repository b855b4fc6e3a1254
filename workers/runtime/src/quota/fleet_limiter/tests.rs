//! A token is valid only for a short time after its grant, even if its caller is delayed.

use super::*;
use crate::job_priority::JobPriority;
use crate::quota::wire::Grant;
use crate::quota::{RateLimit, UNLIMITED};

const MAX_AGE: Duration = Duration::from_millis(250);

fn limiter() -> FleetLimiter {
    tap_of(40.0, Duration::from_secs(1))
}

fn tap_of(per_window: f64, window: Duration) -> FleetLimiter {
    let limit = RateLimit { name: "heavy", per_window, window, daily: true, strict: true };
    FleetLimiter::new(Account {
        source: "zoom",
        label: "main".to_owned(),
        limits: vec![limit],
        share: 0.8,
        per_day: UNLIMITED as u64,
        reserve: 0,
    })
}

/// Grants one token, in reply to a request that is sent now.
fn grant(limiter: &FleetLimiter, max_age: Duration) {
    let serial = {
        let mut state = limiter.state();
        state.number();
        state.request.serial
    };
    let max_age_us = max_age.as_micros() as u64;
    let grant = Grant { term: 7, limit: 0, count: 1, serial, held_us: 0, max_age_us };
    limiter.take(&serde_json::to_vec(&LeaderMessage::Grant(grant)).unwrap());
}

fn counts(limiter: &FleetLimiter) -> (u64, u64, u64) {
    let mut state = limiter.state();
    state.count_callers();
    (state.request.waiting[0], state.request.received[0], state.request.returned[0])
}

/// The runtime has one thread: other tasks run only while the test awaits.
#[tokio::test]
async fn a_caller_that_had_no_time_to_use_its_token_gives_it_back_and_is_the_next() {
    let limiter = limiter();
    let calls = async {
        let late = async {
            limiter.acquire(0).await.unwrap();
            "late"
        };
        let after = async {
            tokio::task::yield_now().await;
            limiter.acquire(0).await.unwrap();
            "after"
        };
        tokio::pin!(late, after);
        tokio::select! { biased; who = &mut late => who, who = &mut after => who }
    };
    let leads = async {
        while counts(&limiter).0 < 2 {
            tokio::task::yield_now().await;
        }
        grant(&limiter, MAX_AGE);
        assert_eq!(counts(&limiter), (1, 1, 0), "handed to the first of the two");
        std::thread::sleep(MAX_AGE * 2);
        while counts(&limiter) != (2, 1, 1) {
            tokio::task::yield_now().await;
        }
        grant(&limiter, Duration::from_secs(60));
    };
    let both = async { tokio::join!(calls, leads).0 };
    let first = tokio::time::timeout(Duration::from_secs(20), both).await.expect("a token that is used");
    assert_eq!(first, "late", "who was first stays first");
    assert_eq!(counts(&limiter), (0, 2, 1), "one used, one given back");
}

/// The names of jobs in the order of their tokens. Each job requests two, one after the other.
async fn served(limiter: &FleetLimiter) -> Vec<&'static str> {
    let (now, order) = (Instant::now(), Mutex::new(Vec::new()));
    let job = |name, lane, age: u64| {
        let priority = JobPriority::started(now + Duration::from_secs(1_000 - age), lane);
        let order = &order;
        priority.scope(async move {
            for _ in 0..2 {
                limiter.acquire(0).await.unwrap();
                order.lock().unwrap().push(name);
            }
        })
    };
    let jobs = async {
        tokio::join!(job("young", 1, 1), job("replay", 2, 120), job("old", 1, 60), job("daily", 0, 0))
    };
    let leads = async {
        // All jobs wait before the first token arrives, and a served job waits again before the next.
        for _ in 0..8 {
            while counts(limiter).0 == 0 {
                tokio::task::yield_now().await;
            }
            grant(limiter, Duration::from_secs(60));
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(jobs, leads) }).await.expect("tokens");
    order.into_inner().unwrap()
}

#[tokio::test]
async fn where_calls_are_few_jobs_are_served_one_after_the_other_and_elsewhere_they_take_turns() {
    let slow = served(&tap_of(20.0, Duration::from_secs(60))).await;
    assert_eq!(slow, ["daily", "daily", "old", "old", "young", "young", "replay", "replay"]);
    let fast = served(&limiter()).await;
    assert_eq!(fast[..4], ["young", "replay", "old", "daily"]);
}

#[tokio::test]
async fn a_token_of_an_earlier_term_is_given_back_to_nobody() {
    let limiter = limiter();
    limiter.state().begin_term(7);
    limiter.state().give_back(0, 6);
    assert_eq!(counts(&limiter).2, 0);
    limiter.state().give_back(0, 7);
    assert_eq!(counts(&limiter).2, 1);
}
