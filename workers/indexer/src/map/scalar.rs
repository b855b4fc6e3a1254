//! Lenient readers of Zoom's values: a text, number or flag may be any scalar; `null`, `""` and absence are equal.
//! Unusable values are omitted and counted, and affect nothing else.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

mod kinds;
#[cfg(test)]
mod tests;

pub(crate) use kinds::{Address, Clock, Count, Flag, List, Minutes, Series, Text, Time};

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

/// Declares a row: the members read of an object, with their names. Of repeated members the last counts, and the
/// repetition is counted; other members are skipped.
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
        // A value without a name is dropped.
        *dropped += u64::from(field.is_empty() && !field.value.is_empty());
        Ok(field)
    }
}
