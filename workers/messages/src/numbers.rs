//! Formats counts for operators: `12,340`, `1 list`, `2 lists`.

/// Formats a number with thousands separators: `12,340`.
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

/// Formats a number with its noun: `1 list`, `2 lists`, `2 processes`, `2 indices`.
pub fn counted(count: u64, noun: &str) -> String {
    let number = grouped(count);
    if count == 1 {
        return format!("{number} {noun}");
    }
    match noun.strip_suffix("index") {
        Some(before) => format!("{number} {before}indices"),
        None if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{number} {noun}es"),
        None => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let shown = [0, 7, 999, 1_000, 12_340, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "12,340", "123,456", "1,234,567"]);
    }

    #[test]
    fn nouns_agree_with_their_number() {
        for (count, noun, shown) in [
            (0, "job", "0 jobs"),
            (1, "message", "1 message"),
            (2_000, "list", "2,000 lists"),
            (1, "process", "1 process"),
            (2, "process", "2 processes"),
            (1, "index", "1 index"),
            (3, "red index", "3 red indices"),
        ] {
            assert_eq!(counted(count, noun), shown);
        }
    }
}
