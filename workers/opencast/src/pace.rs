//! Rate limiter of all calls: evenly spaced over all processes. Opencast has no limit; this one, like the pause, is our
//! own. `runtime::quota` shares it. A process that only probes the server may run without a broker, and has its own
//! limiter.

use std::time::Duration;

use governor::Quota;
use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};

use messages::MAIN_ACCOUNT;
use runtime::Failure;
use runtime::quota::{Account, QuotaStatus, RateLimit, RateLimiter, UNLIMITED};

use crate::Config;

/// Name of the source and of its only limit.
pub(crate) const SOURCE: &str = "opencast";
/// Index of the limit.
const LIMIT: usize = 0;

impl Config {
    /// Returns the limits to share.
    pub fn account(&self) -> Account {
        let per_window = if self.calls_per_second == 0.0 { UNLIMITED } else { self.calls_per_second };
        let window = Duration::from_secs(1);
        Account {
            source: SOURCE,
            label: MAIN_ACCOUNT.to_owned(),
            limits: vec![RateLimit { name: SOURCE, per_window, window, daily: false, strict: false }],
            share: 1.0,
            per_day: u64::MAX,
            reserve: 0,
        }
    }
}

type Limiter =
    governor::RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// Rate limiter of the calls.
pub(crate) enum Pace {
    /// For this process alone; `None` means unlimited.
    Alone(Option<Limiter>),
    /// Shared by all processes.
    Shared(RateLimiter),
}

impl Pace {
    /// Creates a limiter for this process alone, with `rate` calls per second; 0 means unlimited.
    pub(crate) fn alone(rate: f64) -> Self {
        let apart = (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate));
        // One call at a time: a burst would stress the server without benefit.
        let quota = apart.and_then(Quota::with_period);
        Self::Alone(quota.map(|quota| governor::RateLimiter::direct_with_clock(quota, MonotonicClock)))
    }

    /// Waits for permission to make one call.
    ///
    /// # Errors
    /// [`Failure::Hold`] while calls are paused, or without a quota leader.
    pub(crate) async fn turn(&self) -> Result<(), Failure> {
        match self {
            Self::Alone(None) => Ok(()),
            Self::Alone(Some(limiter)) => {
                limiter.until_ready().await;
                Ok(())
            }
            Self::Shared(limiter) => limiter.acquire(LIMIT).await,
        }
    }

    /// True unless calls are paused.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Alone(_) => true,
            Self::Shared(limiter) => limiter.held(LIMIT).is_none(),
        }
    }

    pub(crate) fn status(&self) -> Option<QuotaStatus> {
        match self {
            Self::Alone(_) => None,
            Self::Shared(limiter) => limiter.status(),
        }
    }

    pub(crate) async fn close(&self) {
        if let Self::Shared(limiter) = self {
            limiter.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn account(calls_per_second: f64) -> Account {
        Config { calls_per_second, ..Config::new("http://127.0.0.1:8080".into()) }.account()
    }

    fn shared(calls_per_second: f64) -> Pace {
        Pace::Shared(RateLimiter::in_process(account(calls_per_second)))
    }

    #[tokio::test]
    async fn calls_are_spaced() {
        for pace in [shared(10.0), Pace::alone(10.0)] {
            let began = Instant::now();
            for _ in 0..6 {
                pace.turn().await.unwrap();
            }
            // At least five intervals; longer on a busy machine.
            assert!(began.elapsed() >= Duration::from_millis(490), "{:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        for pace in [shared(0.0), Pace::alone(0.0)] {
            for _ in 0..10_000 {
                pace.turn().await.unwrap();
            }
            assert!(pace.status().is_none_or(|status| status.limits[LIMIT].is_unlimited()));
            assert!(pace.is_open());
        }
    }

    #[test]
    fn the_rate_is_the_one_configured_and_its_keeper_has_a_name() {
        let account = account(5.0);
        assert_eq!(
            (account.lead_name().as_str(), account.title().as_str()),
            ("quota.opencast.main", "opencast")
        );
        assert_eq!(runtime::quota::Pace::new(&account.limits[LIMIT], account.share).rate, 5.0);
    }
}
