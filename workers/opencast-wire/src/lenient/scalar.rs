//! A scalar that may arrive as text, number or boolean, or as the text of an element with attributes.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::member;
use crate::Fault;

/// 2^53: the largest number up to which a double represents every integer exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One scalar as received. Reading never fails: any other value is [`Scalar::Odd`], and only its conversion fails.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Scalar<'a> {
    /// Missing, null or an empty text.
    #[default]
    Absent,
    /// A non-empty text.
    Text(Cow<'a, str>),
    /// An integer.
    Whole(i64),
    /// A number with a point or an exponent.
    Double(f64),
    /// A boolean.
    Truth(bool),
    /// A list, an object without a text, or a number too large for a double.
    Odd,
}

impl<'a> Scalar<'a> {
    /// Reads a raw value.
    pub fn read(value: &'a RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'"') => match read_text(text) {
                text if text.is_empty() => Self::Absent,
                text => Self::Text(text),
            },
            Some(b'n') => Self::Absent,
            Some(b't') => Self::Truth(true),
            Some(b'f') => Self::Truth(false),
            // An object here could nest objects without limit.
            Some(b'{') => match member(value, "$").filter(|text| !text.get().starts_with('{')) {
                Some(text) => Self::read(text),
                None => Self::Odd,
            },
            Some(b'[') => Self::Odd,
            _ => read_number(text),
        }
    }

    /// Reads a member that may be missing.
    pub(crate) fn of(value: Option<&'a RawValue>) -> Self {
        value.map(Self::read).unwrap_or_default()
    }

    /// Returns the text. Numbers and booleans are converted to text.
    ///
    /// # Errors
    /// Returns an error if the value is not a scalar.
    pub fn text(self, field: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Whole(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Self::Double(number) => Ok(Some(Cow::Owned(number.to_string()))),
            Self::Truth(true) => Ok(Some(Cow::Borrowed("true"))),
            Self::Truth(false) => Ok(Some(Cow::Borrowed("false"))),
            Self::Odd => Err(Fault::Not { field, what: "text" }),
        }
    }

    /// Returns the integer. Accepts the double `4160.0` and the text `"4160"` as 4160.
    ///
    /// # Errors
    /// Returns an error for any other value.
    pub fn number(&self, field: &'static str) -> Result<Option<i64>, Fault> {
        let number = match self {
            Self::Absent => return Ok(None),
            Self::Whole(number) => Some(*number),
            Self::Double(number) => whole(*number),
            Self::Text(text) if text.trim().is_empty() => return Ok(None),
            Self::Text(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
            Self::Truth(_) | Self::Odd => None,
        };
        number.map(Some).ok_or(Fault::Not { field, what: "whole number" })
    }

    /// Returns the boolean. Accepts 1 and 0.
    ///
    /// # Errors
    /// Returns an error for any other value.
    pub fn flag(&self, field: &'static str) -> Result<Option<bool>, Fault> {
        match self {
            Self::Absent => Ok(None),
            Self::Truth(truth) => Ok(Some(*truth)),
            Self::Text(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Some(true)),
            Self::Text(text) if text.trim().eq_ignore_ascii_case("false") => Ok(Some(false)),
            other => match other.number(field) {
                Ok(Some(number @ (0 | 1))) => Ok(Some(number == 1)),
                Ok(None) => Ok(None),
                _ => Err(Fault::Not { field, what: "true or false" }),
            },
        }
    }

    /// Returns the timestamp: a date and time with an offset, or milliseconds since 1970. A date with or without a time
    /// and without an offset is UTC, as in Opencast's catalogues. A year before 0 is an error: no store accepts it.
    ///
    /// # Errors
    /// Returns an error for any other value.
    pub fn instant(&self, field: &'static str) -> Result<Option<Timestamp>, Fault> {
        let instant = match self {
            Self::Absent => return Ok(None),
            Self::Text(text) => read_instant(text.trim()),
            _ => self.number(field)?.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        };
        let instant = instant.filter(|instant| Offset::UTC.to_datetime(*instant).year() >= 0);
        instant.map(Some).ok_or(Fault::Not { field, what: "time" })
    }

    /// Returns the UTC offset in the text of a time; `None` for any other value and for a time without an offset.
    pub fn offset(&self) -> Option<Offset> {
        let Self::Text(text) = self else { return None };
        Pieces::parse(text.trim()).ok()?.to_numeric_offset()
    }
}

fn whole(number: f64) -> Option<i64> {
    let fits = number.abs() <= EXACT && number.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range, as just found")]
    fits.then_some(number as i64)
}

fn read_instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    if text.len() > 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_millisecond(text.parse().ok()?).ok();
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(Self::read)
    }
}

fn read_number(text: &str) -> Scalar<'_> {
    if let Ok(number) = text.parse() {
        return Scalar::Whole(number);
    }
    // An integer of more than 64 bits keeps its digits.
    match text.parse::<f64>().ok().filter(|number| number.is_finite()) {
        Some(_) if !text.contains(['.', 'e', 'E']) => Scalar::Text(Cow::Borrowed(text)),
        Some(number) => Scalar::Double(number),
        None => Scalar::Odd,
    }
}

/// Decodes a JSON string, with U+FFFD for each unpaired surrogate.
fn read_text(json: &str) -> Cow<'_, str> {
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let read = serde_json::from_str(json).or_else(|_| serde_json::from_str(&without_halves(json)));
    Cow::Owned(read.unwrap_or_else(|_| char::REPLACEMENT_CHARACTER.to_string()))
}

/// Replaces the escape of each unpaired surrogate in a JSON string by that of U+FFFD.
fn without_halves(json: &str) -> String {
    let (mut whole, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        whole.push_str(before);
        let (taken, kept) = match (unit(escape), escape.get(6..).and_then(unit)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (12, true),
            (Some(0xD800..0xE000), _) => (6, false),
            (Some(_), _) => (6, true),
            // In valid JSON, any other escape has 2 characters.
            (None, _) => (2.min(escape.len()), true),
        };
        let (escape, after) = escape.split_at(taken);
        whole.push_str(if kept { escape } else { "\\ufffd" });
        rest = after;
    }
    whole.push_str(rest);
    whole
}

/// Returns the UTF-16 unit of the escape at the beginning of a text.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Scalar<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_text_is_a_text_whatever_it_came_as() {
        let text = |json| read(json).text("x").unwrap().map(Cow::into_owned);
        for (json, meant) in [
            ("\"a\\u00e4\"", "aä"),
            ("81234567", "81234567"),
            ("-3", "-3"),
            ("2.0150333383E10", "20150333383"),
            ("1.5", "1.5"),
            ("\"00123456\"", "00123456"),
            ("18446744073709551615", "18446744073709551615"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#""a\ud83d\ude00\u005c\n""#, "a😀\\\n"),
            ("true", "true"),
            (r#"{"type":"md5","$":"abc"}"#, "abc"),
            (r#"{"$":7,"type":"md5"}"#, "7"),
        ] {
            assert_eq!(text(json).as_deref(), Some(meant), "{json}");
        }
        for none in ["null", "\"\""] {
            assert_eq!(text(none), None, "{none}");
        }
        for odd in ["[]", "[1]", "{}", r#"{"a":"b"}"#, "1e999"] {
            let fault = read(odd).text("x").unwrap_err();
            assert_eq!(fault.to_string(), "field `x` is no text", "{odd}");
        }
    }

    #[test]
    fn half_an_emoji_costs_one_character() {
        for (json, meant) in [
            (r#""a\ud83dz""#, "a\u{fffd}z"),
            (r#""\ude00""#, "\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83d\u0041\\ud83d""#, "\u{fffd}A\\ud83d"),
            (r#""\\\ud83d\"ä""#, "\\\u{fffd}\"ä"),
            (r#"{"$":"\uDEAD"}"#, "\u{fffd}"),
        ] {
            assert_eq!(read(json).text("x").unwrap().as_deref(), Some(meant), "{json}");
        }
    }

    #[test]
    fn a_number_is_a_number_whatever_it_came_as() {
        for json in ["4160", "4160.0", "\"4160\"", "\" 4160 \"", "\"4160.0\"", "4.16E3"] {
            assert_eq!(read(json).number("x").unwrap(), Some(4_160), "{json}");
        }
        for none in ["null", "\"\"", "\" \""] {
            assert_eq!(read(none).number("x").unwrap(), None, "{none}");
        }
        for odd in ["\"x\"", "1.5", "1e300", "true", "[]", "{}"] {
            assert!(read(odd).number("x").is_err(), "{odd}");
        }
    }

    #[test]
    fn a_flag_is_a_flag_whatever_it_came_as() {
        for (json, meant) in
            [("true", true), ("\"False\"", false), ("1", true), ("\"0\"", false), ("1.0", true)]
        {
            assert_eq!(read(json).flag("x").unwrap(), Some(meant), "{json}");
        }
        for odd in ["2", "\"live\"", "[]"] {
            assert!(read(odd).flag("x").is_err(), "{odd}");
        }
    }

    #[test]
    fn an_instant_is_read_in_every_form_that_was_seen() {
        let at = |json| read(json).instant("x").unwrap().map(|instant| instant.to_string());
        for (json, meant) in [
            ("\"2016-02-26T10:00:30-05:00\"", "2016-02-26T15:00:30Z"),
            ("\"2016-02-26T10:00:30.250-05:00\"", "2016-02-26T15:00:30.25Z"),
            ("\"2024-05-07T16:24Z\"", "2024-05-07T16:24:00Z"),
            ("\"2024-05-07T16:24:00\"", "2024-05-07T16:24:00Z"),
            ("\"2024-05-07\"", "2024-05-07T00:00:00Z"),
            ("1430869140000", "2015-05-05T23:39:00Z"),
            ("1.43086914E12", "2015-05-05T23:39:00Z"),
            ("\"1430869140000\"", "2015-05-05T23:39:00Z"),
        ] {
            assert_eq!(at(json).as_deref(), Some(meant), "{json}");
        }
        for odd in ["\"yesterday\"", "\"-000001-01-01T00:00:00Z\"", "true", "[]", "9223372036854775807"] {
            assert!(read(odd).instant("x").is_err(), "{odd}");
        }
    }
}
