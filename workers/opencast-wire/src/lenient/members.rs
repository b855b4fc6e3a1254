//! Splits objects and lists into the text of their parts, so that one invalid part does not affect the others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Dropped;
use crate::Fault;

/// Returns the elements of a list as raw text: none, one or many.
///
/// # Errors
/// Returns an error if the value is a scalar that is not empty.
pub fn rows<'a>(list: Option<&'a RawValue>, field: &'static str) -> Result<Vec<&'a RawValue>, Fault> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let fault = Fault::Not { field, what: "list" };
    match list.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(list.get()).map_err(|_| fault),
        Some(b'{') => Ok(vec![list]),
        _ if is_empty(list) => Ok(Vec::new()),
        _ => Err(fault),
    }
}

/// Returns the rows of a list that some servers write as a repeated member instead of an array.
pub(crate) fn all<'a>(lists: &[&'a RawValue], field: &'static str) -> Result<Vec<&'a RawValue>, Fault> {
    let mut found = Vec::new();
    for list in lists {
        found.append(&mut rows(Some(list), field)?);
    }
    Ok(found)
}

/// Like [`all`], but treats a scalar as an element.
pub(crate) fn each<'a>(lists: &[&'a RawValue]) -> Vec<&'a RawValue> {
    let of = |list: &'a RawValue| match list.get().starts_with('[') {
        true => serde_json::from_str(list.get()).unwrap_or_default(),
        false if is_empty(list) => Vec::new(),
        false => vec![list],
    };
    lists.iter().flat_map(|list| of(list)).collect()
}

/// Returns the elements of a wrapper: `media` holds `track`, `tags` holds `tag`. None if the wrapper is not an object.
pub(crate) fn inside<'a>(wrapper: &'a RawValue, name: &str) -> Vec<&'a RawValue> {
    let mut lists = Vec::new();
    let take = |each: &str, value| {
        if each == name {
            lists.push(value);
        }
    };
    members(wrapper, take).ok();
    each(&lists)
}

/// True for null and for an empty text, the serialised form of an empty element.
fn is_empty(value: &RawValue) -> bool {
    matches!(value.get(), "\"\"" | "null")
}

/// Calls `each` with the name and the value of every member of an object.
///
/// # Errors
/// Returns an error if the value is not an object.
pub(crate) fn members<'a>(
    object: &'a RawValue,
    mut each: impl FnMut(&str, &'a RawValue),
) -> Result<(), Fault> {
    if !object.get().starts_with('{') {
        return Err(Fault::Row);
    }
    let mut list: serde_json::Deserializer<_> = serde_json::Deserializer::from_str(object.get());
    list.deserialize_map(Members(&mut each)).map_err(|_| Fault::Row)
}

/// Returns a member of an object, the last one of a repeated name. `None` if the value is not an object.
pub(crate) fn member<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let mut found = None;
    members(object, |each, value| {
        if each == name {
            found = Some(value);
        }
    })
    .ok()?;
    found
}

/// Sets a member. If the name is repeated, the last value counts and the field is noted.
pub(crate) fn put<'a>(
    place: &mut Option<&'a RawValue>,
    value: &'a RawValue,
    field: &'static str,
    dropped: &mut Dropped,
) {
    if place.replace(value).is_some() {
        dropped.note(field);
    }
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            (self.0)(&name, map.next_value()?);
        }
        Ok(())
    }
}

/// Name of a member, even if it is not valid Unicode.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As bytes: an unpaired surrogate in a text would make the whole object invalid.
        deserializer.deserialize_bytes(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_bytes<E>(self, name: &'de [u8]) -> Result<Self::Value, E> {
        Ok(Name(String::from_utf8_lossy(name)))
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(String::from_utf8_lossy(name).into_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::Scalar;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    fn tags(json: &str) -> Vec<String> {
        let json = raw(json);
        let text = |tag| Scalar::read(tag).text("tag").unwrap().unwrap().into_owned();
        inside(&json, "tag").into_iter().map(text).collect()
    }

    #[test]
    fn a_list_is_none_one_or_many() {
        for (json, meant) in [
            ("{}", &[][..]),
            (r#"{"tag":null}"#, &[]),
            (r#"{"tag":""}"#, &[]),
            (r#"{"tag":[]}"#, &[]),
            (r#"{"tag":"a"}"#, &["a"]),
            (r#"{"tag":"\u00e4"}"#, &["ä"]),
            (r#"{"tag":7}"#, &["7"]),
            (r#"{"tag":7.0}"#, &["7"]),
            (r#"{"tag":true}"#, &["true"]),
            (r#"{"tag":{"type":"x","$":"a"}}"#, &["a"]),
            (r#"{"tag":["a",7,false]}"#, &["a", "7", "false"]),
            (r#"{"tag":"a","other":1,"tag":["b","c"]}"#, &["a", "b", "c"]),
        ] {
            assert_eq!(tags(json), meant, "{json}");
        }
    }

    #[test]
    fn rows_are_the_text_they_are() {
        let read = |json: &str| {
            let list = raw(json);
            rows(Some(&list), "x").map(|rows| rows.iter().map(|row| row.get().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(r#"[{"a" : 1.0}, 7]"#).unwrap(), [r#"{"a" : 1.0}"#, "7"]);
        assert_eq!(read(r#"{"a" : 1.0}"#).unwrap(), [r#"{"a" : 1.0}"#]);
        assert!(read("\"\"").unwrap().is_empty() && read("null").unwrap().is_empty());
        assert!(rows(None, "x").unwrap().is_empty());
        assert_eq!(read("7").unwrap_err().to_string(), "field `x` is no list");
    }

    #[test]
    fn one_bad_member_costs_no_other() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for bad in [r#""\ud83d""#, "1e999", r#"{"a":1,"a":2}"#, "-0", deep.as_str()] {
            let json = raw(&format!(r#"{{"\ud83d":1,"bad":{bad},"good":"x","na\u006de":2}}"#));
            assert_eq!(member(&json, "good").unwrap().get(), "\"x\"", "{bad}");
            assert_eq!(member(&json, "name").unwrap().get(), "2", "{bad}");
            assert_eq!(member(&json, "bad").unwrap().get(), bad);
        }
        for other in ["[]", "7", "\"\"", "null", r#"[["good","x"]]"#] {
            assert!(member(&raw(other), "good").is_none(), "{other}");
        }
    }
}
