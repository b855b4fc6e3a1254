//! Fields as Zoom sends them: a text, number or flag may come as any scalar; `null`, `""` and absence are one.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A text; numbers and booleans are taken as their text. Borrows from the page unless it holds escapes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    /// The text, if there is one.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

#[cfg(test)]
impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }
}

/// A whole number; `"20"` and `20.0` are taken as 20.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) Option<i64>);

/// A flag; `"true"`, `"false"`, 1 and 0 are taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) Option<bool>);

/// A list; one element may come without its list, and a list that is absent is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text((!text.is_empty()).then_some(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(if value { "true" } else { "false" }))))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(value.to_string()))))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(value.to_string()))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Number, E> {
        i64::try_from(value).map(|value| Number(Some(value))).map_err(|_| E::custom("number out of range"))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(Some(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Number, E> {
        // 2^53: beyond it a float is no exact whole number.
        if value.abs() <= 9_007_199_254_740_992.0 {
            #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
            Ok(Number(Some(value.round() as i64)))
        } else {
            Err(E::custom("number out of range"))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        match text.trim() {
            "" => Ok(Number(None)),
            text => text.parse().map(|value| Number(Some(value))).map_err(|_| E::custom("not a number")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Number, E> {
        Ok(Number(None))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Flag, E> {
        Ok(Flag(Some(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Flag, E> {
        match value {
            0 => Ok(Flag(Some(false))),
            1 => Ok(Flag(Some(true))),
            _ => Err(E::custom("neither 0 nor 1")),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Flag, E> {
        match text.trim() {
            "" => Ok(Flag(None)),
            "1" => Ok(Flag(Some(true))),
            "0" => Ok(Flag(Some(false))),
            text if text.eq_ignore_ascii_case("true") => Ok(Flag(Some(true))),
            text if text.eq_ignore_ascii_case("false") => Ok(Flag(Some(false))),
            _ => Err(E::custom("neither true nor false")),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Flag, E> {
        Ok(Flag(None))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = List<Text<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(text) = seq.next_element::<Text<'de>>()? {
            list.push(text);
        }
        list.retain(|text| text.get().is_some());
        Ok(List(list))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(List(if text.is_empty() { Vec::new() } else { vec![Text(Some(Cow::Borrowed(text)))] }))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(List(if text.is_empty() { Vec::new() } else { vec![Text(Some(Cow::Owned(text.to_owned())))] }))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(List(Vec::new()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for List<Text<'a>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

/// A tracking field of a meeting: its name and what was chosen.
#[derive(Debug, Default, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(crate) struct TrackingField<'a> {
    #[serde(borrow)]
    pub(crate) field: Text<'a>,
    pub(crate) value: Text<'a>,
}

struct TrackingVisitor;

impl<'de> Visitor<'de> for TrackingVisitor {
    type Value = List<TrackingField<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tracking fields")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(field) = seq.next_element()? {
            list.push(field);
        }
        Ok(List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // Seen nowhere with content: `{}` stands for "none" in some serialisers.
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(List(Vec::new()))
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<Self::Value, E> {
        Ok(List(Vec::new()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(List(Vec::new()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for List<TrackingField<'a>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TrackingVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Row<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        number: Number,
        flag: Flag,
        list: List<Text<'a>>,
    }

    #[test]
    fn null_empty_and_absent_are_one() {
        for json in [
            "{}",
            r#"{"text":null,"number":null,"flag":null,"list":null}"#,
            r#"{"text":"","number":"","flag":"","list":""}"#,
        ] {
            let row: Row<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(
                (row.text.get(), row.number, row.flag, row.list.0.len()),
                (None, Number(None), Flag(None), 0),
                "{json}"
            );
        }
    }

    #[test]
    fn scalars_come_as_text_or_number() {
        let row: Row<'_> =
            serde_json::from_str(r#"{"text":16778240,"number":"20","flag":"True","list":["a","",null,"b"]}"#)
                .unwrap();
        assert_eq!(row.text.get(), Some("16778240"));
        assert_eq!((row.number, row.flag), (Number(Some(20)), Flag(Some(true))));
        assert_eq!(row.list.0, [Text::from("a"), Text::from("b")]);
        let row: Row<'_> =
            serde_json::from_str(r#"{"text":"a\u00e4","number":20.0,"flag":0,"list":"a"}"#).unwrap();
        assert_eq!(
            (row.text.get(), row.number, row.flag, row.list.0.len()),
            (Some("aä"), Number(Some(20)), Flag(Some(false)), 1)
        );
    }

    #[test]
    fn what_is_no_scalar_is_refused() {
        for json in [
            r#"{"text":{}}"#,
            r#"{"text":[]}"#,
            r#"{"number":"x"}"#,
            r#"{"number":1e300}"#,
            r#"{"flag":2}"#,
            r#"{"list":{}}"#,
        ] {
            assert!(serde_json::from_str::<Row<'_>>(json).is_err(), "{json}");
        }
    }
}
