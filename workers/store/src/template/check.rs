//! Checks a document against its template in one pass over its bytes, without building values. For the local file,
//! because SQLite accepts anything; search engines check by themselves.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::date::{is_date, is_day};
use super::fields::{Field, Fields};

/// Checks a document.
///
/// # Errors
/// The reason with the name of the field, never its value.
pub(crate) fn check(fields: &Fields, source: &str) -> Result<(), String> {
    if !source.trim_ascii_start().starts_with('{') {
        return Err("the document is not an object".to_owned());
    }
    let mut deserializer = serde_json::Deserializer::from_str(source);
    Object { fields, at: ValuePath { name: "", parent: None } }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| error.to_string())
}

/// Path of a value in the document.
#[derive(Clone, Copy)]
struct ValuePath<'a> {
    name: &'a str,
    parent: Option<&'a ValuePath<'a>>,
}

impl fmt::Display for ValuePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            Some(parent) if parent.parent.is_some() => write!(f, "{parent}.{}", self.name),
            _ => f.write_str(self.name),
        }
    }
}

/// An object with declared fields.
#[derive(Clone, Copy)]
struct Object<'a> {
    fields: &'a Fields,
    at: ValuePath<'a>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document that is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut next = 0;
        while let Some(found) = map.next_key_seed(Name { object: &self, next })? {
            match found.and_then(|position| self.fields.list.get(position).map(|named| (position, named))) {
                Some((position, (name, field))) => {
                    next = position + 1;
                    map.next_value_seed(Value { field, at: ValuePath { name, parent: Some(&self.at) } })?;
                }
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }
}

/// A field name. The lookup starts after the previous field, because writers follow the template's order.
struct Name<'a> {
    object: &'a Object<'a>,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<usize>, E> {
        let Fields { strict, list } = self.object.fields;
        let (before, after) = list.split_at(self.next.min(list.len()));
        let found = |named: &&(String, Field)| named.0 == text;
        let place = after.iter().position(|named| found(&named)).map(|position| position + before.len());
        match place.or_else(|| before.iter().position(|named| found(&named))) {
            // Do not show the name: it comes from the document.
            None if *strict => Err(E::custom(match self.object.at.parent {
                Some(_) => format!("a field in {} is not in the template, which is strict", self.object.at),
                None => "a field is not in the template, which is strict".to_owned(),
            })),
            found => Ok(found),
        }
    }
}

/// The value of a declared field, or a list of such values.
#[derive(Clone, Copy)]
struct Value<'a> {
    field: &'a Field,
    at: ValuePath<'a>,
}

impl Value<'_> {
    fn refuse<E: Error>(&self, holds: &str) -> Result<(), E> {
        let wanted = match self.field {
            Field::Keyword => "a text",
            Field::Date => "a date",
            Field::Day => "a day (2026-01-31)",
            Field::Long | Field::Integer => "a whole number",
            Field::Float => "a number",
            Field::Boolean => "true or false",
            Field::Point => "a place (lat, lon)",
            Field::Object(_) | Field::List(_) => "an object",
            Field::Opaque => "anything",
            Field::Binary => "base64",
        };
        Err(E::custom(format_args!("field {} must be {wanted}, and holds {holds}", self.at)))
    }

    fn only<E: Error>(&self, fits: bool, holds: &str) -> Result<(), E> {
        if fits { Ok(()) } else { self.refuse(holds) }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field {
            Field::Opaque => deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of field {}", self.at)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field {
            Field::Keyword | Field::Point | Field::Binary => Ok(()),
            Field::Date => self.only(is_date(text.as_bytes()), "a text that is none"),
            Field::Day => self.only(is_day(text.as_bytes()), "a text that is none"),
            Field::Boolean => self.only(matches!(text, "true" | "false" | ""), "another text"),
            _ => self.refuse("a text"),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        match self.field {
            Field::Keyword | Field::Date | Field::Long | Field::Float => Ok(()),
            Field::Integer => self.only(i32::try_from(number).is_ok(), "a number out of its range"),
            _ => self.refuse("a number"),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.visit_i64(number),
            Err(_) => {
                self.only(matches!(self.field, Field::Keyword | Field::Float), "a number out of its range")
            }
        }
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.only(matches!(self.field, Field::Keyword | Field::Float), "a number with a fraction")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.only(matches!(self.field, Field::Keyword | Field::Boolean), "true or false")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self.field {
            Field::Object(fields) | Field::List(fields) => Object { fields, at: self.at }.visit_map(map),
            Field::Point => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(())
            }
            _ => self.refuse("an object"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if matches!(self.field, Field::Point) {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DocumentKind;
    use crate::template::of;

    fn reason(kind: DocumentKind, source: &str) -> String {
        check(&of(kind).fields, source).unwrap_err()
    }

    #[test]
    fn a_document_that_fits_passes_in_any_order() {
        let source = r#"{"duration":60,"meeting_uuid":"a","host":{"name":null,"id":"h"},"has_video":true,
            "start_time":"2026-01-02T03:04:05Z","tracking_fields":[{"field":"f","value":"v"}],"type":[2,8]}"#;
        check(&of(DocumentKind::Meetings).fields, source).unwrap();
        check(&of(DocumentKind::Raw).fields, r#"{"body":[{"any":{"thing":[1,"x"]}}],"date":"2026-01-02"}"#)
            .unwrap();
        check(&of(DocumentKind::Episodes).fields, r#"{"slides":[{"any":1}],"mpid":"m"}"#).unwrap();
        let place =
            r#"{"geoip":{"location":{"lat":1.5,"lon":2},"latitude":1.5,"longitude":2},"ip_address":"?"}"#;
        check(&of(DocumentKind::Sessions).fields, place).unwrap();
    }

    #[test]
    fn a_reason_names_the_field_and_not_its_value() {
        for (source, field) in [
            (r#"{"start_time":"secret"}"#, "start_time"),
            (r#"{"duration":"secret"}"#, "duration"),
            (r#"{"duration":1.5}"#, "duration"),
            (r#"{"duration":2147483648}"#, "duration"),
            (r#"{"series_id":18446744073709551615}"#, "series_id"),
            (r#"{"has_video":"secret"}"#, "has_video"),
            (r#"{"host":"secret"}"#, "host"),
            (r#"{"topic":{"secret":1}}"#, "topic"),
            (r#"{"harvest":{"fetched_at":"secret"}}"#, "harvest.fetched_at"),
            (r#"{"tracking_fields":[{"value":{"a":1}}]}"#, "tracking_fields.value"),
        ] {
            let reason = reason(DocumentKind::Meetings, source);
            assert!(reason.contains(&format!("field {field} ")), "{source}: {reason}");
            assert!(!reason.contains("secret"), "{source}: {reason}");
        }
        for (source, place) in [
            (r#"{"harvest":{"secret_field":1}}"#, "a field in harvest is"),
            (r#"{"secret":1}"#, "a field is"),
        ] {
            let reason = reason(DocumentKind::Meetings, source);
            assert!(reason.contains(place) && !reason.contains("secret"), "{source}: {reason}");
        }
        assert!(reason(DocumentKind::Harvests, r#"{"date":"2026-01-02T00:00:00Z"}"#).contains("field date "));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for source in ["1", "[]", "\"x\"", "null", "", "{", "{} {}"] {
            check(&of(DocumentKind::Useractions).fields, source).unwrap_err();
        }
    }
}
