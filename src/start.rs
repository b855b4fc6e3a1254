//! Waits at the start for the peers that work needs. A role waits for an unreachable peer without limit; a command does
//! not. Both wait for a peer that refuses as long as the failure policy says.
//!
//! Independent of the peer, so that all peers are treated alike.

use std::time::{Duration, Instant};

use runtime::{Policy, Refusals};
use tracing::{info, warn};

use crate::exit;

/// Longest delay between two attempts without a refusal: an operator may be waiting for the start.
const LONGEST: Duration = Duration::from_secs(5);

/// Consequence of a failed attempt.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Try again after this delay; `news` is true if the peer's state has changed.
    Again { delay: Duration, news: bool },
    /// Give up.
    End,
}

/// The attempts so far. Pure: the time is passed in.
#[derive(Debug)]
struct Attempts {
    policy: Policy,
    refusals: Refusals,
    made: u32,
    /// True if the last attempt was refused; `None` before the first failure.
    refused: Option<bool>,
}

impl Attempts {
    fn new(policy: Policy) -> Self {
        Self { policy, refusals: Refusals::new(policy), made: 0, refused: None }
    }

    fn failed(&mut self, error: &anyhow::Error, now: Instant) -> Next {
        let refused = exit::is_refusal(error);
        let is_final = match refused {
            true => self.refusals.refused(now),
            false => !self.policy.awaits_absent(),
        };
        if exit::is_users(error) || is_final {
            return Next::End;
        }
        if !refused {
            self.refusals.interrupted();
        }
        let delay = self.policy.delay(self.made).min(if refused { self.policy.longest } else { LONGEST });
        self.made = self.made.saturating_add(1);
        Next::Again { delay, news: self.refused.replace(refused) != Some(refused) }
    }
}

/// Repeats `work` until it succeeds or the failure policy ends it.
///
/// # Errors
/// A configuration error at once; for a command also an unreachable peer; a refusal that has lasted as long as `policy`
/// says.
pub(crate) async fn insist<T, F: Future<Output = anyhow::Result<T>>>(
    what: &str,
    policy: Policy,
    work: impl Fn() -> F,
) -> anyhow::Result<T> {
    let mut attempts = Attempts::new(policy);
    loop {
        let error = match work().await {
            Ok(done) => {
                if attempts.refused.is_some() {
                    info!("{what} is there");
                }
                return Ok(done);
            }
            Err(error) => error,
        };
        match attempts.failed(&error, Instant::now()) {
            Next::End => return Err(error),
            Next::Again { delay, news } => {
                if news {
                    warn!("waiting for {what}: {}", exit::sentence(&error));
                }
                tokio::time::sleep(delay).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use store::StoreError;

    use super::*;

    fn refused() -> anyhow::Error {
        StoreError::Refused("http://h/ does not accept the credentials (401)".to_owned()).into()
    }

    fn away() -> anyhow::Error {
        StoreError::Away("http://h/ cannot be reached".to_owned()).into()
    }

    #[test]
    fn a_peer_that_refuses_for_five_minutes_from_the_start_ends_it() {
        let (mut attempts, start) = (Attempts::new(Policy::ROLE), Instant::now());
        let (mut now, mut asked) = (start, 0);
        loop {
            asked += 1;
            match attempts.failed(&refused(), now) {
                Next::Again { delay, news } => {
                    assert_eq!(news, asked == 1, "said once");
                    now += delay;
                }
                Next::End => break,
            }
        }
        assert!(now - start >= Duration::from_secs(300) && asked >= 5, "{asked} in {:?}", now - start);
    }

    #[test]
    fn a_peer_that_is_away_is_waited_for_without_end() {
        let (mut attempts, start) = (Attempts::new(Policy::ROLE), Instant::now());
        for minute in 0..1_000_u64 {
            let now = start + Duration::from_secs(60 * minute);
            let next = attempts.failed(&away(), now);
            assert!(matches!(next, Next::Again { delay, .. } if delay <= LONGEST), "{next:?}");
        }
        let now = start + Duration::from_secs(100_000);
        assert!(matches!(attempts.failed(&refused(), now), Next::Again { news: true, .. }), "not since then");
    }

    #[test]
    fn our_own_configuration_is_final() {
        let next = Attempts::new(Policy::ROLE).failed(&exit::usage("ES_PREFIX is no prefix"), Instant::now());
        assert_eq!(next, Next::End);
    }

    #[tokio::test]
    async fn a_command_asks_five_times_and_does_not_wait_for_what_is_away() {
        let policy = Policy { first: Duration::from_millis(1), ..Policy::COMMAND };
        for (error, wanted) in [(refused as fn() -> anyhow::Error, 5), (away, 1)] {
            let asked = std::cell::Cell::new(0);
            let outcome = insist::<(), _>("the store", policy, || {
                asked.set(asked.get() + 1);
                std::future::ready(Err(error()))
            });
            assert!(outcome.await.is_err());
            assert_eq!(asked.get(), wanted);
        }
    }

    #[tokio::test]
    async fn a_start_that_is_refused_once_goes_on() {
        let asked = std::cell::Cell::new(0);
        let policy = Policy { first: Duration::from_millis(1), ..Policy::ROLE };
        let done = insist("the store", policy, || {
            asked.set(asked.get() + 1);
            std::future::ready(if asked.get() < 3 { Err(refused()) } else { Ok(asked.get()) })
        });
        assert_eq!(done.await.unwrap(), 3);
    }
}
