//! One or many, and elements that are an empty text when nothing is in them.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer};
use serde::de::{
    Deserialize, Deserializer, Error, IgnoredAny, IntoDeserializer as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use crate::Fault;

/// An element with something in it, or the default of `T` where it came as a text, which is how an empty one comes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Empty<T>(
    /// What is in it.
    pub T,
);

/// None, one or many elements. An empty text in the place of the list is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many<T>(
    /// The elements in their order.
    pub Vec<T>,
);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The elements of a list as the text they are: none, one or many.
///
/// # Errors
/// When it is a scalar that is not empty.
pub fn rows<'a>(list: Option<&'a RawValue>, field: &'static str) -> Result<Vec<&'a RawValue>, Fault> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let fault = Fault::Not { field, what: "list" };
    match list.get().trim_start().as_bytes().first() {
        Some(b'[') => serde_json::from_str(list.get()).map_err(|_| fault),
        Some(b'{') => Ok(vec![list]),
        _ if matches!(list.get().trim(), "\"\"" | "null") => Ok(Vec::new()),
        _ => Err(fault),
    }
}

/// One row of a list, read as what it should be.
///
/// # Errors
/// When it is no object, or one that cannot be read. (A derived reader would take an array for an object.)
pub(crate) fn object<'a, T: Deserialize<'a>>(row: &'a RawValue) -> Result<T, Fault> {
    match row.get().trim_start().starts_with('{') {
        true => serde_json::from_str(row.get()).map_err(|_| Fault::Row),
        false => Err(Fault::Row),
    }
}

struct EmptyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for EmptyVisitor<T> {
    type Value = Empty<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an element")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Empty)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Empty::default())
    }

    fn visit_str<E>(self, _text: &str) -> Result<Self::Value, E> {
        Ok(Empty::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Empty::default())
    }

    fn visit_bool<E>(self, _truth: bool) -> Result<Self::Value, E> {
        Ok(Empty::default())
    }

    fn visit_i64<E>(self, _number: i64) -> Result<Self::Value, E> {
        Ok(Empty::default())
    }

    fn visit_u64<E>(self, _number: u64) -> Result<Self::Value, E> {
        Ok(Empty::default())
    }

    fn visit_f64<E>(self, _number: f64) -> Result<Self::Value, E> {
        Ok(Empty::default())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Empty<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EmptyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or its one element")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(Many(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Ok(Many(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        match text.is_empty() {
            true => Ok(Many::default()),
            false => Ok(Many(vec![T::deserialize(BorrowedStrDeserializer::new(text))?])),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text.is_empty() {
            true => Ok(Many::default()),
            false => Ok(Many(vec![T::deserialize(text.into_deserializer())?])),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Many::default())
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Many(vec![T::deserialize(truth.into_deserializer())?]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Many(vec![T::deserialize(number.into_deserializer())?]))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Many(vec![T::deserialize(number.into_deserializer())?]))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Many(vec![T::deserialize(number.into_deserializer())?]))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loose::Scalar;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Element<'a> {
        #[serde(borrow)]
        name: Scalar<'a>,
        tag: Many<Scalar<'a>>,
        child: Many<Empty<Element<'a>>>,
        wrapper: Empty<Tags<'a>>,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Tags<'a> {
        #[serde(borrow)]
        tag: Many<Scalar<'a>>,
    }

    fn tags(json: &str) -> Vec<String> {
        let element: Element<'_> = serde_json::from_str(json).unwrap();
        let text = |tag: Scalar<'_>| tag.text("tag").unwrap().unwrap().into_owned();
        element.tag.0.into_iter().map(text).collect()
    }

    #[test]
    fn a_list_is_none_one_or_many() {
        for (json, meant) in [
            ("{}", &[][..]),
            (r#"{"tag":null}"#, &[]),
            (r#"{"tag":""}"#, &[]),
            (r#"{"tag":"a"}"#, &["a"]),
            (r#"{"tag":"\u00e4"}"#, &["ä"]),
            (r#"{"tag":7}"#, &["7"]),
            (r#"{"tag":7.0}"#, &["7"]),
            (r#"{"tag":true}"#, &["true"]),
            (r#"{"tag":{"type":"x","$":"a"}}"#, &["a"]),
            (r#"{"tag":["a",7,false]}"#, &["a", "7", "false"]),
        ] {
            assert_eq!(tags(json), meant, "{json}");
        }
    }

    #[test]
    fn an_element_with_nothing_in_it_is_an_element() {
        let read = |json| serde_json::from_str::<Element<'_>>(json).unwrap();
        for json in [r#"{"wrapper":""}"#, r#"{"wrapper":null}"#, r#"{"wrapper":[]}"#, r#"{"wrapper":7}"#] {
            assert_eq!(read(json), Element::default(), "{json}");
        }
        assert_eq!(read(r#"{"wrapper":{"tag":"a"}}"#).wrapper.0.tag.0.len(), 1);
        assert_eq!(read(r#"{"child":["",{"name":"a"}]}"#).child.0.len(), 2);
        assert_eq!(read(r#"{"child":{"child":{"name":"a"}}}"#).child.0[0].0.child.0.len(), 1);
    }

    #[test]
    fn rows_are_the_text_they_are() {
        let read = |json: &str| {
            let list: Box<RawValue> = serde_json::from_str(json).unwrap();
            rows(Some(&list), "x").map(|rows| rows.iter().map(|row| row.get().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(r#"[{"a" : 1.0}, 7]"#).unwrap(), [r#"{"a" : 1.0}"#, "7"]);
        assert_eq!(read(r#"{"a" : 1.0}"#).unwrap(), [r#"{"a" : 1.0}"#]);
        assert!(read("\"\"").unwrap().is_empty() && read("null").unwrap().is_empty());
        assert!(rows(None, "x").unwrap().is_empty());
        assert_eq!(read("7").unwrap_err().to_string(), "field `x` is no list");
    }
}
