//! A small model of Opencast's JSON serialiser for tests: converts a tree of elements to each generation's JSON.

use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

/// Generation of the serialiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Up to Opencast 7: attributes are strings.
    Old,
    /// Since Opencast 8: attributes are converted like an element's text.
    New,
    /// Like `New`, then parsed and written again by a library that has only doubles.
    Doubles,
}

pub(crate) const STYLES: [Style; 3] = [Style::Old, Style::New, Style::Doubles];

/// An element: attributes, then children or a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    attributes: Vec<(&'static str, String)>,
    children: Vec<(&'static str, Element)>,
    text: String,
}

pub(crate) fn text(text: impl ToString) -> Element {
    Element { text: text.to_string(), ..Element::default() }
}

pub(crate) fn element() -> Element {
    Element::default()
}

impl Element {
    pub(crate) fn attribute(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    pub(crate) fn attribute_if(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    pub(crate) fn child(mut self, name: &'static str, child: Element) -> Self {
        self.children.push((name, child));
        self
    }

    pub(crate) fn child_if(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.child(name, text(value)),
            None => self,
        }
    }

    pub(crate) fn children(self, name: &'static str, children: impl IntoIterator<Item = Element>) -> Self {
        children.into_iter().fold(self, |all, child| all.child(name, child))
    }

    /// Returns the document whose root has this content.
    pub(crate) fn document(&self, root: &str, style: Style) -> Box<RawValue> {
        let document = Value::Object(Map::from_iter([(root.to_owned(), self.value(style))]));
        RawValue::from_string(document.to_string()).unwrap()
    }

    pub(crate) fn value(&self, style: Style) -> Value {
        if self.attributes.is_empty() && self.children.is_empty() {
            return coerced(&self.text, style);
        }
        let mut members = Map::new();
        for (name, value) in &self.attributes {
            let value = if style == Style::Old { Value::from(value.as_str()) } else { coerced(value, style) };
            members.insert((*name).to_owned(), value);
        }
        for (name, child) in &self.children {
            let value = child.value(style);
            match members.get_mut(*name) {
                None => drop(members.insert((*name).to_owned(), value)),
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        if !self.text.is_empty() {
            members.insert("$".to_owned(), coerced(&self.text, style));
        }
        Value::Object(members)
    }
}

/// Converts a text to a number or boolean if it is exactly the JSON form of one.
fn coerced(text: &str, style: Style) -> Value {
    if let Some(number) = text.parse::<i64>().ok().filter(|number| number.to_string() == text) {
        #[expect(clippy::cast_precision_loss, reason = "what the library that knows only doubles does")]
        return if style == Style::Doubles { Value::from(number as f64) } else { Value::from(number) };
    }
    if let Some(number) = text.parse::<f64>().ok().filter(|number| number.to_string() == text) {
        return Number::from_f64(number).map_or_else(|| Value::from(text), Value::Number);
    }
    match text {
        "true" => Value::from(true),
        "false" => Value::from(false),
        _ => Value::from(text),
    }
}

/// Texts that a serialiser may mistake for another type.
pub(crate) fn tricky() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        "[ -~]{1,16}",
        "\\PC{1,8}",
        "[0-9]{1,15}",
        "0[0-9]{3,8}",
        "[0-9]{20,24}",
        "-?[1-9][0-9]{0,4}\\.[0-9]{0,2}[1-9]",
        "[0-9]e[0-9]",
        Just("true".to_owned()),
        Just("False".to_owned()),
        Just("null".to_owned()),
        Just("{}".to_owned()),
    ];
    let fits = |text: &String| !text.trim().is_empty() && !text.contains(char::REPLACEMENT_CHARACTER);
    plain.prop_filter("a blank text is none, and a damaged one is named", fits)
}

#[test]
fn the_model_writes_what_the_serialiser_was_seen_to_write() {
    let action = |id: u32| {
        element().child("id", text(id)).child("userId", text("81234567")).child("session", text("1e5"))
    };
    let page = element().attribute("total", 2).children("action", [action(1)]).child("empty", element());
    let old = page.document("actions", Style::Old);
    let new = page.document("actions", Style::New);
    let row = r#"{"id":1,"session":"1e5","userId":81234567}"#;
    assert_eq!(old.get(), format!(r#"{{"actions":{{"action":{row},"empty":"","total":"2"}}}}"#));
    assert_eq!(new.get(), format!(r#"{{"actions":{{"action":{row},"empty":"","total":2}}}}"#));
    let two = element().children("action", [text(1), text(2)]).document("actions", Style::Doubles);
    assert_eq!(two.get(), r#"{"actions":{"action":[1.0,2.0]}}"#);
    let checksum = element().child("checksum", text("abc").attribute("type", "md5"));
    assert_eq!(checksum.document("x", Style::New).get(), r#"{"x":{"checksum":{"$":"abc","type":"md5"}}}"#);
}
