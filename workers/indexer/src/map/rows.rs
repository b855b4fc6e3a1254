//! Reads the rows of a page in one parse, so that a bad row affects no other.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::marker::PhantomData;

use messages::repair;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

/// Passes every row of `list` in `body` to `each`, with its index; a row that is not an object becomes an error. If a
/// page repeats the list, all its rows are passed.
///
/// A good page is parsed once and never held as a whole. A page with an invalid character or number is repaired in
/// `spare` and continued from that row.
///
/// # Errors
/// If `body` is not an object with that list.
pub(crate) fn each<'a, T: Deserialize<'a>>(
    body: &'a RawValue,
    list: &'static str,
    spare: &'a Spare,
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
    walk(repaired(body, spare), list, &mut |row| rows.push(row))?;
    for (position, row) in rows.into_iter().enumerate().skip(done) {
        each(position, read(row));
    }
    Ok(())
}

/// Text of a repaired page.
pub(crate) type Spare = OnceCell<Box<RawValue>>;

/// Reads an answer that is one row.
pub(crate) fn single<'a, T: Deserialize<'a>>(body: &'a RawValue, spare: &'a Spare) -> Result<T, String> {
    read(body).or_else(|_| read(repaired(body, spare)))
}

fn read<'a, T: Deserialize<'a>>(row: &'a RawValue) -> Result<T, String> {
    // Any object is a row, whatever its fields contain.
    serde_json::from_str(row.get()).map_err(|_| "the row is not an object".to_owned())
}

/// Returns the page with text repaired for a strict reader.
pub(crate) fn repaired<'a>(body: &'a RawValue, spare: &'a Spare) -> &'a RawValue {
    spare.get_or_init(|| {
        let text = repair::strict(body.get()).into_owned();
        RawValue::from_string(text).unwrap_or_else(|_| body.to_owned())
    })
}

/// Returns the raw text of the row at `position`, if it exists.
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

/// Parses `body` once: passes every row of `list` to `row` and skips the rest.
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
        let Self { list, rows: Rows { row, .. } } = self;
        let mut found = false;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == list {
                found |= map.next_value_seed(Rows { row: &mut *row, of: PhantomData })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if found { Ok(()) } else { Err(A::Error::missing_field(list)) }
    }
}

struct Rows<'f, T> {
    row: &'f mut dyn FnMut(T),
    of: PhantomData<T>,
}

/// Returns true for an array or `null`.
impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Rows<'_, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Rows<'_, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while let Some(row) = seq.next_element()? {
            (self.row)(row);
        }
        Ok(true)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::scalar::{Count, Text, row};

    row! {
        /// A row for the tests.
        Sample<'a> {
            text: Text<'a> = "text",
            number: Count = "number",
        }
    }

    type Found = (Option<String>, Option<i64>);

    fn read(json: &str) -> Result<Vec<Result<Found, String>>, String> {
        let body: &RawValue = serde_json::from_str(json).unwrap();
        let (spare, mut rows) = (Spare::new(), Vec::new());
        each(body, "rows", &spare, |position, row: Result<Sample<'_>, String>| {
            assert_eq!(position, rows.len());
            rows.push(row.map(|row| (row.text.get().map(str::to_owned), row.number.0)));
        })
        .map_err(|error| error.to_string())?;
        Ok(rows)
    }

    fn row(text: Option<&str>, number: i64) -> Result<Found, String> {
        Ok((text.map(str::to_owned), Some(number)))
    }

    #[test]
    fn rows_come_in_order_and_only_what_is_no_object_is_no_row() {
        let rows = read(
            r#"{"a":{"rows":1},"rows":[{"number":1,"new":[]},{"text":{},"number":2},7,null,{"number":5}],"b":2}"#,
        );
        let none = || Err("the row is not an object".to_owned());
        assert_eq!(rows.unwrap(), [row(None, 1), row(None, 2), none(), none(), row(None, 5)]);
        assert_eq!(read(r#"{"rows":null}"#).unwrap(), []);
    }

    #[test]
    fn a_broken_character_or_number_spares_the_rows_around_it() {
        let rows = read(
            r#"{"rows":[{"number":1},{"text":"Ada \ud83d","number":2},{"text":1e999,"number":3},{"text":"b","number":4}]}"#,
        );
        let wanted = [row(None, 1), row(Some("Ada \u{fffd}"), 2), row(None, 3), row(Some("b"), 4)];
        assert_eq!(rows.unwrap(), wanted);
        let beside = read(r#"{"rows":[{"number":1}],"\ud83d":1,"rows":[{"number":2}]}"#).unwrap();
        assert_eq!(beside, [row(None, 1), row(None, 2)], "the rows of both lists");
    }

    #[test]
    fn a_page_without_its_list_is_refused() {
        for json in ["{}", "[]", "null", "7", r#"{"rows":7}"#, r#"{"rows":{"a":1}}"#, r#"{"code":300}"#] {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!(read(r#"{"rows":7,"rows":[{"number":1}]}"#).unwrap(), [row(None, 1)]);
    }

    #[test]
    fn a_row_is_found_by_its_position_byte_for_byte() {
        let body: &RawValue = serde_json::from_str(r#"{"rows":[{"a" : 1}, {"b":2.0}]}"#).unwrap();
        assert_eq!(at(body, "rows", 0).unwrap().get(), r#"{"a" : 1}"#);
        assert_eq!(at(body, "rows", 1).unwrap().get(), r#"{"b":2.0}"#);
        assert!(at(body, "rows", 2).is_none() && at(body, "other", 0).is_none());
    }
}
