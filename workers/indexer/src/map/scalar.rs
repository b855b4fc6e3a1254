//! Lenient readers of Zoom's values: a text, number or flag may be any scalar; `null`, `""` and absence are equal.
//! Unusable values are omitted and counted, and affect nothing else.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::time;

/// A field of a row: its value, and the number of omitted values.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Field<T> {
    value: T,
    dropped: u64,
    named: bool,
}

impl<T> Field<T> {
    /// Returns the number of omitted values: wrong type, out of range, unreadable, partly replaced, or repeated.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sets the value. Of a repeated field the last value counts.
    pub(crate) fn set(&mut self, mut field: Self) {
        field.dropped += self.dropped + u64::from(self.named);
        field.named = true;
        *self = field;
    }

    fn of(value: Option<T>) -> Self
    where
        T: Default,
    {
        let dropped = u64::from(value.is_none());
        Self { value: value.unwrap_or_default(), dropped, named: false }
    }
}

impl<T> Deref for Field<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Conversions into a value; `None` means unusable.
pub(crate) trait Value<'de>: Default {
    /// Converts a non-empty text.
    fn text(_text: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn whole(_number: i64) -> Option<Self> {
        None
    }

    /// Converts a number with a fraction or beyond 64 bits.
    fn float(number: f64) -> Option<Self> {
        // Beyond 2^53, floats are not exact whole numbers.
        let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        exact.then_some(number as i64).and_then(Self::whole)
    }

    /// Converts a number above `i64::MAX`.
    fn beyond(number: u64) -> Option<Self> {
        Self::float(number as f64)
    }

    fn truth(_truth: bool) -> Option<Self> {
        None
    }

    /// True for an empty value, which lists omit.
    fn is_empty(&self) -> bool {
        false
    }

    /// Converts a list; counts the omitted values.
    fn list<A: SeqAccess<'de>>(mut list: A, dropped: &mut u64) -> Result<Self, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        *dropped += 1;
        Ok(Self::default())
    }

    /// Converts an object; counts the omitted values.
    fn object<A: MapAccess<'de>>(mut object: A, dropped: &mut u64) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        *dropped += 1;
        Ok(Self::default())
    }

    /// Returns the number of partly replaced values.
    fn replaced(&self) -> u64 {
        0
    }
}

struct Reader<T>(PhantomData<T>);

impl<'de, T: Value<'de>> Visitor<'de> for Reader<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Field<T>, E> {
        Ok(of_text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Field<T>, E> {
        Ok(of_text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Field<T>, E> {
        Ok(Field::default())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Field<T>, E> {
        Ok(Field::of(T::truth(truth)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Field<T>, E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => Ok(Field::of(T::beyond(number))),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Field<T>, E> {
        Ok(Field::of(T::whole(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Field<T>, E> {
        Ok(Field::of(T::float(number)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Field<T>, A::Error> {
        let mut dropped = 0;
        let value = T::list(list, &mut dropped)?;
        Ok(Field { value, dropped, named: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Field<T>, A::Error> {
        let mut dropped = 0;
        let value = T::object(object, &mut dropped)?;
        Ok(Field { value, dropped, named: false })
    }
}

fn of_text<'de, T: Value<'de>>(text: Cow<'de, str>) -> Field<T> {
    if text.is_empty() {
        return Field::default();
    }
    let mut field = Field::of(T::text(text));
    field.dropped += field.value.replaced();
    field
}

impl<'de, T: Value<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

/// A text; numbers and booleans are taken as their text. Borrows from the page unless it holds escapes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, if there is one.
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

/// Reads a text by a function of the trimmed text; blanks are no value and nothing left out.
fn read<T: Default>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    match text.trim() {
        "" => Some(T::default()),
        text => read(text),
    }
}

/// A whole number from 0 to what 32 bits hold, as the index keeps counts; `"20"` and `20.0` are taken as 20.
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

/// The number of a meeting: above 0.
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

/// A flag; `"true"`, `"false"`, 1 and 0 are taken.
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

/// The duration of a meeting as the Dashboard writes it, in seconds.
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

/// A duration in minutes, as the Reports write it for meetings; kept in seconds.
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

/// An internet address: the first of several that are joined by commas.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) Option<IpAddr>);

impl<'de> Value<'de> for Address {
    fn text(text: Cow<'de, str>) -> Option<Self> {
        read(&text, |text| Some(Self(Some(first_address(text)?))))
    }
}

/// The first of the addresses that is one: other words may stand there, too.
fn first_address(text: &str) -> Option<IpAddr> {
    text.split([',', ';']).find_map(|part| part.trim().parse().ok())
}

/// A list; one element may come without its list, and a list that is absent is empty.
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
            // An element that is null says nothing, and one that cannot be used is left out.
            let Some(field) = field else { continue };
            *dropped += field.dropped;
            if !field.value.is_empty() {
                values.push(field.value);
            }
        }
        Ok(Self(values))
    }

    fn object<A: MapAccess<'de>>(object: A, dropped: &mut u64) -> Result<Self, A::Error> {
        let mut of_one = 0;
        let value = T::object(object, &mut of_one)?;
        *dropped += of_one;
        Ok(Self(if of_one == 0 && !value.is_empty() { vec![value] } else { Vec::new() }))
    }
}

/// Declares a row: which members of an object are read, and by which names. A member that comes twice is taken the
/// last time and counted; every other member is skipped.
macro_rules! row {
    ($(#[$meta:meta])* $name:ident<$lt:lifetime> { $($field:ident: $type:ty = $wire:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default, Clone, PartialEq)]
        pub(crate) struct $name<$lt> {
            $(pub(super) $field: $crate::map::scalar::Field<$type>,)*
            _of: std::marker::PhantomData<&$lt ()>,
        }

        impl<$lt> $name<$lt> {
            /// Reads the members of an object.
            pub(super) fn read<'de: $lt, A: serde::de::MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
                #[expect(non_camel_case_types, reason = "named as the members are")]
                #[derive(serde::Deserialize)]
                #[serde(field_identifier)]
                enum Key {
                    $(#[serde(rename = $wire)] $field,)*
                    #[serde(other)]
                    Other,
                }
                let mut row = Self::default();
                while let Some(key) = object.next_key()? {
                    match key {
                        $(Key::$field => row.$field.set(object.next_value()?),)*
                        Key::Other => {
                            object.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(row)
            }

            /// Passes each member with its number of omitted values to `each`.
            pub(super) fn dropped(&self, mut each: impl FnMut(&'static str, u64)) {
                $(each($wire, self.$field.dropped());)*
            }
        }

        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object<$lt>(std::marker::PhantomData<&$lt ()>);
                impl<'de: $lt, $lt> serde::de::Visitor<'de> for Object<$lt> {
                    type Value = $name<$lt>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
                        $name::read(object)
                    }
                }
                deserializer.deserialize_map(Object(std::marker::PhantomData))
            }
        }

        impl<'de: $lt, $lt> $crate::map::scalar::MappedRow<'de> for $name<$lt> {
            fn dropped(&self, each: &mut dyn FnMut(&'static str, u64)) {
                Self::dropped(self, each);
            }
        }
    };
}
pub(crate) use row;

/// A row that counts its omitted values.
pub(crate) trait MappedRow<'de>: Deserialize<'de> {
    /// Passes each member with its number of omitted values to `each`.
    fn dropped(&self, each: &mut dyn FnMut(&'static str, u64));
}

row! {
    /// A tracking field of a meeting: its name and the chosen value.
    TrackingField<'a> {
        field: Text<'a> = "field",
        value: Text<'a> = "value",
    }
}

impl<'de: 'a, 'a> Value<'de> for TrackingField<'a> {
    fn is_empty(&self) -> bool {
        self.field.is_empty()
    }

    fn object<A: MapAccess<'de>>(object: A, dropped: &mut u64) -> Result<Self, A::Error> {
        let field = Self::read(object)?;
        field.dropped(|_, values| *dropped += values);
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    row! {
        /// A row with a field of each kind.
        Sample<'a> {
            text: Text<'a> = "text",
            count: Count = "count",
            series: Series = "series",
            flag: Flag = "flag",
            time: Time = "time",
            clock: Clock = "clock",
            minutes: Minutes = "minutes",
            address: Address = "address",
            list: List<Text<'a>> = "list",
            tracking: List<TrackingField<'a>> = "tracking",
        }
    }

    fn read(json: &str) -> (Sample<'_>, Vec<(&'static str, u64)>) {
        let row: Sample<'_> = serde_json::from_str(json).unwrap();
        let mut dropped = Vec::new();
        row.dropped(|field, values| {
            if values > 0 {
                dropped.push((field, values));
            }
        });
        (row, dropped)
    }

    #[test]
    fn null_empty_and_absent_are_one() {
        for json in [
            "{}",
            r#"{"text":null,"count":null,"flag":null,"list":null,"time":null,"address":null,"tracking":null}"#,
            r#"{"text":"","count":"","flag":"","list":"","time":" ","clock":"","minutes":"","address":"","series":0}"#,
            r#"{"list":[],"tracking":[null]}"#,
        ] {
            let (row, dropped) = read(json);
            assert_eq!(dropped, [], "{json}");
            assert_eq!(
                (row.text.get(), row.count.0, row.flag.0, row.time.0),
                (None, None, None, None),
                "{json}"
            );
            assert_eq!((row.list.0.len(), row.tracking.0.len()), (0, 0), "{json}");
        }
    }

    #[test]
    fn scalars_come_in_any_type_that_holds_them() {
        let (row, dropped) = read(
            r#"{"text":16778240,"count":"20","series":"93201235621","flag":"True","time":1796022154,"clock":60,
                "minutes":"4","address":"anonymous, 192.0.2.1","list":["a","",null,"b"]}"#,
        );
        assert_eq!(dropped, []);
        assert_eq!((row.text.get(), row.count.0, row.flag.0), (Some("16778240"), Some(20), Some(true)));
        assert_eq!((row.clock.0, row.minutes.0), (Some(3_600), Some(240)));
        assert_eq!(row.address.0, "192.0.2.1".parse().ok());
        assert!(row.time.0.is_some() && row.series.0.is_some());
        let (row, _) = read(r#"{"text":"a\u00e4","count":20.0,"flag":0,"list":"a"}"#);
        assert_eq!((row.text.get(), row.count.0, row.flag.0), (Some("aä"), Some(20), Some(false)));
        assert_eq!(row.list.0.len(), 1);
    }

    #[test]
    fn what_cannot_be_used_costs_itself_alone() {
        for (json, field) in [
            (r#"{"text":{"a":[1]}}"#, "text"),
            (r#"{"text":["a","b"]}"#, "text"),
            (r#"{"text":"half \ufffd"}"#, "text"),
            (r#"{"count":"many"}"#, "count"),
            (r#"{"count":2.5}"#, "count"),
            (r#"{"count":-1}"#, "count"),
            (r#"{"count":3000000000}"#, "count"),
            (r#"{"count":1e300}"#, "count"),
            (r#"{"count":[]}"#, "count"),
            (r#"{"series":99999999999999999999}"#, "series"),
            (r#"{"series":-7}"#, "series"),
            (r#"{"flag":2}"#, "flag"),
            (r#"{"flag":"yes"}"#, "flag"),
            (r#"{"time":"11/29/2026 10:00:00 AM"}"#, "time"),
            (r#"{"time":true}"#, "time"),
            (r#"{"clock":"-1:00"}"#, "clock"),
            (r#"{"minutes":-4}"#, "minutes"),
            (r#"{"address":"10.0.0"}"#, "address"),
            (r#"{"list":{"a":1}}"#, "list"),
            (r#"{"list":["a",{}]}"#, "list"),
            (r#"{"tracking":[{"field":"f","value":["x"]}]}"#, "tracking"),
            (r#"{"tracking":"x"}"#, "tracking"),
            (r#"{"text":"a","text":"b"}"#, "text"),
        ] {
            assert_eq!(read(json).1, [(field, 1)], "{json}");
        }
        let (row, _) = read(r#"{"text":"a","count":1,"text":"b"}"#);
        assert_eq!((row.text.get(), row.count.0), (Some("b"), Some(1)), "the last one counts");
        assert_eq!(read(r#"{"text":"half \ufffd"}"#).0.text.get(), Some("half \u{fffd}"));
    }

    #[test]
    fn depth_is_skipped_and_not_climbed() {
        let deep = format!(r#"{{"text":{}1{},"count":7}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let (row, dropped) = read(&deep);
        assert_eq!((row.count.0, dropped), (Some(7), vec![("text", 1)]));
    }

    #[test]
    fn the_first_valid_address_is_taken() {
        assert_eq!(first_address("192.0.2.1, 192.0.2.2"), "192.0.2.1".parse().ok());
        assert_eq!(first_address("anonymous, 2001:db8::1"), "2001:db8::1".parse().ok());
        assert_eq!(first_address("10.0.0"), None);
    }
}
