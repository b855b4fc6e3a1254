//! Kinds of values, with the scalars that each accepts and converts.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::de::{MapAccess, SeqAccess};

use super::{Field, Value};
use crate::map::time;

/// A text; numbers and booleans become text. Borrows from the page unless it contains escapes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// Returns the text, if any.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<'de: 'a, 'a> Value<'de> for Text<'a> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self(Some(text)))
    }

    fn whole(number: i64) -> Option<Self> {
        Some(Self(Some(Cow::Owned(number.to_string()))))
    }

    fn float(number: f64) -> Option<Self> {
        Some(Self(Some(Cow::Owned(number.to_string()))))
    }

    fn beyond(number: u64) -> Option<Self> {
        Some(Self(Some(Cow::Owned(number.to_string()))))
    }

    fn truth(truth: bool) -> Option<Self> {
        Some(Self(Some(Cow::Borrowed(if truth { "true" } else { "false" }))))
    }

    fn is_empty(&self) -> bool {
        self.get().is_none()
    }

    fn replaced(&self) -> u64 {
        u64::from(self.get().is_some_and(|text| text.contains('\u{fffd}')))
    }
}

/// Converts the trimmed text; a blank text is absent, not omitted.
fn read<T: Default>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    match text.trim() {
        "" => Some(T::default()),
        text => read(text),
    }
}

/// A whole number from 0 to `i32::MAX`, the index's type for counts; `"20"` and `20.0` become 20.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) Option<i64>);

impl<'de> Value<'de> for Count {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Self::whole(text.parse().ok()?))
    }

    fn whole(number: i64) -> Option<Self> {
        (0..=i64::from(i32::MAX)).contains(&number).then_some(Self(Some(number)))
    }
}

/// A meeting number, above 0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Series(pub(crate) Option<messages::SeriesId>);

impl<'de> Value<'de> for Series {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Self::whole(text.parse().ok()?))
    }

    fn whole(number: i64) -> Option<Self> {
        match u64::try_from(number) {
            Ok(0) => Some(Self(None)),
            Ok(number) => Some(Self(Some(messages::SeriesId(number)))),
            Err(_) => None,
        }
    }
}

/// A flag; accepts `"true"`, `"false"`, 1 and 0.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) Option<bool>);

impl<'de> Value<'de> for Flag {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| match text {
            "1" => Some(Self(Some(true))),
            "0" => Some(Self(Some(false))),
            _ if text.eq_ignore_ascii_case("true") => Some(Self(Some(true))),
            _ if text.eq_ignore_ascii_case("false") => Some(Self(Some(false))),
            _ => None,
        })
    }

    fn whole(number: i64) -> Option<Self> {
        (0..=1).contains(&number).then_some(Self(Some(number == 1)))
    }

    fn truth(truth: bool) -> Option<Self> {
        Some(Self(Some(truth)))
    }
}

/// A point in time.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Option<Timestamp>);

impl<'de> Value<'de> for Time {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Some(Self(Some(messages::moment(text)?))))
    }

    fn whole(number: i64) -> Option<Self> {
        Some(Self(Some(messages::moment_of(number)?)))
    }
}

/// A meeting's duration in the Dashboard's format; stored in seconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock(pub(crate) Option<i64>);

impl<'de> Value<'de> for Clock {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Some(Self(Some(time::clock_seconds(text)?))))
    }

    fn whole(number: i64) -> Option<Self> {
        Some(Self(Some(time::minutes(number)?)))
    }
}

/// A duration in minutes, the unit of meetings in the Reports; stored in seconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Minutes(pub(crate) Option<i64>);

impl<'de> Value<'de> for Minutes {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Self::whole(text.parse().ok()?))
    }

    fn whole(number: i64) -> Option<Self> {
        Some(Self(Some(time::minutes(number)?)))
    }
}

/// An IP address: the first of several that are joined by commas.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl<'de> Value<'de> for Address {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Some(Self(Some(first_address(text)?))))
    }
}

/// Returns the first valid address; other words may precede it.
pub(super) fn first_address(text: &str) -> Option<IpAddr> {
    text.split([',', ';']).find_map(|part| part.trim().parse().ok())
}

/// A list; a single element may lack its list, and an absent list is empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Value<'de>> Value<'de> for List<T> {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        Some(Self(vec![T::text(text)?]))
    }

    fn list<A: SeqAccess<'de>>(mut list: A, dropped: &mut u64) -> Result<Self, A::Error> {
        let mut values = Vec::new();
        while let Some(field) = list.next_element::<Option<Field<T>>>()? {
            // Null elements are skipped, unusable ones are omitted and counted.
            let Some(field) = field else { continue };
            *dropped += field.dropped;
            if !field.value.is_empty() {
                values.push(field.value);
            }
        }
        Ok(Self(values))
    }

    fn object<A: MapAccess<'de>>(object: A, dropped: &mut u64) -> Result<Self, A::Error> {
        let value = T::object(object, dropped)?;
        Ok(Self(if value.is_empty() { Vec::new() } else { vec![value] }))
    }
}
