//! The rate limiter that every call passes: so many calls a second, evenly, of all processes together. Opencast counts
//! nobody's calls; the limit is our own, and so is the pause. How leave is shared out lies in `runtime::quota`.

use std::time::Duration;

use messages::MAIN_ACCOUNT;
use runtime::Failure;
use runtime::quota::{Account, Allowance, Meter, News, UNLIMITED};

use crate::Config;

/// The source's name, and that of its only meter.
pub(crate) const SOURCE: &str = "opencast";
/// The place of the meter.
const METER: usize = 0;

impl Config {
    /// What may be called, in the words of those who share it out.
    pub fn account(&self) -> Account {
        let per_window = if self.calls_per_second == 0.0 { UNLIMITED } else { self.calls_per_second };
        let window = Duration::from_secs(1);
        Account {
            source: SOURCE,
            label: MAIN_ACCOUNT.to_owned(),
            meters: vec![Meter { name: SOURCE, per_window, window, daily: false, strict: false }],
            share: 1.0,
            per_day: u64::MAX,
            reserve: 0,
        }
    }
}

/// Where leave to make a call is asked for.
pub(crate) struct Pace(pub(crate) Allowance);

impl Pace {
    /// Waits for the turn.
    ///
    /// # Errors
    /// [`Failure::Hold`] while calls are paused, or nobody gives leave.
    pub(crate) async fn turn(&self) -> Result<(), Failure> {
        self.0.acquire(METER).await
    }

    /// True unless calls are paused.
    pub(crate) fn is_open(&self) -> bool {
        self.0.held(METER).is_none()
    }

    pub(crate) fn news(&self) -> Option<News> {
        self.0.news()
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn account(calls_per_second: f64) -> Account {
        Config { calls_per_second, ..Config::new("http://127.0.0.1:8080".into()) }.account()
    }

    fn pace(calls_per_second: f64) -> Pace {
        Pace(Allowance::of_this_process(account(calls_per_second)))
    }

    #[tokio::test]
    async fn calls_are_spaced() {
        let pace = pace(10.0);
        let began = Instant::now();
        for _ in 0..6 {
            pace.turn().await.unwrap();
        }
        // Six spaces, the first call's, too; a busy machine only makes them longer.
        assert!(began.elapsed() >= Duration::from_millis(590), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits() {
        let pace = pace(0.0);
        for _ in 0..10_000 {
            pace.turn().await.unwrap();
        }
        assert!(pace.news().unwrap().meters[METER].is_unlimited());
    }

    #[test]
    fn the_rate_is_the_one_configured_and_its_keeper_has_a_name() {
        let account = account(5.0);
        assert_eq!(
            (account.lead_name().as_str(), account.title().as_str()),
            ("quota.opencast.main", "opencast")
        );
        assert_eq!(runtime::quota::Pace::new(&account.meters[METER], account.share).rate, 5.0);
    }
}
