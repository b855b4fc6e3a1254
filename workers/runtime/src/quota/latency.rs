//! Network latency of a fleet: the minimum round-trip time of a process, and the delay of tokens that the leader's
//! rate allows for. Pure: the time is passed in, in seconds.

/// Allowed delay of a token over the recent minimum round-trip time, as a factor.
const MARGIN: f64 = 1.5;
/// Delays are rounded up to a multiple of this, in seconds; smaller differences are ignored.
const STEP: f64 = 0.01;
/// Maximum allowed delay, in seconds. Beyond it, a process or machine was suspended.
const FARTHEST: f64 = 1.0;
/// Seconds of much lower latency before the allowance shrinks.
const CALM: f64 = 60.0;
/// Seconds after which a late token belongs to no window: the longest window (60 s), plus the maximum delay of a
/// token and of its call.
const DRAIN: f64 = 64.0;

/// Length of a measuring period in seconds. The minimum covers the current period and the one before.
const TURN: f64 = 5.0;
/// Minimum number of round trips, because a single one may be slow by chance.
const ENOUGH: u32 = 5;

/// The recent minimum round-trip time of a process.
#[derive(Debug, Clone, Default)]
pub(super) struct MinRtt {
    /// Start of the current period; then minimum and number of round trips of the current and the previous period.
    began: f64,
    turns: [Option<(f64, u32)>; 2],
}

impl MinRtt {
    /// Records a round trip, in seconds.
    pub(super) fn note(&mut self, trip: f64, now: f64) {
        self.turn(now);
        if trip > FARTHEST {
            return;
        }
        let (least, count) = self.turns[0].unwrap_or((trip, 0));
        self.turns[0] = Some((least.min(trip), count + 1));
    }

    /// Returns the minimum, after enough round trips.
    pub(super) fn get(&mut self, now: f64) -> Option<f64> {
        self.turn(now);
        let seen = self.turns.iter().flatten();
        let (least, count) =
            seen.fold((f64::MAX, 0), |(least, count), turn| (least.min(turn.0), count + turn.1));
        (count >= ENOUGH).then_some(least)
    }

    fn turn(&mut self, now: f64) {
        let turns = ((now - self.began) / TURN).floor();
        if turns >= 1.0 {
            self.began += turns * TURN;
            self.turns = [None, if turns < 2.0 { self.turns[0] } else { None }];
        }
    }
}

/// The delay of tokens that the leader allows for.
///
/// The rate may fall at any time but rises late. While tokens granted with a longer allowance may be in flight, the
/// rate must leave room for them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LatencyAllowance {
    /// Seconds that a token may be in flight, if the limit's own room does not allow more.
    pub(super) reach: f64,
    /// Seconds that the rate leaves room for.
    pub(super) room: f64,
    /// The last wanted delay, if above `reach`. A longer delay counts when it is repeated.
    wider: Option<f64>,
    /// Start of the period in which all latencies were at most half of `reach`.
    short_since: Option<f64>,
    /// When `reach` last shrank.
    shortened: f64,
}

impl LatencyAllowance {
    /// Continues with the room that the previous leader left.
    pub(super) fn new(room: f64) -> Self {
        let room = if room.is_finite() { room.clamp(0.0, FARTHEST) } else { 0.0 };
        Self { reach: room, room, wider: None, short_since: None, shortened: 0.0 }
    }

    /// Records the largest minimum round-trip time, about every second; `None` if none is known. Returns true on a
    /// change.
    pub(super) fn note(&mut self, farthest: Option<f64>, now: f64) -> bool {
        let before = *self;
        let wanted = farthest.map(|trip| ((trip * MARGIN / STEP - 1e-6).ceil() * STEP).clamp(STEP, FARTHEST));
        let wider = wanted.filter(|wanted| *wanted > self.reach);
        let again = std::mem::replace(&mut self.wider, wider);
        match wanted {
            Some(wanted) if wanted > self.reach => {
                self.short_since = None;
                if let Some(again) = again {
                    self.reach = wanted.min(again);
                    self.room = self.room.max(self.reach);
                }
            }
            Some(wanted) if wanted <= self.reach / 2.0 => {
                if now - *self.short_since.get_or_insert(now) >= CALM {
                    (self.reach, self.shortened, self.short_since) = (wanted, now, None);
                }
            }
            _ => self.short_since = None,
        }
        if self.room > self.reach && now - self.shortened >= DRAIN {
            self.room = self.reach;
        }
        (before.reach, before.room) != (self.reach, self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_late_counts_once_there_were_enough() {
        let mut min_rtt = MinRtt::default();
        for (number, trip) in [0.3, 0.1, 0.2, 0.4].into_iter().enumerate() {
            min_rtt.note(trip, number as f64 / 10.0);
        }
        assert_eq!(min_rtt.get(0.5), None, "four are not enough");
        min_rtt.note(0.5, 6.0);
        assert_eq!(min_rtt.get(6.0), Some(0.1));
        for _ in 0..5 {
            min_rtt.note(0.7, 11.0);
        }
        assert_eq!(min_rtt.get(11.0), Some(0.5), "what was earlier is forgotten");
        assert_eq!(min_rtt.get(17.0), Some(0.7));
        assert_eq!(min_rtt.get(40.0), None);
        for _ in 0..9 {
            min_rtt.note(1.1, 41.0);
        }
        assert_eq!(min_rtt.get(41.0), None, "a frozen process does not count as distant");
    }

    #[test]
    fn a_longer_way_counts_soon_and_a_shorter_one_late_and_in_two_steps() {
        let mut allowance = LatencyAllowance::new(0.0);
        assert!(!allowance.note(Some(0.9), 8.0), "once may be a stall");
        assert!(allowance.note(Some(0.1), 10.0));
        assert_eq!((allowance.reach, allowance.room), (0.15, 0.15));
        assert!(!allowance.note(Some(0.099), 11.0) && !allowance.note(None, 12.0));
        for (now, changed, room) in [
            (20.0, false, 0.15),
            (79.0, false, 0.15),
            (80.0, true, 0.15),
            (143.0, false, 0.15),
            (144.0, true, 0.01),
        ] {
            assert_eq!(allowance.note(Some(0.001), now), changed, "{now}");
            assert_eq!(allowance.room, room, "{now}");
        }
        assert_eq!(allowance.reach, 0.01);
    }

    #[test]
    fn a_way_that_is_long_again_in_between_begins_the_wait_anew() {
        let mut allowance = LatencyAllowance::new(0.3);
        assert!(
            !allowance.note(Some(0.01), 0.0)
                && !allowance.note(Some(0.2), 59.0)
                && !allowance.note(Some(0.01), 60.0)
        );
        assert!(!allowance.note(Some(0.01), 119.0) && allowance.note(Some(0.01), 120.0));
        // The latency rises again while the room for it still exists.
        assert!(!allowance.note(Some(0.2), 130.0) && allowance.note(Some(0.2), 132.0));
        assert_eq!((allowance.reach, allowance.room), (0.3, 0.3));
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        let mut allowance = LatencyAllowance::new(f64::NAN);
        assert_eq!(allowance.room, 0.0);
        assert!(!allowance.note(Some(30.0), 0.0) && allowance.note(Some(30.0), 2.0));
        assert_eq!((allowance.reach, allowance.room), (FARTHEST, FARTHEST));
        assert_eq!(LatencyAllowance::new(9.0).room, FARTHEST);
    }
}
