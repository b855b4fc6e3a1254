//! The fields of a row that were lost, wholly or in part.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::Scalar;
use crate::Fault;

/// Names of the fields of one row whose values could not be used, were damaged (U+FFFD) or came twice. Each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped(Vec<&'static str>);

impl Dropped {
    /// The names of the fields.
    pub fn fields(&self) -> &[&'static str] {
        &self.0
    }

    pub(crate) fn note(&mut self, field: &'static str) {
        if !self.0.contains(&field) {
            self.0.push(field);
        }
    }

    /// The text of a member, damaged or not; `None` for what is none.
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

    /// The first of these values that can be read; the field is noted when none can, though one is there, or when a text
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

    /// What was read; a value of another kind counts as none, and is noted.
    fn kept<T>(&mut self, read: Result<Option<T>, Fault>, field: &'static str) -> Option<T> {
        read.unwrap_or_else(|_| {
            self.note(field);
            None
        })
    }
}

/// Whether U+FFFD stands in a value for what could not be read.
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
