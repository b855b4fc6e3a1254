//! The fields of a mapping, in the order of their declaration.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// Fields of a document or of an object in it.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// True when undeclared fields are refused.
    pub(crate) strict: bool,
    /// Names and types.
    pub(crate) list: Vec<(String, Field)>,
}

/// Type of a field, reduced to what decides which values it accepts.
#[derive(Debug)]
pub(crate) enum Field {
    /// A text. Includes the types `text` and `ip`.
    Keyword,
    /// A point in time.
    Date,
    /// A calendar day.
    Day,
    /// A 64-bit integer.
    Long,
    /// A 32-bit integer.
    Integer,
    /// A floating-point number.
    Float,
    /// A boolean.
    Boolean,
    /// Latitude and longitude.
    Point,
    /// An object with these fields.
    Object(Fields),
    /// A list of objects.
    List(Fields),
    /// Stored, not parsed.
    Opaque,
    /// Bytes, in base64 in JSON.
    Binary,
}

impl Fields {
    pub(crate) const NONE: Self = Self { strict: false, list: Vec::new() };

    /// Finds a field by its name; dots separate nested names.
    pub(crate) fn find(&self, name: &str) -> Option<&Field> {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let (_, field) = self.list.iter().find(|(name, _)| name == first)?;
        match (rest, field) {
            (None, field) => Some(field),
            (Some(rest), Field::Object(inner) | Field::List(inner)) => inner.find(rest),
            (Some(_), _) => None,
        }
    }
}

#[derive(Deserialize)]
struct Mapping {
    dynamic: Option<serde_json::Value>,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize)]
struct Property {
    #[serde(rename = "type")]
    name: Option<String>,
    format: Option<String>,
    enabled: Option<bool>,
    properties: Option<Properties>,
}

/// A JSON object that keeps its order.
#[derive(Default)]
struct Properties(Vec<(String, Property)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mapping = Mapping::deserialize(deserializer)?;
        let strict = mapping.dynamic.is_some_and(|dynamic| dynamic == "strict");
        mapping.properties.into_fields(strict).map_err(D::Error::custom)
    }
}

impl Properties {
    fn into_fields(self, strict: bool) -> Result<Fields, String> {
        let typed = |(name, property): (String, Property)| Ok((name, property.into_field(strict)?));
        Ok(Fields { strict, list: self.0.into_iter().map(typed).collect::<Result<_, String>>()? })
    }
}

impl Property {
    fn into_field(self, strict: bool) -> Result<Field, String> {
        if self.enabled == Some(false) {
            return Ok(Field::Opaque);
        }
        let inner = self.properties.unwrap_or_default();
        Ok(match self.name.as_deref() {
            None | Some("object") => Field::Object(inner.into_fields(strict)?),
            Some("nested") => Field::List(inner.into_fields(strict)?),
            // An invalid address is stored but not searchable (`ignore_malformed`).
            Some("keyword" | "text" | "ip") => Field::Keyword,
            Some("date") if self.format.as_deref() == Some("strict_date") => Field::Day,
            Some("date") => Field::Date,
            Some("long") => Field::Long,
            Some("integer") => Field::Integer,
            Some("float") => Field::Float,
            Some("boolean") => Field::Boolean,
            Some("geo_point") => Field::Point,
            Some("binary") => Field::Binary,
            Some(other) => return Err(format!("field type {other} is not known here")),
        })
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Properties;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    list.push(entry);
                }
                Ok(Properties(list))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
