//! Parses cron expressions of five fields. Independent of time zones and of what a firing does.
//!
//! Own code, because every maintained crate for cron expressions brings a second version of jiff.

use jiff::civil::Date;

/// Minute, hour, day, month and weekday, each as a bit set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both day and weekday are restricted. Then one match is enough, as in every cron.
    either_day: bool,
}

/// Why a text is not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The expression does not have five fields.
    #[error("has {0} fields, not the five of minute, hour, day, month and weekday")]
    Fields(usize),
    /// A field is invalid.
    #[error(
        "has {text:?} as its {field}, which takes {from} to {to}, lists (1,2), ranges (1-5), steps (*/2) and *"
    )]
    Field {
        /// Name of the field.
        field: &'static str,
        /// Text of the field.
        text: String,
        /// Smallest valid number.
        from: u8,
        /// Largest valid number.
        to: u8,
    },
    /// No date matches, for example the 30th of February.
    #[error("never fires: no month it names has such a day")]
    Never,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field of an expression.
struct Field {
    name: &'static str,
    from: u8,
    to: u8,
    /// Names for the numbers, beginning with the smallest number.
    names: &'static [&'static str],
}

impl Cron {
    /// Parses an expression such as `30 4 * * *` or `0 6-20/2 * * mon-fri`.
    ///
    /// # Errors
    /// Returns an error if it does not have five fields, a field is invalid, or it never fires.
    pub(crate) fn parse(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::Fields(fields.len()));
        };
        let field = |name, from, to, names| Field { name, from, to, names };
        // Sunday is 0 and 7.
        let weekdays = field("weekday", 0, 7, &WEEKDAYS).parse(weekday)?;
        let cron = Self {
            minutes: field("minute", 0, 59, &[]).parse(minute)?,
            hours: field("hour", 0, 23, &[]).parse(hour)?,
            days: field("day", 1, 31, &[]).parse(day)?,
            months: field("month", 1, 12, &MONTHS).parse(month)?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        if cron.happens() { Ok(cron) } else { Err(CronError::Never) }
    }

    /// True if it fires on this date.
    pub(crate) fn is_on(&self, date: Date) -> bool {
        let has = |set: u64, number: i8| set >> number & 1 == 1;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let fits = if self.either_day { day || weekday } else { day && weekday };
        fits && has(self.months, date.month())
    }

    /// Returns the times of day at which it fires, in order, as hour and minute.
    pub(crate) fn times(&self) -> impl Iterator<Item = (i8, i8)> + '_ {
        let within = |set: u64, count: i8| (0..count).filter(move |number| set >> number & 1 == 1);
        within(self.hours, 24)
            .flat_map(move |hour| within(self.minutes, 60).map(move |minute| (hour, minute)))
    }

    /// False for the 30th of February and the like. With `either_day`, a weekday matches in every month.
    fn happens(&self) -> bool {
        const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let first_day = self.days.trailing_zeros();
        self.either_day
            || LENGTHS
                .iter()
                .zip(1..)
                .any(|(length, month)| self.months >> month & 1 == 1 && first_day <= *length)
    }
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, CronError> {
        let mut set = 0;
        for part in text.split(',') {
            set |= self.part(part).ok_or_else(|| CronError::Field {
                field: self.name,
                text: text.chars().take(64).collect(),
                from: self.from,
                to: self.to,
            })?;
        }
        Ok(set)
    }

    /// Parses `*`, `5` or `1-5`, each with an optional step.
    fn part(&self, part: &str) -> Option<u64> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.from, self.to),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None => {
                let only = self.number(range)?;
                // `5/15` runs from 5 to the largest number.
                (only, if step.is_some() { self.to } else { only })
            }
        };
        let numbers = (first..=last).step_by(usize::from(step.unwrap_or(1)));
        let set = numbers.fold(0, |set: u64, number| set | 1 << number);
        (set > 0).then_some(set)
    }

    fn number(&self, text: &str) -> Option<u8> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(place) => self.from.checked_add(u8::try_from(place).ok()?)?,
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.from..=self.to).contains(&number).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn times(text: &str) -> Vec<(i8, i8)> {
        Cron::parse(text).unwrap().times().collect()
    }

    #[test]
    fn fields_take_numbers_lists_ranges_steps_and_names() {
        assert_eq!(times("30 4 * * *"), [(4, 30)]);
        assert_eq!(times("0,30 6-8 * * *"), [(6, 0), (6, 30), (7, 0), (7, 30), (8, 0), (8, 30)]);
        assert_eq!(
            times("*/20 1/11 * * *"),
            [(1, 0), (1, 20), (1, 40), (12, 0), (12, 20), (12, 40), (23, 0), (23, 20), (23, 40)]
        );
        let workdays = Cron::parse("0 0 * * mon-fri").unwrap();
        // 2026-01-05 is a Monday.
        let week: Vec<bool> = (5..=11).map(|day| workdays.is_on(date(2026, 1, day))).collect();
        assert_eq!(week, [true, true, true, true, true, false, false]);
        for sunday in ["0", "7", "SUN", "6-7"] {
            assert!(Cron::parse(&format!("0 0 * * {sunday}")).unwrap().is_on(date(2026, 1, 11)), "{sunday}");
        }
        let quarters = Cron::parse("0 0 1 jan,4,7,oct *").unwrap();
        assert!(quarters.is_on(date(2026, 10, 1)) && !quarters.is_on(date(2026, 11, 1)));
    }

    #[test]
    fn a_day_and_a_weekday_are_either() {
        let either = Cron::parse("0 0 13 * 5").unwrap();
        let on = |day| either.is_on(date(2026, 1, day));
        assert!(on(13) && on(2) && !on(14), "the 13th, and every Friday");
        let both = Cron::parse("0 0 */2 * 5").unwrap();
        assert!(both.is_on(date(2026, 1, 9)) && !both.is_on(date(2026, 1, 2)), "a * restricts nothing");
    }

    #[test]
    fn a_wrong_expression_names_its_field() {
        for (text, says) in [
            ("30 4 * *", "4 fields"),
            ("", "0 fields"),
            ("30 4 * * * *", "6 fields"),
            ("60 4 * * *", "minute"),
            ("30 24 * * *", "hour"),
            ("30 4 0 * *", "day"),
            ("30 4 * 13 *", "month"),
            ("30 4 * * 8", "weekday"),
            ("30 4 * * someday", "weekday"),
            ("*/0 4 * * *", "minute"),
            ("30-10 4 * * *", "minute"),
            ("+5 4 * * *", "minute"),
            (", 4 * * *", "minute"),
            ("0 0 30 feb *", "never fires"),
            ("0 0 31 4,6,9,11 *", "never fires"),
        ] {
            let error = Cron::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        assert!(Cron::parse("0 0 29 2 *").is_ok(), "every fourth year");
    }
}
