//! The rate limiter: every call of the process waits here for its turn, evenly spaced.

use std::time::Duration;

use governor::clock::MonotonicClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

type Limiter = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<std::time::Instant>>;

/// So many calls a second, or as many as there are.
pub(crate) struct Pace(Option<Limiter>);

impl Pace {
    /// `rate` calls per second; 0 is no limit.
    pub(crate) fn new(rate: f64) -> Self {
        let apart = (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate));
        // One call at a time: a burst would be a server's trouble, not a gain.
        Self(
            apart
                .and_then(Quota::with_period)
                .map(|quota| RateLimiter::direct_with_clock(quota, MonotonicClock)),
        )
    }

    /// Waits for the turn.
    pub(crate) async fn turn(&self) {
        if let Some(limiter) = &self.0 {
            limiter.until_ready().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn calls_are_spaced() {
        let pace = Pace::new(50.0);
        let began = Instant::now();
        for _ in 0..6 {
            pace.turn().await;
        }
        // Five spaces; a busy machine only makes them longer.
        assert!(began.elapsed() >= Duration::from_millis(95), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        let pace = Pace::new(0.0);
        assert!(pace.0.is_none());
        pace.turn().await;
    }
}
