//! The rate of a limit's tokens, such that no sliding window at the server exceeds its quota while calls are late
//! within bounds. Pure: the time is passed in.

use std::time::Duration;

use super::RateLimit;
use super::latency::LatencyAllowance;

/// Seconds by which timers wake late on a busy machine. Tokens due meanwhile are not lost.
const LATENESS: f64 = 0.08;
/// Minimum lateness that the rate leaves room for, as a fraction of the window.
const LEAST_ROOM: f64 = 0.05;
/// Maximum age of a token in seconds, whatever the room.
const OLDEST: f64 = 2.0;
/// Seconds that a call without a connection waits: a DNS lookup and three round trips for TCP and TLS to another
/// continent.
const CONNECT: f64 = 0.3;
/// Seconds after the first call in which connections are opened.
const FIRST_CALLS: f64 = 1.0;
/// Seconds after which idle connections may be closed.
const IDLE: f64 = 5.0;

/// The rate of a limit's tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Tokens per second.
    pub rate: f64,
    /// Tokens per second for the first calls after a pause. Calls that wait for a connection arrive together with
    /// later ones, as if the window were longer by that wait.
    pub first_rate: f64,
    /// Maximum content of a bucket, in tokens with fractions.
    pub depth: f64,
    /// Maximum age of a token at its use. The same time is left for the call's own latency.
    pub max_age: Duration,
}

impl Pace {
    /// Computes the pace of a share of a limit.
    ///
    /// Calls that are up to `late` seconds behind their tokens are at most `depth + rate * (window + late)` in a
    /// window. The pace keeps that within the quota, with as much room for `late` as the share leaves. A share near 1
    /// leaves none, so a strict limit then gets a lower rate.
    pub fn new(limit: &RateLimit, share: f64) -> Self {
        let (full, window) = (limit.per_window, limit.window.as_secs_f64());
        let rate = share * full / window;
        if !limit.strict {
            return Self { rate, first_rate: rate, depth: 1.0 + rate * LATENESS, max_age: seconds(OLDEST) };
        }
        let first_rate = |rate: f64| rate * window / (window + CONNECT);
        let room = full - 1.0 - rate * window;
        let spare = (rate * LATENESS).min(room / 2.0);
        let late = (room - spare) / rate;
        if late >= LEAST_ROOM * window {
            let max_age = seconds((late / 2.0).min(OLDEST));
            return Self { rate, first_rate: first_rate(rate), depth: 1.0 + spare, max_age };
        }
        let late = LEAST_ROOM * window;
        // With a quota of 1 call per window, only one token may come per window.
        let rate = ((full - 1.0) / (window + 2.0 * late)).max(0.9 / (window + 2.0 * late)).min(rate);
        let spare = if full > 2.0 { rate * late } else { 0.0 };
        let max_age = seconds((late / 2.0).min(OLDEST));
        Self { rate, first_rate: first_rate(rate), depth: 1.0 + spare, max_age }
    }

    /// The pace for a fleet with more latency than the limit's own room allows: tokens may be older, and the rate is
    /// lower to make room.
    ///
    /// A window holds at most `depth + rate * (window + latency + own)` calls, where `own` is the time for the call's
    /// own latency.
    #[must_use]
    pub(super) fn for_latency(self, limit: &RateLimit, latency: &LatencyAllowance) -> Self {
        let own = self.max_age.as_secs_f64();
        let max_age = seconds(latency.reach.max(own));
        if !limit.strict || latency.room <= own {
            return Self { max_age, ..self };
        }
        let late = limit.window.as_secs_f64() + latency.room + own;
        // As in `new`, for a quota of 1 call per window.
        let rate = ((limit.per_window - self.depth) / late).max(0.9 / late).min(self.rate);
        Self { rate, first_rate: rate * self.first_rate / self.rate, max_age, ..self }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}

/// The tokens of a limit that are available now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    tokens: f64,
    /// The time of `tokens`, by a monotonic clock in seconds.
    at: f64,
    /// End of the period in which connections are opened; `None` before the first call.
    first_until: Option<f64>,
}

impl Bucket {
    /// An empty bucket: the first token comes after a whole period, whatever was granted before.
    pub(super) fn empty(now: f64) -> Self {
        Self { tokens: 0.0, at: now, first_until: None }
    }

    /// Takes a token, or returns the time until the next one.
    pub(super) fn take(&mut self, pace: &Pace, now: f64) -> Result<(), Duration> {
        let passed = (now - self.at).max(0.0);
        let rate = self.rate(pace, now, passed);
        self.tokens = (self.tokens + passed * rate).min(pace.depth);
        self.at = self.at.max(now);
        // Many small additions may sum to slightly less than 1.
        if self.tokens >= 1.0 - 1e-9 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // Never 0: a wait below the clock's precision would loop.
        let wait = Duration::try_from_secs_f64((1.0 - self.tokens) / rate).unwrap_or(Duration::MAX);
        Err(wait.max(Duration::from_micros(1)))
    }

    /// The current rate, when the last request was `passed` seconds ago.
    fn rate(&mut self, pace: &Pace, now: f64, passed: f64) -> f64 {
        if passed > IDLE {
            self.first_until = None;
        }
        if now < *self.first_until.get_or_insert(now + FIRST_CALLS) { pace.first_rate } else { pace.rate }
    }

    /// Puts back tokens that were returned at once, as if they had never been taken.
    pub(super) fn put_back(&mut self, pace: &Pace, count: u64) {
        self.tokens = (self.tokens + count as f64).min(pace.depth);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(per_window: f64, seconds: u64) -> RateLimit {
        RateLimit { name: "m", per_window, window: Duration::from_secs(seconds), daily: false, strict: true }
    }

    #[test]
    fn bursts_are_small() {
        let pace = |per_window, seconds| Pace::new(&limit(per_window, seconds), 0.8);
        let heavy = pace(40.0, 1);
        assert_eq!((heavy.rate, heavy.depth.floor()), (32.0, 3.0));
        assert!((0.05..0.25).contains(&heavy.max_age.as_secs_f64()), "{heavy:?}");
        let list = pace(20.0, 60);
        assert_eq!(((list.rate * 60.0).round(), list.depth.floor()), (16.0, 1.0));
        assert_eq!(pace(80.0, 1).depth.floor(), 6.0);
        let fast = pace(4_000.0, 1);
        assert_eq!((fast.rate, fast.depth.floor()), (3_200.0, 257.0));
    }

    #[test]
    fn a_share_near_one_gives_way_by_little() {
        let pace = Pace::new(&limit(40.0, 1), 1.0);
        assert!(pace.rate > 34.0 && pace.rate < 39.0, "{pace:?}");
        let one = Pace::new(&limit(1.0, 1), 1.0);
        assert!(one.rate > 0.5 && one.rate < 1.0 && one.depth == 1.0, "{one:?}");
    }

    #[test]
    fn a_far_fleet_loses_little() {
        let heavy = limit(40.0, 1);
        let at = |trip: f64| {
            let mut latency = LatencyAllowance::new(0.0);
            latency.note(Some(trip), 0.0);
            latency.note(Some(trip), 2.0);
            Pace::new(&heavy, 0.8).for_latency(&heavy, &latency)
        };
        assert_eq!(at(0.001), Pace::new(&heavy, 0.8));
        let part = [0.05, 0.1, 0.2, 0.6].map(|trip| (at(trip).rate / 32.0 * 100.0).round());
        assert_eq!(part, [99.0, 93.0, 83.0, 58.0], "per cent of the allowed rate at 50, 100, 200 and 600 ms");
        assert!(at(0.2).max_age >= Duration::from_millis(300));
    }

    #[test]
    fn a_rate_that_nobody_counts_gives_way_to_nothing() {
        let pace = |per_window| Pace::new(&RateLimit { strict: false, ..limit(per_window, 1) }, 1.0);
        let five = pace(5.0);
        assert_eq!((five.rate, five.depth.floor()), (5.0, 1.0), "one at a time");
        assert_eq!(pace(0.01).rate, 0.01);
        let times = given(&five, &[0.0], &[0.0; 50]);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 0.2 - 1e-6), "{times:?}");
    }

    /// Number of tokens that a permanent caller gets in `seconds`.
    fn taken(bucket: &mut Bucket, pace: &Pace, begin: f64, seconds: f64) -> i32 {
        let (mut now, mut count) = (begin, 0);
        while now < begin + seconds {
            match bucket.take(pace, now) {
                Ok(()) => count += 1,
                Err(wait) => now += wait.as_secs_f64(),
            }
        }
        count
    }

    #[test]
    fn the_first_calls_come_more_slowly_and_so_do_those_after_a_pause() {
        let pace = Pace::new(&limit(40.0, 1), 0.8);
        let mut bucket = Bucket::empty(0.0);
        assert_eq!(taken(&mut bucket, &pace, 100.0, FIRST_CALLS), 28, "what it held, and 24.6 a second");
        assert_eq!(taken(&mut bucket, &pace, 100.0 + FIRST_CALLS, 10.0), 320);
        let after = 110.0 + FIRST_CALLS;
        assert_eq!(taken(&mut bucket, &pace, after + IDLE / 2.0, 1.0), 35, "what it held, and 32 a second");
        assert_eq!(taken(&mut bucket, &pace, after + 1.0 + 2.0 * IDLE, 1.0), 28, "after a pause");
    }

    /// Times of tokens for a caller that waits permanently or pauses, and whose timer wakes late.
    fn given(pace: &Pace, idle: &[f64], lates: &[f64]) -> Vec<f64> {
        let (mut now, mut bucket, mut times) = (0.0, Bucket::empty(0.0), Vec::new());
        for (turn, late) in lates.iter().enumerate() {
            loop {
                match bucket.take(pace, now) {
                    Ok(()) => break,
                    // At large times, a small step may be lost to rounding.
                    Err(wait) => now += wait.as_secs_f64().max(1e-6) + late,
                }
            }
            times.push(now);
            now += idle[turn % idle.len()];
        }
        times
    }

    proptest! {
        /// For any share, limit, idle times, late timers and valid token ages.
        #[test]
        fn no_window_holds_more_than_the_quota(
            per_window in 1_u32..500,
            minute in any::<bool>(),
            share in 0.01_f64..=1.0,
            idle in prop::collection::vec(prop_oneof![Just(0.0), 0.0_f64..0.2, 0.0_f64..70.0], 1..20),
            lates in prop::collection::vec(prop_oneof![Just(0.0), 0.0_f64..0.02, 0.0_f64..0.5], 200..900),
            ages in prop::collection::vec(0.0_f64..=1.0, 1..30),
        ) {
            let limit = limit(f64::from(per_window), if minute { 60 } else { 1 });
            let window = limit.window.as_secs_f64();
            let pace = Pace::new(&limit, share);
            let oldest = pace.max_age.as_secs_f64();
            let calls = given(&pace, &idle, &lates);
            let mut calls: Vec<f64> =
                calls.iter().enumerate().map(|(turn, at)| at + oldest * ages[turn % ages.len()]).collect();
            calls.sort_by(f64::total_cmp);
            let most = per_window as usize;
            let over = calls.windows(most + 1).find(|some| some[most] - some[0] < window - 1e-6);
            prop_assert!(over.is_none(), "{pace:?} {over:?}");
        }

        /// The same for a distant fleet, with any delay of each token and its call within the room.
        #[test]
        fn no_window_holds_more_however_far_the_fleet_is(
            per_window in 1_u32..500,
            minute in any::<bool>(),
            share in 0.01_f64..=1.0,
            room in 0.0_f64..=1.0,
            idle in prop::collection::vec(prop_oneof![Just(0.0), 0.0_f64..0.2], 1..20),
            ways in prop::collection::vec((prop_oneof![Just(0.0), Just(1.0), 0.0_f64..=1.0], 0.0_f64..=1.0), 1..30),
        ) {
            let limit = limit(f64::from(per_window), if minute { 60 } else { 1 });
            let near = Pace::new(&limit, share);
            let pace = near.for_latency(&limit, &LatencyAllowance::new(room));
            let (oldest, own) = (pace.max_age.as_secs_f64(), near.max_age.as_secs_f64());
            prop_assert!(pace.rate <= near.rate && oldest >= own);
            let late = |turn: usize| ways[turn % ways.len()].0 * oldest + ways[turn % ways.len()].1 * own;
            let mut calls: Vec<f64> =
                given(&pace, &idle, &[0.0; 900]).iter().enumerate().map(|(turn, at)| at + late(turn)).collect();
            calls.sort_by(f64::total_cmp);
            let most = per_window as usize;
            let over = calls.windows(most + 1).find(|some| some[most] - some[0] < limit.window.as_secs_f64() - 1e-6);
            prop_assert!(over.is_none(), "{pace:?} {over:?}");
        }

        /// The same while some calls wait for a new connection and others do not.
        #[test]
        fn no_window_holds_more_while_connections_are_made(
            per_window in 1_u32..500,
            share in 0.01_f64..=1.0,
            ways in prop::collection::vec((any::<bool>(), 0.0_f64..=1.0, 0.0_f64..=1.0), 1..30),
        ) {
            let limit = limit(f64::from(per_window), 1);
            let pace = Pace::new(&limit, share);
            let late = |turn: usize| {
                let (connects, age, latency) = ways[turn % ways.len()];
                (age + latency) * pace.max_age.as_secs_f64() + if connects { CONNECT } else { 0.0 }
            };
            let first = given(&pace, &[0.0], &[0.0; 900]).into_iter().take_while(|at| *at < FIRST_CALLS);
            let mut calls: Vec<f64> = first.enumerate().map(|(turn, at)| at + late(turn)).collect();
            calls.sort_by(f64::total_cmp);
            let most = per_window as usize;
            let over = calls.windows(most + 1).find(|some| some[most] - some[0] < 1.0 - 1e-6);
            prop_assert!(over.is_none(), "{pace:?} {over:?}");
        }

        #[test]
        fn the_rate_is_what_the_share_says(per_window in 10_u32..500, share in 0.05_f64..=0.8) {
            let limit = limit(f64::from(per_window), 1);
            let pace = Pace::new(&limit, share);
            prop_assert!((pace.rate - share * f64::from(per_window)).abs() < 1e-9);
            let times = given(&pace, &[0.0], &vec![0.0; 1_500]);
            let first = times.iter().position(|at| *at >= FIRST_CALLS).expect("some come later");
            let (count, took) = ((times.len() - 1 - first) as f64, times[times.len() - 1] - times[first]);
            prop_assert!(count / took >= pace.rate * 0.99, "{count} in {took}");
        }
    }
}
