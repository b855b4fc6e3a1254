//! Figures as an operator reads them: `12,340`, `2 lists`, `3 h 12 min`. Must not know what they count.

/// Seconds of a day.
pub(crate) const DAY: u64 = 86_400;

/// A number with commas: `12,340`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun: `1 list`, `2 lists`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A duration in its two largest units, rounded up to the smaller one below a day.
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
    fn numbers_are_grouped_by_thousands() {
        let shown = [0, 7, 999, 1_000, 12_340, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "12,340", "123,456", "1,234,567"]);
        assert_eq!((counted(1, "list"), counted(2_000, "list")), ("1 list".into(), "2,000 lists".into()));
    }

    #[test]
    fn durations_show_two_units_at_most() {
        let shown = [0, 59, 61, 3_600, 11_520, 86_399, 90_000, 200_000].map(duration);
        let wanted =
            ["0 s", "59 s", "2 min", "1 h 0 min", "3 h 12 min", "24 h 0 min", "1 day 1 h", "2 days 7 h"];
        assert_eq!(shown, wanted);
    }
}
