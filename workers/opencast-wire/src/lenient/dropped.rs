//! Fields of a row whose values were lost or damaged.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Scalar;
use crate::Fault;

/// Names of the fields of one row with unusable, damaged (U+FFFD) or repeated values. Each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped(Vec<&'static str>);

impl Dropped {
    /// Returns the names of the fields.
    pub fn fields(&self) -> &[&'static str] {
        &self.0
    }

    pub(crate) fn note(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    /// Notes a value that is neither an object nor an empty element.
    pub(crate) fn unless_object(&mut self, value: &RawValue, field: &'static str) {
        let is_object = value.get().starts_with('{');
        if !is_object && value.get() != "[]" && Scalar::read(value) != Scalar::Absent {
            self.note(field);
        }
    }

    /// Reads a member as text, damaged or not. Returns `None` if it is not a text.
    pub(crate) fn text<'a>(
        &mut self,
        value: Option<&'a RawValue>,
        field: &'static str,
    ) -> Option<Cow<'a, str>> {
        let text = self.kept(Scalar::of(value).text(field), field);
        if text.as_ref().is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
            self.note(field);
        }
        text
    }

    pub(crate) fn number(&mut self, value: Option<&RawValue>, field: &'static str) -> Option<i64> {
        self.kept(Scalar::of(value).number(field), field)
    }

    pub(crate) fn flag(&mut self, value: Option<&RawValue>, field: &'static str) -> Option<bool> {
        self.kept(Scalar::of(value).flag(field), field)
    }

    pub(crate) fn instant(&mut self, value: Option<&RawValue>, field: &'static str) -> Option<Timestamp> {
        self.kept(Scalar::of(value).instant(field), field)
    }

    /// Returns the first value that can be read. Notes the field if a value exists and none can be read, or if the text
    /// is damaged.
    pub(crate) fn first<T: Damage>(
        &mut self,
        field: &'static str,
        values: &[Option<&RawValue>],
        read: impl Fn(Scalar<'_>) -> Result<Option<T>, Fault>,
    ) -> Option<T> {
        let mut is_odd = false;
        for value in values {
            match read(Scalar::of(*value)) {
                Ok(Some(found)) => {
                    if found.is_damaged() {
                        self.note(field);
                    }
                    return Some(found);
                }
                Ok(None) => {}
                Err(_) => is_odd = true,
            }
        }
        if is_odd {
            self.note(field);
        }
        None
    }

    /// Returns the value, or notes the field and returns `None` if the value has the wrong type.
    fn kept<T>(&mut self, read: Result<Option<T>, Fault>, field: &'static str) -> Option<T> {
        read.unwrap_or_else(|_| {
            self.note(field);
            None
        })
    }
}

/// A value that may contain U+FFFD in place of unreadable text.
pub(crate) trait Damage {
    fn is_damaged(&self) -> bool;
}

impl Damage for String {
    fn is_damaged(&self) -> bool {
        self.contains(char::REPLACEMENT_CHARACTER)
    }
}

impl Damage for i64 {
    fn is_damaged(&self) -> bool {
        false
    }
}

impl Damage for Timestamp {
    fn is_damaged(&self) -> bool {
        false
    }
}
