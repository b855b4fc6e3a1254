//! What a role has parked for another attempt, by cause: how many, and when the next is due. Bounded, whatever is parked.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Causes that are told apart; those behind count together.
const CAUSES: usize = 8;
/// Characters of a cause.
const LETTERS: usize = 200;
/// The class of what is not told apart any more.
const OTHERS: &str = "others";

/// Messages that one process has parked for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The class of the cause; `put-off`: not counted as an attempt.
    pub class: String,
    /// The latest cause of that class, in words.
    pub why: String,
    /// How many.
    pub messages: u64,
    /// When the first of them is due.
    pub next: Timestamp,
}

/// What is parked, by class.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    causes: BTreeMap<String, Cause>,
}

#[derive(Debug, Default)]
struct Cause {
    why: String,
    /// How many are due, by second.
    due: BTreeMap<i64, u64>,
}

impl Shelf {
    pub(crate) fn add(&mut self, class: String, why: &str, due: Timestamp, now: Timestamp) {
        self.forget(now);
        let known = self.causes.contains_key(&class) || self.causes.len() < CAUSES;
        let class = if known { class } else { OTHERS.to_owned() };
        let cause = self.causes.entry(class).or_default();
        cause.why = why.chars().take(LETTERS).collect();
        *cause.due.entry(due.as_second()).or_default() += 1;
    }

    /// What is still parked, the most first.
    pub(crate) fn parked(&mut self, now: Timestamp) -> Vec<Parked> {
        self.forget(now);
        let mut parked: Vec<Parked> =
            self.causes.iter().filter_map(|(class, cause)| cause.parked(class)).collect();
        parked.sort_by_key(|parked| std::cmp::Reverse(parked.messages));
        parked
    }

    /// What is due is parked no more.
    fn forget(&mut self, now: Timestamp) {
        self.causes.retain(|_, cause| {
            cause.due = cause.due.split_off(&now.as_second());
            !cause.due.is_empty()
        });
    }
}

impl Cause {
    fn parked(&self, class: &str) -> Option<Parked> {
        let (next, _) = self.due.first_key_value()?;
        Some(Parked {
            class: class.to_owned(),
            why: self.why.clone(),
            messages: self.due.values().sum(),
            next: Timestamp::from_second(*next).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn what_is_parked_counts_by_cause_until_it_is_due() {
        let mut shelf = Shelf::default();
        shelf.add("put-off".to_owned(), "not yet", at(120), at(0));
        for due in [30, 5, 30] {
            shelf.add("attempts-spent".to_owned(), &format!("it answered 503 ({due})"), at(due), at(0));
        }
        let parked = shelf.parked(at(1));
        assert_eq!(
            parked[0],
            Parked {
                class: "attempts-spent".to_owned(),
                why: "it answered 503 (30)".to_owned(),
                messages: 3,
                next: at(5)
            }
        );
        assert_eq!((parked.len(), parked[1].next), (2, at(120)));
        assert_eq!(shelf.parked(at(31)).iter().map(|parked| parked.messages).collect::<Vec<_>>(), [1]);
        assert!(shelf.parked(at(121)).is_empty());
    }

    #[test]
    fn causes_and_their_words_are_bounded() {
        let mut shelf = Shelf::default();
        for number in 0..1_000 {
            shelf.add(format!("class {number}"), &"x".repeat(5_000), at(60), at(0));
        }
        let parked = shelf.parked(at(0));
        assert_eq!(parked.len(), CAUSES + 1);
        assert_eq!(parked.iter().map(|parked| parked.messages).sum::<u64>(), 1_000);
        assert!(parked.iter().all(|parked| parked.why.len() <= LETTERS), "{parked:?}");
    }
}
