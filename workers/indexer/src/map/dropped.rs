//! Counts values that documents omit because they are unusable. Their rows are indexed.

use std::collections::BTreeMap;

/// Number of unusable values per field, by the source's field names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped(BTreeMap<&'static str, u64>);

impl Dropped {
    pub(crate) const NONE: Self = Self(BTreeMap::new());

    /// True if a value of `field` was dropped.
    pub(crate) fn has(&self, field: &'static str) -> bool {
        self.0.contains_key(field)
    }

    /// Counts one value of `field`. Names are constants of the program, so their number is bounded.
    pub(crate) fn add(&mut self, field: &'static str) {
        *self.0.entry(field).or_default() += 1;
    }

    /// Returns each field with its number of dropped values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(field, values)| (*field, *values))
    }

    /// True if no value was dropped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::ops::AddAssign<&Self> for Dropped {
    fn add_assign(&mut self, other: &Self) {
        for (field, values) in other.iter() {
            *self.0.entry(field).or_default() += values;
        }
    }
}
