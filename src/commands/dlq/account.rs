//! Reports the outcomes of a desk command: a line for each selected or failed letter, progress, and totals. Independent
//! of the operation, because replay and drop share it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indexer::desk::{Choice, DeskError, LetterOutcome};
use serde::Serialize;

use crate::exit::Outcome;
use crate::{output, units};

/// Maximum number of failed letters to print; the others are only counted.
const NAMED: u64 = 20;
/// Interval between two progress lines.
const EVERY: Duration = Duration::from_secs(10);

/// The outcomes so far.
pub(super) struct Account {
    json: bool,
    /// True if the user gave the ids; then each letter gets a line.
    named: bool,
    counts: BTreeMap<&'static str, u64>,
    undone: u64,
    said: Instant,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    outcome: &'static str,
    text: String,
}

impl Account {
    pub(super) fn new(choice: &Choice, json: bool) -> Self {
        let named = matches!(choice, Choice::Ids(_));
        Self { json, named, counts: BTreeMap::new(), undone: 0, said: Instant::now() }
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    pub(super) fn tell(&mut self, id: &str, outcome: &LetterOutcome) {
        *self.counts.entry(outcome.name()).or_default() += 1;
        self.undone += u64::from(!outcome.is_done());
        if self.json {
            // These fields always serialize. A failed write is reported at the end of the command.
            let _ = output::say_json(&Line { id, outcome: outcome.name(), text: outcome.to_string() });
        } else if self.named || (!outcome.is_done() && self.undone <= NAMED) {
            output::say(&format!("{}: {outcome}", messages::printable(id)));
        }
        if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            output::remark(&format!("so far: {}", self.so_far()));
        }
    }

    fn so_far(&self) -> String {
        let counts = self.counts.iter().map(|(name, count)| format!("{} {name}", units::count(*count)));
        counts.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn end(self, done: &str, ended: Result<(), DeskError>) -> anyhow::Result<Outcome> {
        let all: u64 = self.counts.values().sum();
        if !self.named || ended.is_err() {
            let (count, would) = (self.count(done), self.count("would"));
            let mut text = match (all, would) {
                (0, _) => "no dead letter fits".to_owned(),
                (_, 0) => format!("{done} {} of {}", units::count(count), units::some(all, "dead letter")),
                _ => {
                    format!("{} of {} would be {done}", units::count(would), units::some(all, "dead letter"))
                }
            };
            let others = self.counts.iter().filter(|(name, _)| **name != done && **name != "would");
            others.for_each(|(name, count)| text += &format!(", {} {name}", units::count(*count)));
            if ended.is_err() {
                text += "; then it ended, the rest is as it was: say it again to go on";
            }
            // With `--json`, stdout has only lines of JSON.
            if self.json || ended.is_err() { output::remark(&text) } else { output::say(&text) }
        }
        ended?;
        Ok(if self.undone == 0 { Outcome::Complete } else { Outcome::Incomplete })
    }
}

#[cfg(test)]
mod tests {
    use indexer::desk::Filter;
    use messages::Queue;

    use super::*;

    #[test]
    fn what_was_done_so_far_is_counted_by_its_fate() {
        let mut account = Account::new(&Choice::Fitting(Filter::default(), None), false);
        for n in 0..1_200 {
            account.tell(&n.to_string(), &LetterOutcome::Replayed(Queue::documents()));
        }
        account.tell("x", &LetterOutcome::TooOften(3));
        assert_eq!(account.so_far(), "1,200 replayed, 1 too-often");
    }
}
