//! Start times and lengths of meetings.

use rand::Rng;
use rand::rngs::SmallRng;

const HOUR: u32 = 3_600;
/// Start hours in UTC; busy hours are repeated.
const HOURS: [u32; 24] =
    [0, 1, 7, 8, 8, 12, 13, 13, 13, 14, 14, 14, 15, 15, 16, 16, 17, 18, 18, 19, 20, 21, 22, 23];
/// Scheduled lengths in minutes.
const LENGTHS: [u32; 10] = [10, 15, 30, 30, 45, 50, 60, 75, 90, 180];

/// Start in seconds after midnight, and length in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// Slot of meeting `index` of a date. 1 in 25 crosses midnight.
pub(crate) fn slot(index: u32, rng: &mut SmallRng) -> Slot {
    let length = LENGTHS[rng.random_range(0..LENGTHS.len())] * 60 + rng.random_range(0..240);
    if index % 25 == 7 {
        let before = rng.random_range(60..length.min(HOUR));
        return Slot { start: 24 * HOUR - before, length };
    }
    let hour = HOURS[rng.random_range(0..HOURS.len())];
    let start = hour * HOUR + rng.random_range(0..4) * 15 * 60 + rng.random_range(0..120);
    // All others end at least 30 seconds before midnight.
    let length = length.min(24 * HOUR - 30 - start.min(24 * HOUR - 300));
    Slot { start: start.min(24 * HOUR - 300), length }
}
