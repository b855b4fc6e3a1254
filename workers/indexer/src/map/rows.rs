//! Walks the rows of a page in one parse, and keeps a bad row from its neighbours.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapDeserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// Hands every row of the list `list` in `body` to `each`, with its position; a bad row comes as what is wrong
/// with it, its field named.
///
/// A good page is parsed once and never held as a whole. A page with a bad row is gone through again from
/// that row on, row by row.
///
/// # Errors
/// When `body` is no object with that list in it.
pub(crate) fn each<'a, T: Deserialize<'a>>(
    body: &'a RawValue,
    list: &'static str,
    mut each: impl FnMut(usize, Result<T, String>),
) -> Result<(), serde_json::Error> {
    let mut done = 0;
    let mut good = |row: T| {
        each(done, Ok(row));
        done += 1;
    };
    if walk(body, list, &mut good).is_ok() {
        return Ok(());
    }
    let mut rows: Vec<&'a RawValue> = Vec::new();
    walk(body, list, &mut |row| rows.push(row))?;
    for (position, row) in rows.into_iter().enumerate().skip(done) {
        let read = serde_json::from_str(row.get());
        each(position, read.map_err(|error| fault::<T>(row, &error)));
    }
    Ok(())
}

/// The answer as the one row it is.
pub(crate) fn single<'a, T: Deserialize<'a>>(body: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(body.get()).map_err(|error| fault::<T>(body, &error))
}

/// The raw text of the row at `position`, if the page has it.
pub(crate) fn at<'a>(body: &'a RawValue, list: &'static str, position: usize) -> Option<&'a RawValue> {
    let mut found = None;
    let mut at = 0;
    let walked = walk(body, list, &mut |row: &'a RawValue| {
        if at == position {
            found = Some(row);
        }
        at += 1;
    });
    walked.ok().and(found)
}

/// Names the field that alone makes the row unreadable; never its value.
fn fault<'a, T: Deserialize<'a>>(row: &'a RawValue, error: &serde_json::Error) -> String {
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &'a RawValue>>(row.get()) else {
        return "the row is not an object".to_owned();
    };
    let alone = |(name, value): &(&String, &&'a RawValue)| {
        let field = std::iter::once((name.as_str(), **value));
        T::deserialize(MapDeserializer::<_, serde_json::Error>::new(field)).is_err()
    };
    match fields.iter().find(alone) {
        Some((name, _)) => {
            format!("field `{}` is of another type", name.chars().take(64).collect::<String>())
        }
        None => format!("the row is not readable (column {})", error.column()),
    }
}

/// One parse of `body`: every row of `list` goes to `row`, all else is skipped.
fn walk<'a, T: Deserialize<'a>>(
    body: &'a RawValue,
    list: &'static str,
    row: &mut dyn FnMut(T),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(body.get());
    json.deserialize_map(Body { list, rows: Rows { row, of: PhantomData } })
}

struct Body<'f, T> {
    list: &'static str,
    rows: Rows<'f, T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Body<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the list `{}`", self.list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { list, rows } = self;
        let mut rows = Some(rows);
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match rows.take_if(|_| key == list) {
                Some(rows) => map.next_value_seed(rows)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if rows.is_some() { Err(A::Error::missing_field(list)) } else { Ok(()) }
    }
}

struct Rows<'f, T> {
    row: &'f mut dyn FnMut(T),
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Rows<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Rows<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(row) = seq.next_element()? {
            (self.row)(row);
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::scalar::{Number, Text};

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Row<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        number: Number,
    }

    fn read(json: &str) -> Result<Vec<Result<Option<i64>, String>>, String> {
        let body: &RawValue = serde_json::from_str(json).unwrap();
        let mut rows = Vec::new();
        each(body, "rows", |position, row: Result<Row<'_>, String>| {
            assert_eq!(position, rows.len());
            rows.push(row.map(|row| row.number.0.filter(|_| row.text.get().is_none())));
        })
        .map_err(|error| error.to_string())?;
        Ok(rows)
    }

    #[test]
    fn rows_come_in_order_and_a_bad_one_names_its_field() {
        let rows =
            read(r#"{"a":{"rows":1},"rows":[{"number":1,"new":[]},{"text":{}},7,{"number":4}],"b":2}"#)
                .unwrap();
        let field = Err("field `text` is of another type".to_owned());
        assert_eq!(rows, [Ok(Some(1)), field, Err("the row is not an object".to_owned()), Ok(Some(4))]);
        assert_eq!(read(r#"{"rows":null}"#).unwrap(), []);
    }

    #[test]
    fn a_page_without_its_list_is_refused() {
        for json in ["{}", "[]", "null", "7", r#"{"rows":7}"#, r#"{"rows":{"a":1}}"#, r#"{"code":300}"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_row_is_found_by_its_position_byte_for_byte() {
        let body: &RawValue = serde_json::from_str(r#"{"rows":[{"a" : 1}, {"b":2.0}]}"#).unwrap();
        assert_eq!(at(body, "rows", 0).unwrap().get(), r#"{"a" : 1}"#);
        assert_eq!(at(body, "rows", 1).unwrap().get(), r#"{"b":2.0}"#);
        assert!(at(body, "rows", 2).is_none() && at(body, "other", 0).is_none());
    }
}
