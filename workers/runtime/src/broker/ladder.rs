//! The rungs: delays before a retry. The broker holds the message meanwhile, not a sleeping worker.

use std::time::Duration;

/// The rungs and the number of attempts per message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// Delays, ascending. On RabbitMQ each has its own queue.
    pub rungs: Vec<Duration>,
    /// Attempts per message, including the first.
    pub attempts: u32,
}

impl Default for Ladder {
    /// 5 s, 30 s, 2 min, 10 min, 1 h, 6 h, and one more attempt than rungs.
    fn default() -> Self {
        let rungs: Vec<_> = [5, 30, 120, 600, 3_600, 21_600].map(Duration::from_secs).into();
        Self { attempts: 7, rungs }
    }
}

impl Ladder {
    /// Returns the rung nearest to `after`; without `after`, the rung of the failed `attempt` (from 1).
    pub fn delay(&self, after: Option<Duration>, attempt: u32) -> Duration {
        let by_attempt = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
        let rung = match after {
            Some(after) => self.rungs.iter().min_by_key(|rung| rung.abs_diff(after)),
            None => self.rungs.get(by_attempt).or(self.rungs.last()),
        };
        rung.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rung_is_chosen_and_attempts_climb() {
        let ladder = Ladder::default();
        let seconds =
            |after: Option<u64>, attempt| ladder.delay(after.map(Duration::from_secs), attempt).as_secs();
        assert_eq!(seconds(Some(0), 1), 5);
        assert_eq!(seconds(Some(70), 1), 30);
        assert_eq!(seconds(Some(90), 1), 120);
        assert_eq!(seconds(Some(86_400), 1), 21_600);
        assert_eq!(
            (1..=8).map(|attempt| seconds(None, attempt)).collect::<Vec<_>>(),
            [5, 30, 120, 600, 3_600, 21_600, 21_600, 21_600]
        );
    }
}
