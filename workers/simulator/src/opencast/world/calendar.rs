//! Times of a date's actions: hour, parallel lane, and beat of 30 seconds. An action's place in its date is also its
//! rank by time, so a window is two binary searches.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::world::mix;

/// Interval of heartbeats.
pub(super) const BEAT_MS: i64 = 30_000;
const HOUR_MS: i64 = 3_600_000;
/// Maximum beats per lane and hour, out of 120, which leaves room for a later start.
const MOST_BEATS: u32 = 100;
const EPOCH: Date = date(2000, 1, 1);

/// A date in the server's zone, 23 to 25 hours long.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Day {
    pub(super) seed: u64,
    /// Days since 2000-01-01.
    pub(super) number: i32,
    pub(in super::super) count: u32,
    /// Start of the date in Unix milliseconds.
    pub(in super::super) start_ms: i64,
    hours: u32,
}

/// Position of an action in its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) hour: u32,
    pub(super) lane: u32,
    /// Beat within the lane's hour.
    pub(super) beat: u32,
    /// Number of beats of the lane in that hour.
    pub(super) beats: u32,
}

impl Day {
    pub(super) fn new(seed: u64, date: Date, zone: &TimeZone, count: u32) -> Option<Self> {
        let midnight = |date: Date| {
            Some(zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().ok()?.as_millisecond())
        };
        let start_ms = midnight(date)?;
        let hours = ((midnight(date.tomorrow().ok()?)? - start_ms) / HOUR_MS).max(1) as u32;
        let number = date.since(EPOCH).ok()?.get_days();
        Some(Self { seed: mix(seed, number as u64), number, count, start_ms, hours })
    }

    /// Time of the action at `place`, in Unix milliseconds. Ascends with the place.
    pub(in super::super) fn created_ms(&self, place: u32) -> i64 {
        let (hour, place) = self.hour(place);
        let in_hour = self.in_hour(hour);
        let lanes = lanes(in_hour);
        let beats = i64::from(in_hour.div_ceil(lanes));
        let room = (HOUR_MS - beats * BEAT_MS) / 1_000;
        // Actions at both ends of the date test the borders of windows.
        let later = match hour {
            0 => 0,
            last if last + 1 == self.hours => room,
            _ => (mix(self.seed, u64::from(hour)) % (room as u64 + 1)) as i64,
        };
        let beat = i64::from(place / lanes) * BEAT_MS;
        let lane = i64::from(place % lanes) * BEAT_MS / i64::from(lanes);
        self.start_ms + i64::from(hour) * HOUR_MS + later * 1_000 + beat + lane
    }

    /// Number of actions before an instant in Unix milliseconds.
    pub(in super::super) fn before(&self, ms: i64) -> u32 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.created_ms(middle) < ms { low = middle + 1 } else { high = middle }
        }
        low
    }

    pub(super) fn seat(&self, place: u32) -> Seat {
        let (hour, place) = self.hour(place);
        let in_hour = self.in_hour(hour);
        let lanes = lanes(in_hour);
        let lane = place % lanes;
        Seat { hour, lane, beat: place / lanes, beats: (in_hour - lane).div_ceil(lanes) }
    }

    /// Hour of a place, and the place within it. The first hours may have one action more than the others.
    fn hour(&self, place: u32) -> (u32, u32) {
        let (each, longer) = (self.count / self.hours, self.count % self.hours);
        let in_longer = (each + 1) * longer;
        if place < in_longer {
            return (place / (each + 1), place % (each + 1));
        }
        let rest = place - in_longer;
        (longer + rest / each.max(1), rest % each.max(1))
    }

    fn in_hour(&self, hour: u32) -> u32 {
        self.count / self.hours + u32::from(hour < self.count % self.hours)
    }
}

/// Number of lanes in an hour of `count` actions: up to 8 lanes of 12 beats, then longer lanes, then more lanes of
/// 100 beats.
fn lanes(count: u32) -> u32 {
    count.div_ceil(MOST_BEATS).max(count.div_ceil(12).min(8)).max(1)
}

/// Date of an instant in the server's zone.
pub(in super::super) fn date_at(ms: i64, zone: &TimeZone) -> Date {
    Timestamp::from_millisecond(ms).map_or(Date::MAX, |instant| zone.to_datetime(instant).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days() -> Vec<Day> {
        let zone = TimeZone::get("America/New_York").unwrap();
        let dates = [date(2026, 1, 14), date(2026, 3, 8), date(2026, 11, 1)];
        let day = |date, count| Day::new(9, date, &zone, count).unwrap();
        let of = |date| [0, 1, 23, 500, 4_999, 60_000].map(|count| day(date, count));
        dates.into_iter().flat_map(of).collect()
    }

    #[test]
    fn actions_stand_in_time_in_the_order_of_their_places_and_inside_their_date() {
        for day in days() {
            let end = day.start_ms + i64::from(day.hours) * HOUR_MS;
            let mut last = day.start_ms;
            for place in 0..day.count {
                let created = day.created_ms(place);
                assert!(last <= created && created < end, "{place} of {day:?} is at {created}");
                last = created;
            }
            assert!(day.count == 0 || day.created_ms(0) == day.start_ms);
            assert!(day.count < 500 || end - last <= 60_000, "the last minutes of {day:?} are empty");
        }
    }

    #[test]
    fn the_date_of_a_clock_change_has_23_or_25_hours() {
        let hours: Vec<_> = days().iter().step_by(6).map(|day| day.hours).collect();
        assert_eq!(hours, [24, 23, 25]);
    }

    #[test]
    fn a_search_by_time_finds_what_counting_finds() {
        for day in days().into_iter().filter(|day| day.count < 5_000) {
            for step in 0..50 {
                let ms = day.start_ms + step * 1_801_317;
                let counted = (0..day.count).filter(|place| day.created_ms(*place) < ms).count();
                assert_eq!(day.before(ms), counted as u32, "{ms} in {day:?}");
            }
        }
    }

    #[test]
    fn no_two_actions_share_a_seat_and_no_lane_is_longer_than_it_says() {
        for day in days().into_iter().filter(|day| day.count < 5_000) {
            let mut seats = std::collections::HashSet::new();
            for place in 0..day.count {
                let seat = day.seat(place);
                assert!(seat.beat < seat.beats && seat.beats <= MOST_BEATS, "{seat:?}");
                assert!(seats.insert((seat.hour, seat.lane, seat.beat)));
            }
        }
    }
}
