//! Tracks which rows of an unordered list were seen, and whether they changed. Stores hashes, not rows. Independent of
//! the rows' content.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher as _};

/// Rows seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<u64, u32>);

impl Seen {
    /// Records a row by id and text; returns true if it is new or has changed.
    pub(crate) fn note(&mut self, id: u64, text: &str) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        let now = hash(text) as u32;
        match self.0.entry(id) {
            Entry::Vacant(place) => {
                place.insert(now);
                true
            }
            Entry::Occupied(mut place) => place.insert(now) != now,
        }
    }

    /// Returns the number of different rows.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Hashes a text.
pub(crate) fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_news_once_and_when_it_has_changed() {
        let mut seen = Seen::default();
        assert!(seen.note(1, "a") && seen.note(2, "a"));
        assert!(!seen.note(1, "a"));
        assert!(seen.note(1, "b"));
        assert!(!seen.note(1, "b"));
        assert_eq!(seen.count(), 2);
    }
}
