//! A scalar that may come as text, number or boolean, or as the text of an element with attributes.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::Fault;

/// 2^53: beyond it a double is no exact whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// One scalar as it came. Reading never fails: what is no scalar is [`Scalar::Odd`], and whoever wants the value says so.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Scalar<'a> {
    /// Absent, null or an empty text.
    #[default]
    Absent,
    /// A text that is not empty.
    Text(Cow<'a, str>),
    /// A whole number.
    Whole(i64),
    /// A number that came with a point or an exponent.
    Double(f64),
    /// True or false.
    Truth(bool),
    /// A list, or an object without a text.
    Odd,
}

impl<'a> Scalar<'a> {
    /// The text; numbers and booleans as they are written in digits and letters.
    ///
    /// # Errors
    /// When it is no scalar.
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

    /// The whole number; the double `4160.0` and the text `"4160"` are taken as 4160.
    ///
    /// # Errors
    /// When it is something else.
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

    /// True or false; 1 and 0 are taken.
    ///
    /// # Errors
    /// When it is something else.
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

    /// The instant: a date and time with its offset, or milliseconds since 1970. A date and time without an offset, and
    /// a date alone, are taken as UTC, as Opencast's catalogues mean them.
    ///
    /// # Errors
    /// When it is something else.
    pub fn instant(&self, field: &'static str) -> Result<Option<Timestamp>, Fault> {
        let instant = match self {
            Self::Absent => return Ok(None),
            Self::Text(text) => read_instant(text.trim()),
            _ => self.number(field)?.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        };
        instant.map(Some).ok_or(Fault::Not { field, what: "time" })
    }

    /// The offset from UTC that a time was written with; `None` for any other value and for a time without one.
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

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(if text.is_empty() { Scalar::Absent } else { Scalar::Text(Cow::Borrowed(text)) })
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if text.is_empty() { Scalar::Absent } else { Scalar::Text(Cow::Owned(text.to_owned())) })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        let text = |_| Scalar::Text(Cow::Owned(number.to_string()));
        Ok(i64::try_from(number).map_or_else(text, Scalar::Whole))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Whole(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Double(number))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Odd)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut text = Scalar::Odd;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "$" {
                text = map.next_value()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
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
            ("true", "true"),
            (r#"{"type":"md5","$":"abc"}"#, "abc"),
            (r#"{"$":7,"type":"md5"}"#, "7"),
        ] {
            assert_eq!(text(json).as_deref(), Some(meant), "{json}");
        }
        for none in ["null", "\"\""] {
            assert_eq!(text(none), None, "{none}");
        }
        for odd in ["[]", "[1]", "{}", r#"{"a":"b"}"#] {
            let fault = read(odd).text("x").unwrap_err();
            assert_eq!(fault.to_string(), "field `x` is no text", "{odd}");
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
        for odd in ["\"yesterday\"", "true", "[]", "9223372036854775807"] {
            assert!(read(odd).instant("x").is_err(), "{odd}");
        }
    }
}
