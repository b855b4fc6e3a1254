//! Spreads the calls of one class evenly, first come, first served.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use tokio::sync::Mutex;

use crate::{Plan, RateClass};

/// A burst is at most so many calls ...
const SMALL: f64 = 5.0;
/// ... and no more than come due in this time, so that slow classes go one by one.
const SPREAD: f64 = 0.2;
/// Timers wake late, by milliseconds, or tens of them on a busy machine: what comes due meanwhile must fit into a
/// burst, or the rate is lost.
const LATENESS: f64 = 0.04;

/// Lets the calls of one class through at the allowed rate.
pub(super) struct Pacer {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    /// Held while waiting: it is the queue. Without it every waiter would wake for every call.
    turn: Mutex<()>,
}

impl Pacer {
    pub(super) fn new(plan: Plan, class: RateClass, share: f64, speed: f64) -> Self {
        let (rate, burst) = pace(plan.per_second(class) * speed, window(class), share);
        let period = Duration::from_secs_f64(1.0 / rate);
        let quota = governor::Quota::with_period(period.max(Duration::from_nanos(1)))
            .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let clock = DefaultClock::default();
        Self { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock, turn: Mutex::new(()) }
    }

    /// Waits until a call may be made. Cancelling it gives the place away, nothing else.
    pub(super) async fn pass(&self) {
        let _turn = self.turn.lock().await;
        while let Err(early) = self.limiter.check() {
            tokio::time::sleep(early.wait_time_from(self.clock.now())).await;
        }
    }
}

/// The seconds over which Zoom counts a class.
fn window(class: RateClass) -> f64 {
    if class == RateClass::ResourceIntensive { 60.0 } else { 1.0 }
}

/// Calls per second and the burst. What may pass in one window, rate and burst together, never exceeds the full quota.
fn pace(quota: f64, window: f64, share: f64) -> (f64, NonZeroU32) {
    let full = quota * window;
    let rate = quota * share;
    let wanted = (rate * SPREAD).min(SMALL).max(rate * LATENESS).ceil();
    let room = (full - rate * window).floor();
    let burst = wanted.min(room).max(1.0);
    // With a share near 1 not even a burst of one fits beside the rate: the rate gives way.
    let rate = rate.min((full - burst) / window).max(full / window * 0.01);
    (rate, NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bursts_are_small_and_grow_with_the_speed_only() {
        let pace = |plan: Plan, class: RateClass, speed: f64| {
            let (rate, burst) = pace(plan.per_second(class) * speed, window(class), 0.8);
            ((rate * 60.0).round() as u64, burst.get())
        };
        assert_eq!(pace(Plan::Business, RateClass::Heavy, 1.0), (1_920, 5));
        assert_eq!(pace(Plan::Business, RateClass::Light, 1.0), (3_840, 5));
        assert_eq!(pace(Plan::Business, RateClass::ResourceIntensive, 1.0), (16, 1));
        assert_eq!(pace(Plan::Pro, RateClass::ResourceIntensive, 1.0), (8, 1));
        assert_eq!(pace(Plan::Business, RateClass::Heavy, 100.0), (192_000, 128));
        assert_eq!(pace(Plan::Business, RateClass::ResourceIntensive, 100.0), (1_600, 5));
    }

    proptest! {
        #[test]
        fn rate_and_burst_fit_into_the_quota(quota in 0.1_f64..10_000.0, share in 0.01_f64..=1.0, minutes in any::<bool>()) {
            let window = if minutes { 60.0 } else { 1.0 };
            prop_assume!(quota * window >= 2.0);
            let (rate, burst) = pace(quota, window, share);
            prop_assert!(rate > 0.0 && rate <= quota * share + 1e-9);
            prop_assert!(rate * window + f64::from(burst.get()) <= quota * window + 1e-6);
        }
    }

    /// Many callers at 3,200 calls a second in real time: the rate is held, and no window of a second is over quota.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_rate_is_held_and_never_exceeded() {
        let pacer = Arc::new(Pacer::new(Plan::Business, RateClass::Heavy, 0.8, 100.0));
        let begin = Instant::now();
        let callers: Vec<_> = (0..32)
            .map(|_| {
                let pacer = Arc::clone(&pacer);
                tokio::spawn(async move {
                    let mut passed = Vec::new();
                    while begin.elapsed() < Duration::from_millis(2_500) {
                        pacer.pass().await;
                        passed.push(begin.elapsed().as_secs_f64());
                    }
                    passed
                })
            })
            .collect();
        let mut passed = Vec::new();
        for caller in callers {
            passed.extend(caller.await.unwrap());
        }
        passed.sort_by(f64::total_cmp);
        let steady = passed.iter().filter(|at| (0.25..2.25).contains(*at)).count();
        assert!(steady >= 2 * 3_200 * 97 / 100, "{steady} calls in two seconds, 6,400 allowed");
        let over = passed.windows(4_001).find(|window| window[4_000] - window[0] < 1.0);
        assert!(over.is_none(), "more than 4,000 calls inside one second");
    }
}
