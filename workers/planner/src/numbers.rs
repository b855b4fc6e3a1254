//! Formats numbers for operators: `12,340`, `2 lists`, `3 h 12 min`. Independent of what they count.

pub use messages::{counted, grouped};

/// Seconds per day.
pub(crate) const DAY: u64 = 86_400;

/// Formats a duration in its two largest units. Rounds up to minutes below a day, down to hours above.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        3_600..DAY => {
            let minutes = seconds.div_ceil(60);
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
        _ => format!("{} {} h", counted(seconds / DAY, "day"), seconds % DAY / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_two_units_at_most() {
        let shown = [0, 59, 61, 3_600, 11_520, 86_399, 90_000, 200_000].map(duration);
        let wanted =
            ["0 s", "59 s", "2 min", "1 h 0 min", "3 h 12 min", "24 h 0 min", "1 day 1 h", "2 days 7 h"];
        assert_eq!(shown, wanted);
    }
}
