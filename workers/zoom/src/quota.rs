//! The limiter every call passes: Zoom's rate classes and daily cap, a share of them, evenly paced.
//!
//! Here it is one process's; a limiter shared by a fleet is another variant of [`Quota`].

mod day;
mod pacer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use messages::Calls;
use runtime::{Failure, clock};
use tracing::warn;

use self::day::Day;
use self::pacer::Pacer;
use crate::headers::{Limit, RateHeaders};
use crate::{Plan, RateClass};

/// Where leave to make a call is asked for: the closed set of limiters.
pub enum Quota {
    /// Counts the calls of this process.
    Process(ProcessQuota),
}

impl Quota {
    /// Waits for leave to make one call.
    ///
    /// # Errors
    /// [`Failure::Hold`] until 00:00 UTC when the day's share is used.
    pub async fn acquire(&self, class: RateClass) -> Result<(), Failure> {
        match self {
            Self::Process(quota) => quota.acquire(class).await,
        }
    }

    /// Takes note of what an answer's headers say of the account's day.
    pub(crate) fn observe(&self, class: RateClass, headers: &RateHeaders) {
        match self {
            Self::Process(quota) => quota.observe(class, headers, clock::now()),
        }
    }

    /// Takes note that the API says the day is spent, and returns the hold that follows.
    pub(crate) fn spent(&self, class: RateClass, until: Option<Timestamp>) -> Failure {
        match self {
            Self::Process(quota) => quota.day().spend(class, until, clock::now()),
        }
    }

    /// Calls made so far.
    pub fn calls(&self) -> Calls {
        match self {
            Self::Process(quota) => quota.calls(),
        }
    }
}

/// The quota of one process.
pub struct ProcessQuota {
    /// `None` when no quota is kept.
    pacers: Option<[Pacer; 4]>,
    day: Mutex<Day>,
    calls: [AtomicU64; 4],
}

impl ProcessQuota {
    /// `share` of `plan`'s quota, multiplied by `speed`; a speed of 0 lifts every limit.
    pub fn new(plan: Plan, share: f64, speed: f64) -> Self {
        let pacers = (speed > 0.0).then(|| RateClass::ALL.map(|class| Pacer::new(plan, class, share, speed)));
        let allowed = if speed > 0.0 { day::allowed(plan, share, speed) } else { u64::MAX };
        let day = Mutex::new(Day::new(allowed, clock::now()));
        Self { pacers, day, calls: Default::default() }
    }

    async fn acquire(&self, class: RateClass) -> Result<(), Failure> {
        if class.has_daily_cap() {
            self.day().take(class, clock::now())?;
        }
        if let Some(pacers) = &self.pacers {
            pacers[class.index()].pass().await;
        }
        self.calls[class.index()].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn observe(&self, class: RateClass, headers: &RateHeaders, now: Timestamp) {
        if !class.has_daily_cap() || self.pacers.is_none() || headers.limit != Some(Limit::Day) {
            return;
        }
        if let (Some(allowed), Some(remaining)) = (headers.allowed, headers.remaining)
            && let Some(used) = allowed.checked_sub(remaining)
            && self.day().correct(used, now)
        {
            warn!(used, "the account's day has {used} calls already: other apps, or an earlier process");
        }
    }

    fn calls(&self) -> Calls {
        let count = |class: RateClass| self.calls[class.index()].load(Ordering::Relaxed);
        Calls {
            light: count(RateClass::Light),
            medium: count(RateClass::Medium),
            heavy: count(RateClass::Heavy),
            resource_intensive: count(RateClass::ResourceIntensive),
        }
    }

    fn day(&self) -> MutexGuard<'_, Day> {
        // A count survives the panic of somebody who held it.
        self.day.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_speed_nothing_is_limited_and_calls_are_counted() {
        let quota = ProcessQuota::new(Plan::Pro, 0.8, 0.0);
        for _ in 0..50_000 {
            quota.acquire(RateClass::Heavy).await.unwrap();
        }
        quota.acquire(RateClass::Medium).await.unwrap();
        assert_eq!(quota.calls(), Calls { heavy: 50_000, medium: 1, ..Calls::default() });
    }

    #[tokio::test]
    async fn a_day_that_headers_say_is_spent_holds_heavy_calls_only() {
        let quota = ProcessQuota::new(Plan::Business, 0.8, 100.0);
        let spent = RateHeaders {
            limit: Some(Limit::Day),
            allowed: Some(6_000_000),
            remaining: Some(1_199_999),
            retry_at: None,
        };
        quota.observe(RateClass::Heavy, &spent, clock::now());
        for class in [RateClass::Heavy, RateClass::ResourceIntensive] {
            let held = quota.acquire(class).await.unwrap_err();
            let Failure::Hold { until: Some(until), why } = held else { panic!("{held}") };
            assert!(until > clock::now());
            assert!(why.contains("4,800,001 of 4,800,000 used"), "{why}");
        }
        quota.acquire(RateClass::Light).await.unwrap();
    }
}
