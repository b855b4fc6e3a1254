//! Fields whose values could not be used: each costs its value, never its row, and is counted.

use std::collections::BTreeMap;

/// How often each field of some rows held a value that could not be used, by the name the source gives the field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped(BTreeMap<&'static str, u64>);

impl Dropped {
    /// Nothing dropped.
    pub(crate) const NONE: Self = Self(BTreeMap::new());

    /// True when a value of `field` was dropped.
    pub(crate) fn has(&self, field: &'static str) -> bool {
        self.0.contains_key(field)
    }

    /// Counts one value of `field`. Names are the program's own, so that their number is bounded.
    pub(crate) fn add(&mut self, field: &'static str) {
        *self.0.entry(field).or_default() += 1;
    }

    /// Each field and how many of its values were dropped.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(field, values)| (*field, *values))
    }

    /// True when nothing was dropped.
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
