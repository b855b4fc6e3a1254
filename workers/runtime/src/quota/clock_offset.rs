//! The offset between the clocks of two machines, and conversion of times between them. Independent of the meaning of
//! these times.

use jiff::{SignedDuration, Timestamp};

/// Smaller offsets in ms are ignored when times are displayed.
const ALIKE_MS: i64 = 2_000;

/// How far the clock of another process is ahead of ours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ClockOffset {
    ms: i64,
}

impl ClockOffset {
    /// Computes the offset when the other clock showed `there` and ours `here`. Ignores the message's latency, which
    /// is far below the precision needed.
    pub(crate) fn between(there: Timestamp, here: Timestamp) -> Self {
        Self { ms: there.as_millisecond().saturating_sub(here.as_millisecond()) }
    }

    /// Adds milliseconds to the offset.
    pub(crate) fn plus(self, ms: i64) -> Self {
        Self { ms: self.ms.saturating_add(ms) }
    }

    /// Converts a time of our clock to the other clock.
    pub(crate) fn to_remote(self, here: Timestamp) -> Timestamp {
        here.checked_add(SignedDuration::from_millis(self.ms)).unwrap_or(here)
    }

    /// Converts a time of the other clock to ours, with the offset in whole seconds. Returns it unchanged if the
    /// clocks agree.
    pub(crate) fn to_local(self, there: Timestamp) -> Timestamp {
        let off = if self.ms.unsigned_abs() < ALIKE_MS.unsigned_abs() {
            0
        } else {
            self.ms.saturating_add(self.ms.signum() * 500) / 1_000
        };
        there.checked_sub(SignedDuration::from_secs(off)).unwrap_or(there)
    }
}

/// Identifies the clock of this machine: the boot id, which all processes of a running kernel share, including
/// containers. Empty if unreadable.
pub(crate) fn clock_id() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_an_hour_off_is_read_right_in_both_directions() {
        for (there, here) in [
            ("2026-01-02T12:00:00.2Z", "2026-01-02T11:00:00.5Z"),
            ("2026-01-02T10:00:00.2Z", "2026-01-02T11:00:00.5Z"),
        ] {
            let offset = ClockOffset::between(time(there), time(here));
            assert_eq!(offset.to_remote(time(here)), time(there));
            let off =
                time("2026-01-03T00:00:00Z").duration_since(offset.to_local(time("2026-01-03T00:00:00Z")));
            assert_eq!(off.as_secs().abs(), 3_600);
            assert_eq!(off.subsec_nanos(), 0, "whole seconds only");
        }
    }

    #[test]
    fn clocks_that_agree_leave_times_as_they_are() {
        let offset = ClockOffset::between(time("2026-01-02T12:00:00Z"), time("2026-01-02T12:00:01.4Z"));
        assert_eq!(offset.to_local(time("2026-01-03T00:00:00Z")), time("2026-01-03T00:00:00Z"));
        assert_eq!(
            offset.plus(3_600_000).to_local(time("2026-01-03T01:00:00Z")),
            time("2026-01-03T00:00:01Z")
        );
    }

    #[test]
    fn what_cannot_be_shown_by_the_other_clock_is_left_as_it_is() {
        let offset = ClockOffset::between(time("2026-01-02T12:00:00Z"), time("2026-01-02T11:00:00Z"));
        assert_eq!(offset.to_remote(Timestamp::MAX), Timestamp::MAX);
        assert_eq!(offset.to_local(Timestamp::MIN), Timestamp::MIN);
    }
}
