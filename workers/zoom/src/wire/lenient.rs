//! A scalar that may be a string, number or boolean, or missing in several ways.

use jiff::Timestamp;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A lenient scalar. `""`, `null`, arrays and objects count as missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Lenient(Option<String>);

impl Lenient {
    /// Returns the text, unless missing.
    pub(crate) fn text(self) -> Option<String> {
        self.0
    }

    /// Returns the text, unless missing.
    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Parses the text as a whole number.
    pub(crate) fn number(&self) -> Option<u64> {
        self.as_str()?.trim().parse().ok()
    }

    /// Parses the text as an instant.
    pub(crate) fn instant(&self) -> Option<Timestamp> {
        messages::moment(self.as_str()?)
    }
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor)
    }
}

struct LenientVisitor;

impl<'de> Visitor<'de> for LenientVisitor {
    type Value = Lenient;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a scalar")
    }

    fn visit_str<E>(self, text: &str) -> Result<Lenient, E> {
        Ok(Lenient((!text.trim().is_empty()).then(|| text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Lenient, E> {
        Ok(Lenient(Some(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Lenient, E> {
        Ok(Lenient(Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Lenient, E> {
        Ok(Lenient(Some(number.to_string())))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Lenient, E> {
        Ok(Lenient(Some(truth.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Lenient, E> {
        Ok(Lenient(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_of_all_kinds_are_read() {
        let read = |json: &str| serde_json::from_str::<Lenient>(json).unwrap();
        assert_eq!(read("\" 12 \"").number(), Some(12));
        assert_eq!(read("12").number(), Some(12));
        assert_eq!(read("3600.0").number(), Some(3_600));
        assert_eq!(read("\"12x\"").number(), None);
        for missing in ["null", "\"\"", "[1,[2]]", "{\"a\":{}}"] {
            assert_eq!(read(missing).text(), None, "{missing}");
        }
        assert_eq!(read("\"2026-01-02T03:04:05Z\"").instant(), Some("2026-01-02T03:04:05Z".parse().unwrap()));
        assert_eq!(read("\"2026-01-02T03:04:05.250Z\"").instant().unwrap().subsec_millisecond(), 250);
        assert_eq!(read("\"yesterday\"").instant(), None);
    }
}
