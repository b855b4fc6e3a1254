//! Messages that a role has parked for another attempt: number and next due time, by cause. Bounded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Maximum number of separate causes; further ones count as `others`.
const CAUSES: usize = 8;
/// Maximum characters of a cause's text.
const LETTERS: usize = 200;
/// Class of further causes.
const OTHERS: &str = "others";

/// Messages that one process has parked for one class of causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Class of the cause; `put-off` when the message was deferred, which counts no attempt.
    pub class: String,
    /// Text of the latest cause of the class.
    pub why: String,
    /// Number of messages.
    pub messages: u64,
    /// Time at which the first is due.
    pub next: Timestamp,
}

/// Parked messages by class.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    causes: BTreeMap<String, Cause>,
}

#[derive(Debug, Default)]
struct Cause {
    why: String,
    /// Number of messages by the second in which they are due.
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

    /// Returns what is still parked, largest number first.
    pub(crate) fn parked(&mut self, now: Timestamp) -> Vec<Parked> {
        self.forget(now);
        let mut parked: Vec<Parked> =
            self.causes.iter().filter_map(|(class, cause)| cause.parked(class)).collect();
        parked.sort_by_key(|parked| std::cmp::Reverse(parked.messages));
        parked
    }

    /// Removes messages that are due.
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
