//! Parked messages: their number, their cause, and when the next attempt is due.

use std::collections::BTreeMap;

use jiff::Timestamp;
use runtime::Snapshot;

use crate::units;

/// What the roles of one name have parked for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parked {
    role: String,
    of: runtime::Parked,
}

/// What is parked, by role and class of cause.
pub(crate) fn of<'a>(roles: impl IntoIterator<Item = &'a Snapshot>) -> Vec<Parked> {
    let mut all: Vec<Parked> = Vec::new();
    for (role, of) in roles.into_iter().flat_map(|role| role.parked.iter().map(|of| (&role.name, of))) {
        match all.iter_mut().find(|known| known.role == **role && known.of.class == of.class) {
            Some(Parked { of: known, .. }) => {
                known.messages = known.messages.saturating_add(of.messages);
                known.next = known.next.min(of.next);
            }
            None => all.push(Parked { role: role.to_string(), of: of.clone() }),
        }
    }
    all
}

impl Parked {
    /// All of it in a sentence.
    pub(crate) fn sentence(&self, now: Timestamp) -> String {
        let Self { role, of: runtime::Parked { class, why, messages, next } } = self;
        let due = match *next <= now {
            true => "now".to_owned(),
            false => format!("in {}", units::span(units::between(now, *next))),
        };
        let messages = units::some(*messages, "message");
        format!("{role} has {messages} parked ({class}: {why}); next attempt {due}")
    }
}

/// The causes that were announced, by role and class, with the attempt that was announced for each.
#[derive(Debug, Default)]
pub(crate) struct Announced(BTreeMap<(String, String), Timestamp>);

impl Announced {
    /// What is to be announced now: a cause that is new, or that has outlasted the announced attempt.
    pub(crate) fn news(&mut self, parked: &[Parked], now: Timestamp) -> Vec<String> {
        self.0.retain(|_, next| *next > now);
        let mut news = Vec::new();
        for parked in parked {
            let cause = (parked.role.clone(), parked.of.class.clone());
            self.0.entry(cause).or_insert_with(|| {
                news.push(parked.sentence(now));
                parked.of.next
            });
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use runtime::Status;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
    }

    fn role(name: &'static str, class: &str, messages: u64, next: i64) -> Snapshot {
        let why = "it answered 503".to_owned();
        let parked = runtime::Parked { class: class.to_owned(), why, messages, next: at(next) };
        Snapshot { parked: vec![parked], ..Status::new(name).snapshot() }
    }

    #[test]
    fn roles_of_one_name_count_together() {
        let roles =
            [role("zoom.list", "x", 2, 90), role("zoom.list", "x", 1, 30), role("opencast", "x", 1, 0)];
        let said: Vec<String> = of(&roles).iter().map(|parked| parked.sentence(at(0))).collect();
        assert_eq!(
            said,
            [
                "zoom.list has 3 messages parked (x: it answered 503); next attempt in 30 s",
                "opencast has 1 message parked (x: it answered 503); next attempt now",
            ]
        );
    }

    #[test]
    fn a_cause_is_announced_once_for_each_announced_attempt() {
        let mut announced = Announced::default();
        let mut news = |roles: &[Snapshot], second| announced.news(&of(roles), at(second)).len();
        assert_eq!(news(&[role("zoom.list", "x", 1, 30)], 0), 1);
        // More messages, due earlier and later: the same cause.
        assert_eq!(news(&[role("zoom.list", "x", 5, 10)], 1), 0);
        assert_eq!(news(&[role("zoom.list", "x", 5, 40), role("zoom.list", "y", 1, 35)], 2), 1);
        assert_eq!(news(&[], 20), 0);
        assert_eq!(news(&[role("zoom.list", "x", 5, 60)], 29), 0);
        assert_eq!(news(&[role("zoom.list", "x", 5, 60)], 30), 1, "the attempt has failed");
    }
}
