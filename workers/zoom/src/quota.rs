//! Rate limiter of all calls: defines the rate classes and evaluates the answers' headers. Independent of how a process
//! or a fleet shares tokens, which `runtime::quota` decides.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use messages::Calls;
use runtime::Failure;
use runtime::quota::{Account, QuotaStatus, RateLimit, RateLimiter, UNLIMITED};

use crate::headers::{Limit, RateHeaders};
use crate::{Config, RateClass};

/// Minimum interval between evaluated answers: most repeat the previous ones.
const LOOK: Duration = Duration::from_secs(1);
/// Calls by which the API's count may exceed ours before it is reported: calls of the last moment.
const AHEAD: u64 = 100;
/// Smallest reported clock difference: the API's clock shows whole seconds.
const SKEW_MS: i64 = 2_000;

/// Rate limiter of one account.
pub struct Quota {
    limiter: RateLimiter,
    calls: [AtomicU64; 4],
    looked: Mutex<Option<Instant>>,
    /// Calls per day allowed for the account.
    per_day: u64,
}

impl Config {
    /// Returns the account's limits. A speed of 0 means unlimited.
    pub fn account(&self) -> Account {
        let limit = |class: RateClass| {
            let (per_window, window) = self.plan.per_window(class);
            let per_window = match self.quota_speed {
                0.0 => UNLIMITED,
                // Whole calls, as the server counts.
                speed => (f64::from(per_window) * speed + 1e-9).floor().max(1.0),
            };
            RateLimit { name: class.name(), per_window, window, daily: class.has_daily_cap(), strict: true }
        };
        let per_day = match self.quota_speed {
            0.0 => UNLIMITED * 86_400.0,
            speed => self.plan.per_day() as f64 * speed + 1e-6,
        };
        Account {
            source: "zoom",
            label: self.label.clone(),
            limits: RateClass::ALL.map(limit).into(),
            share: self.quota_share,
            per_day: per_day as u64,
            reserve: self.daily_reserve,
        }
    }
}

impl Quota {
    /// Creates a limiter on `allowance`, which must belong to this account (see [`Config::account`]).
    pub fn new(limiter: RateLimiter, account: &Account) -> Self {
        Self { limiter, calls: Default::default(), looked: Mutex::default(), per_day: account.per_day }
    }

    /// Waits for a token for one call.
    ///
    /// # Errors
    /// [`Failure::Hold`] if the class is on hold or the day's share is used up.
    pub async fn acquire(&self, class: RateClass) -> Result<(), Failure> {
        self.limiter.acquire(class.index()).await?;
        self.calls[class.index()].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Evaluates an answer's headers: the account's daily usage, and the API's clock.
    pub(crate) fn observe(&self, headers: &RateHeaders, served_at: Option<Timestamp>, now: Timestamp) {
        if !self.is_time_to_look() {
            return;
        }
        let Some(status) = self.limiter.status() else { return };
        let told = headers.allowed.zip(headers.remaining).filter(|(allowed, _)| match headers.limit {
            Some(limit) => limit == Limit::Day,
            // The headers do not always name the limit; no other limit has as many calls as the daily one.
            None => *allowed == self.per_day,
        });
        let used = told.and_then(|(allowed, remaining)| allowed.checked_sub(remaining));
        let known = status.limits.iter().filter_map(|limit| limit.used.zip(limit.allowed)).max();
        let used =
            used.zip(known).filter(|(used, (known, allowed))| *used > known + AHEAD.min(allowed / 100));
        // Workers' clocks differ; the leader's clock decides when the day ends.
        let now = self.limiter.leader_time(now);
        // The header has whole seconds: assume the middle of the second.
        let skew_ms = served_at.map(|served| served.as_millisecond() + 500 - now.as_millisecond());
        let skew_ms = skew_ms.filter(|skew| (skew - status.skew_ms).abs() > SKEW_MS);
        if used.is_some() || skew_ms.is_some() {
            self.limiter.observe(used.map(|(used, _)| used), served_at, skew_ms);
        }
    }

    fn is_time_to_look(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|last| last.elapsed() >= LOOK);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    /// Records that the API reports the daily limit as used up. Returns the hold.
    pub(crate) fn spent(&self, class: RateClass, until: Option<Timestamp>) -> Failure {
        self.limiter.spent(class.index(), until)
    }

    /// True if the class with this index is not on hold.
    pub(crate) fn lifted(&self, index: usize) -> bool {
        self.limiter.held(index).is_none()
    }

    /// True if none of the classes is on hold.
    pub(crate) fn is_open(&self, classes: &[RateClass]) -> bool {
        classes.iter().all(|class| self.limiter.held(class.index()).is_none())
    }

    /// Returns the quota's state as known to this process.
    pub fn status(&self) -> Option<QuotaStatus> {
        self.limiter.status()
    }

    /// Releases this process's share of the quota.
    pub(crate) async fn close(&self) {
        self.limiter.close().await;
    }

    /// Returns the calls made so far.
    pub fn calls(&self) -> Calls {
        let count = |class: RateClass| self.calls[class.index()].load(Ordering::Relaxed);
        Calls {
            light: count(RateClass::Light),
            medium: count(RateClass::Medium),
            heavy: count(RateClass::Heavy),
            resource_intensive: count(RateClass::ResourceIntensive),
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock;

    use super::*;
    use crate::ZoomPlan;

    fn quota(speed: f64) -> Quota {
        let config = Config {
            plan: ZoomPlan::Business,
            quota_speed: speed,
            ..Config::new("a".into(), "b".into(), "c".to_owned().into())
        };
        let account = config.account();
        Quota::new(RateLimiter::in_process(account.clone()), &account)
    }

    #[tokio::test]
    async fn without_a_speed_nothing_is_limited_and_calls_are_counted() {
        let quota = quota(0.0);
        for _ in 0..50_000 {
            quota.acquire(RateClass::Heavy).await.unwrap();
        }
        quota.acquire(RateClass::Medium).await.unwrap();
        assert_eq!(quota.calls(), Calls { heavy: 50_000, medium: 1, ..Calls::default() });
    }

    #[tokio::test]
    async fn a_day_that_headers_say_is_spent_holds_heavy_calls_only() {
        let quota = quota(100.0);
        let spent = RateHeaders {
            limit: Some(Limit::Day),
            allowed: Some(6_000_000),
            remaining: Some(1_199_999),
            retry_at: None,
        };
        quota.observe(&spent, None, clock::now());
        quota.acquire(RateClass::Heavy).await.expect("one answer alone is not believed");
        tokio::time::sleep(LOOK).await;
        quota.observe(&spent, None, clock::now());
        for class in [RateClass::Heavy, RateClass::ResourceIntensive] {
            let held = quota.acquire(class).await.unwrap_err();
            let Failure::Hold { until: Some(until), why, limit } = held else { panic!("{held}") };
            assert_eq!(limit, Some(class.index()));
            assert!(until > clock::now());
            assert!(why.contains("4,800,001 of 4,800,000 used, "), "{why}");
            assert!(!quota.lifted(class.index()) && !quota.is_open(&[class]), "{why}");
        }
        quota.acquire(RateClass::Light).await.unwrap();
        assert!(quota.lifted(RateClass::Light.index()), "no pause of this class");
    }

    #[tokio::test]
    async fn a_limit_that_is_not_named_is_the_day_s_where_it_is_as_large() {
        for (allowed, is_day) in [(6_000_000, true), (4_000, false)] {
            let quota = quota(100.0);
            let told =
                RateHeaders { limit: None, allowed: Some(allowed), remaining: Some(1), retry_at: None };
            for _ in 0..2 {
                quota.observe(&told, None, clock::now());
                tokio::time::sleep(LOOK).await;
            }
            assert_eq!(quota.acquire(RateClass::Heavy).await.is_err(), is_day, "{allowed}");
        }
    }

    #[test]
    fn the_meters_are_those_of_the_table() {
        let account = quota_account(ZoomPlan::Business, 1.0);
        let limits: Vec<_> = account
            .limits
            .iter()
            .map(|limit| (limit.name, limit.per_window, limit.window.as_secs()))
            .collect();
        let table =
            [("light", 80.0, 1), ("medium", 60.0, 1), ("heavy", 40.0, 1), ("resource-intensive", 20.0, 60)];
        assert_eq!(limits, table);
        assert_eq!((account.per_day, account.lead_name().as_str()), (60_000, "quota.zoom.main"));
        assert_eq!(quota_account(ZoomPlan::Pro, 0.1).limits[2].per_window, 1.0);
    }

    fn quota_account(plan: ZoomPlan, quota_speed: f64) -> Account {
        Config { plan, quota_speed, ..Config::new("a".into(), "b".into(), "c".to_owned().into()) }.account()
    }
}
