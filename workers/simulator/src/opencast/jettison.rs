//! JSON as Opencast's XML serialiser (Jettison) writes it: one child is an object, several are an array, an empty
//! wrapper is "", and text that looks like a number or boolean becomes one.

use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

/// Differences between generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    /// Attributes stay text.
    pub(super) attributes_are_text: bool,
    /// Every number has a decimal point, `4160.0`.
    pub(super) doubles: bool,
}

/// An XML element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Self>,
    text: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), text: String::new() }
    }

    pub(super) fn text(name: &'static str, text: impl ToString) -> Self {
        Self { text: text.to_string(), ..Self::new(name) }
    }

    pub(super) fn attribute(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// Adds an attribute if there is a value.
    pub(super) fn attribute_of(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// Adds a child with text if there is one.
    pub(super) fn text_of(self, name: &'static str, text: Option<impl ToString>) -> Self {
        self.children(text.map(|text| Self::text(name, text)))
    }

    /// The element as the value of its name.
    pub(super) fn value(&self, style: Style) -> Value {
        if self.attributes.is_empty() && self.children.is_empty() {
            return coerced(&self.text, style);
        }
        let mut object = Map::new();
        for (name, value) in &self.attributes {
            let text = style.attributes_are_text;
            let value = if text { Value::String(value.clone()) } else { coerced(value, style) };
            object.insert((*name).to_owned(), value);
        }
        if !self.text.is_empty() {
            object.insert("$".to_owned(), coerced(&self.text, style));
        }
        for child in &self.children {
            let value = child.value(style);
            match object.get_mut(child.name) {
                None => drop(object.insert(child.name.to_owned(), value)),
                Some(Value::Array(many)) => many.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
        Value::Object(object)
    }

    /// The element as a document.
    pub(super) fn document(&self, style: Style) -> Value {
        Value::Object(Map::from_iter([(self.name.to_owned(), self.value(style))]))
    }
}

/// A text becomes a number or boolean only if that prints as the same text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scalar<'a> {
    Integer(i64),
    Decimal(f64),
    Bool(bool),
    Text(&'a str),
}

fn scalar(text: &str) -> Scalar<'_> {
    match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => {}
        Some(b't') if text == "true" => return Scalar::Bool(true),
        Some(b'f') if text == "false" => return Scalar::Bool(false),
        _ => return Scalar::Text(text),
    }
    if let Some(number) = text.parse::<i64>().ok().filter(|number| number.to_string() == text) {
        return Scalar::Integer(number);
    }
    match text.parse::<f64>().ok().filter(|number| format!("{number:?}") == text) {
        Some(number) => Scalar::Decimal(number),
        None => Scalar::Text(text),
    }
}

fn coerced(text: &str, style: Style) -> Value {
    let double = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    match scalar(text) {
        Scalar::Integer(number) if style.doubles => double(number as f64),
        Scalar::Integer(number) => number.into(),
        Scalar::Decimal(number) => double(number),
        Scalar::Bool(truth) => truth.into(),
        Scalar::Text(text) => text.into(),
    }
}

/// Text of an element, for rows that are too numerous for trees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match scalar(self.0) {
            Scalar::Integer(number) => out.serialize_i64(number),
            Scalar::Decimal(number) => out.serialize_f64(number),
            Scalar::Bool(truth) => out.serialize_bool(truth),
            Scalar::Text(text) => out.serialize_str(text),
        }
    }
}

/// A number in an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute {
    pub(super) value: u64,
    pub(super) is_text: bool,
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        if self.is_text { out.collect_str(&self.value) } else { out.serialize_u64(self.value) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: Style = Style { attributes_are_text: true, doubles: false };
    const NEW: Style = Style { attributes_are_text: false, doubles: false };
    const DOUBLES: Style = Style { attributes_are_text: false, doubles: true };

    #[test]
    fn text_becomes_a_number_only_if_it_would_be_written_the_same_way() {
        for (text, value) in [
            ("81234567", json!(81_234_567)),
            ("00123456", json!("00123456")),
            ("1e5", json!("1e5")),
            ("12345678901234567890", json!("12345678901234567890")),
            ("true", json!(true)),
            ("-1", json!(-1)),
            ("1.5", json!(1.5)),
            ("1.50", json!("1.50")),
            ("", json!("")),
            ("NaN", json!("NaN")),
            ("-", json!("-")),
        ] {
            assert_eq!(coerced(text, NEW), value, "{text:?}");
            assert_eq!(serde_json::to_value(Text(text)).unwrap(), value, "{text:?}");
        }
    }

    #[test]
    fn one_is_an_object_several_are_an_array_none_are_absent() {
        let of = |count: u32| {
            let tags = (0..count).map(|n| Element::text("tag", format!("t{n}")));
            Element::new("tags").children(tags).document(OLD)
        };
        assert_eq!(of(0), json!({ "tags": "" }));
        assert_eq!(of(1), json!({ "tags": { "tag": "t0" } }));
        assert_eq!(of(2), json!({ "tags": { "tag": ["t0", "t1"] } }));
        let empty = Element::new("actions").attribute("total", 0);
        assert_eq!(empty.document(OLD), json!({ "actions": { "total": "0" } }));
    }

    #[test]
    fn the_generations_differ_in_attributes_and_numbers() {
        let element = || Element::text("checksum", "42").attribute("type", "7").attribute("live", true);
        assert_eq!(element().value(OLD), json!({ "type": "7", "live": "true", "$": 42 }));
        assert_eq!(element().value(NEW), json!({ "type": 7, "live": true, "$": 42 }));
        assert_eq!(element().value(DOUBLES).to_string(), r#"{"$":42.0,"live":true,"type":7.0}"#);
    }
}
