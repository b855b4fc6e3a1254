//! The failure policy as a state machine: how long a hold lasts, when to log it, and when refusals end a role. Pure:
//! the time is passed in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Parameters of the failure policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Delay before the second attempt; doubles with each further one.
    pub first: Duration,
    /// Longest delay between two attempts.
    pub longest: Duration,
    /// Time for which a peer must refuse everything before the role ends.
    pub refused_for: Duration,
    /// Number of refusals in that time before the role ends.
    pub answers: u32,
}

impl Policy {
    /// Policy of roles that run until they are stopped: they end after 5 minutes of refusals with at least 5 answers.
    pub const ROLE: Self = Self {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(60),
        refused_for: Duration::from_secs(300),
        answers: 5,
    };
    /// Policy of commands that do one thing and end: 5 attempts in 15 seconds.
    pub const COMMAND: Self =
        Self { first: Duration::from_secs(1), refused_for: Duration::ZERO, ..Self::ROLE };

    /// Returns the delays between the attempts of a command.
    pub fn delays(&self) -> Vec<Duration> {
        (0..self.answers.saturating_sub(1)).map(|attempt| self.delay(attempt)).collect()
    }

    /// Returns true for roles, which wait for an absent peer without end.
    pub fn awaits_absent(&self) -> bool {
        !self.refused_for.is_zero()
    }

    /// Returns the delay before attempt number `attempt` after the first one, counted from 0.
    pub fn delay(&self, attempt: u32) -> Duration {
        self.first.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(self.longest)
    }
}

/// Counts the refusals of a peer that has never accepted anything.
///
/// A starting peer refuses for a while, and so does a load balancer in front of it. Only uninterrupted refusals count,
/// and only before the first success: afterwards the configuration is known to be good.
#[derive(Debug, Clone)]
pub struct Refusals {
    policy: Policy,
    since: Option<Instant>,
    answers: u32,
    /// Shared by roles with the same peer.
    accepted: Arc<AtomicBool>,
}

impl Refusals {
    /// Creates a count without answers.
    pub fn new(policy: Policy) -> Self {
        Self { policy, since: None, answers: 0, accepted: Arc::default() }
    }

    /// Records a success: no later refusal ends the role.
    pub fn accepted(&mut self) {
        self.accepted.store(true, Ordering::Relaxed);
        self.interrupted();
    }

    /// Has a success of either count for both.
    pub(crate) fn share(&mut self, other: &Self) {
        self.accepted = Arc::clone(&other.accepted);
    }

    /// Records a failure other than a refusal: the count restarts.
    pub fn interrupted(&mut self) {
        (self.since, self.answers) = (None, 0);
    }

    /// Counts a refusal; returns true when the role must end.
    pub fn refused(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        self.answers = self.answers.saturating_add(1);
        let enough =
            self.answers >= self.policy.answers && now.duration_since(since) >= self.policy.refused_for;
        enough && !self.accepted.load(Ordering::Relaxed)
    }
}

/// Why a role holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A pause of the quota: ends at its time or by command.
    Paused,
    /// A dependency is unavailable, full or failing.
    Trouble,
    /// A peer refuses.
    Refused,
}

/// Result of [`Holds::begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Wait for `delay`; `news` is true when the state has changed.
    Hold { delay: Duration, news: bool },
    /// End the role.
    End,
}

/// The holds of one role. A spell of trouble consists of many holds, each longer than the one before it. It is over
/// when the role has worked for as long as its last hold.
#[derive(Debug)]
pub(crate) struct Holds {
    policy: Policy,
    refusals: Refusals,
    /// Number of holds in this spell.
    level: u32,
    /// The last announced state.
    told: Option<Reason>,
    /// End of the last hold of this spell; `None` during a hold, and without a spell.
    resumed: Option<Instant>,
    /// True when a message was done since `resumed`.
    worked: bool,
}

impl Holds {
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, refusals: Refusals::new(policy), level: 0, told: None, resumed: None, worked: false }
    }

    pub(crate) fn refusals(&mut self) -> &mut Refusals {
        &mut self.refusals
    }

    /// Begins a hold.
    pub(crate) fn begin(&mut self, reason: Reason, now: Instant) -> Begun {
        self.calm(now, false);
        if reason == Reason::Refused {
            if self.refusals.refused(now) {
                return Begun::End;
            }
        } else {
            self.refusals.interrupted();
        }
        let news = self.told.replace(reason) != Some(reason);
        self.resumed = None;
        // A pause has its own end, so its delay does not grow.
        let delay = if reason == Reason::Paused { self.policy.first } else { self.grow() };
        Begun::Hold { delay, news }
    }

    /// Returns the delay before the next probe; each is longer than the one before.
    pub(crate) fn grow(&mut self) -> Duration {
        let delay = self.policy.delay(self.level);
        self.level = self.level.saturating_add(1);
        delay
    }

    /// Ends a hold.
    pub(crate) fn resume(&mut self, now: Instant) {
        (self.resumed, self.worked) = (Some(now), false);
    }

    /// Resets the delay to the shortest.
    pub(crate) fn forget(&mut self) {
        self.level = 0;
    }

    /// Records a done message.
    pub(crate) fn worked(&mut self) {
        self.worked = true;
        self.refusals.accepted();
    }

    /// Ends the spell of trouble when the role has worked, or was idle, for as long as its last hold. Returns true when
    /// an announced state is over.
    pub(crate) fn calm(&mut self, now: Instant, is_idle: bool) -> bool {
        let last = self.policy.delay(self.level.saturating_sub(1));
        let quiet = self.resumed.is_some_and(|resumed| now.duration_since(resumed) >= last);
        let over = self.told == Some(Reason::Paused) && self.resumed.is_some();
        if !over && !(quiet && (self.worked || is_idle)) {
            return false;
        }
        (self.level, self.resumed) = (0, None);
        self.told.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn delays_double_up_to_a_minute() {
        let delays: Vec<u64> = (0..9).map(|n| Policy::ROLE.delay(n).as_millis() as u64).collect();
        assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(Policy::ROLE.delay(u32::MAX), seconds(60));
        assert_eq!(Policy::COMMAND.delays(), [1, 2, 4, 8].map(seconds), "five attempts in 15 s");
    }

    #[test]
    fn a_role_that_is_refused_from_its_start_ends_after_five_minutes() {
        let (mut holds, start) = (Holds::new(Policy::ROLE), Instant::now());
        let (mut now, mut answers) = (start, 0);
        loop {
            answers += 1;
            match holds.begin(Reason::Refused, now) {
                Begun::Hold { delay, news } => {
                    assert_eq!(news, answers == 1, "said once");
                    now += delay;
                    holds.resume(now);
                }
                Begun::End => break,
            }
        }
        assert!(now - start >= seconds(300) && now - start <= seconds(360), "{:?}", now - start);
        assert_eq!(answers, 12);
    }

    #[test]
    fn five_minutes_with_fewer_than_five_answers_are_not_enough() {
        let (mut refusals, start) = (Refusals::new(Policy::ROLE), Instant::now());
        for minute in [0, 10, 20, 30] {
            assert!(!refusals.refused(start + seconds(60 * minute)));
        }
        assert!(refusals.refused(start + seconds(60 * 31)));
        let mut refusals = Refusals::new(Policy::ROLE);
        assert!((0..300).all(|second| !refusals.refused(start + seconds(second))));
        assert!(refusals.refused(start + seconds(300)));
    }

    #[test]
    fn after_a_success_or_another_trouble_refusals_do_not_end_the_role() {
        let start = Instant::now();
        let mut refusals = Refusals::new(Policy::ROLE);
        assert!(!refusals.refused(start));
        refusals.accepted();
        assert!((0..100).all(|minute| !refusals.refused(start + seconds(60 * minute))));
        let mut refusals = Refusals::new(Policy::ROLE);
        for minute in 0..100 {
            assert!(!refusals.refused(start + seconds(60 * minute)));
            if minute % 4 == 3 {
                refusals.interrupted();
            }
        }
    }

    #[test]
    fn a_success_of_one_role_is_one_of_the_other_with_the_same_peer() {
        let (mut one, mut other, start) =
            (Holds::new(Policy::ROLE), Holds::new(Policy::ROLE), Instant::now());
        let shared = one.refusals().clone();
        other.refusals().share(&shared);
        one.worked();
        for minute in 0..100 {
            let now = start + seconds(60 * minute);
            assert!(matches!(other.begin(Reason::Refused, now), Begun::Hold { .. }), "minute {minute}");
            other.resume(now);
        }
    }

    #[test]
    fn a_command_asks_five_times() {
        let (mut refusals, now) = (Refusals::new(Policy::COMMAND), Instant::now());
        assert_eq!([(); 5].map(|()| refusals.refused(now)), [false, false, false, false, true]);
    }

    fn delay(holds: &mut Holds, reason: Reason, now: Instant) -> Duration {
        match holds.begin(reason, now) {
            Begun::Hold { delay, .. } => delay,
            Begun::End => panic!("ended"),
        }
    }

    #[test]
    fn holds_grow_although_the_probe_says_that_all_is_well() {
        let (mut holds, mut now) = (Holds::new(Policy::ROLE), Instant::now());
        holds.worked();
        for wanted in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            let delay = delay(&mut holds, Reason::Trouble, now);
            assert_eq!(delay.as_millis(), wanted);
            now += delay;
            holds.resume(now);
            // Other messages go through meanwhile.
            holds.worked();
            now += Duration::from_millis(100);
        }
        assert!(!holds.calm(now, true), "a moment is not enough");
        assert!(holds.calm(now + seconds(60), false), "said once");
        assert!(!holds.calm(now + seconds(61), false));
        assert_eq!(delay(&mut holds, Reason::Trouble, now + seconds(61)).as_millis(), 500);
    }

    #[test]
    fn work_that_was_not_done_is_no_success_and_an_empty_queue_is_calm() {
        let (mut holds, now) = (Holds::new(Policy::ROLE), Instant::now());
        delay(&mut holds, Reason::Trouble, now);
        holds.resume(now);
        assert!(!holds.calm(now + seconds(3_600), false), "one long job is under way");
        assert_eq!(delay(&mut holds, Reason::Trouble, now + seconds(3_600)), seconds(1));
        holds.resume(now);
        assert!(holds.calm(now + seconds(1), true));
    }

    #[test]
    fn each_state_is_news_once() {
        let (mut holds, now) = (Holds::new(Policy::ROLE), Instant::now());
        let mut news = |reason| match holds.begin(reason, now) {
            Begun::Hold { news, .. } => news,
            Begun::End => panic!("ended"),
        };
        use Reason::{Paused, Refused, Trouble};
        let reasons = [Refused, Refused, Trouble, Trouble, Refused, Paused];
        assert_eq!(reasons.map(&mut news), [true, false, true, false, true, true]);
        holds.resume(now);
        assert!(holds.calm(now, false), "a pause is over when it ends");
    }
}
