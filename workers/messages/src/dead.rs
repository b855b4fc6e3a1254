//! A dead letter: a message nobody can use as it is, with its cause, until somebody replays or drops it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Calls, Cause, MeetingUuid, Queue, Source, UnknownName};

/// Events that a row keeps at most; the oldest are forgotten first.
const HISTORY: usize = 50;

/// What has become of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadState {
    /// Waits for an operator.
    Dead,
    /// Was published again to its origin; kept as history.
    Replayed,
    /// Was given up by an operator; kept as history.
    Dropped,
}

impl DeadState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Dead, Self::Replayed, Self::Dropped];

    /// The name used in rows and filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Replayed => "replayed",
            Self::Dropped => "dropped",
        }
    }
}

impl fmt::Display for DeadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DeadState {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| UnknownName { what: "state of a dead letter", name: name.to_owned() })
    }
}

/// Something that befell a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadEvent {
    /// When.
    pub at: Timestamp,
    /// The state that came of it.
    pub state: DeadState,
    /// Why it died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Where it died, or where it was replayed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// API calls made for the message until it died, so that a replay goes on counting.
    #[serde(default, skip_serializing_if = "Calls::is_none")]
    pub calls: Calls,
}

/// A row of the store's index `deadletters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The message's id, which is also the row's id.
    pub id: String,
    /// What has become of it.
    pub state: DeadState,
    /// Why it died.
    pub cause: Cause,
    /// The queue in which it died and to whose replay lane it goes back.
    pub origin: Queue,
    /// How often it was tried, all in all.
    pub attempts: u32,
    /// How often it was replayed before.
    pub replays: u32,
    /// When the message was first published.
    pub first_seen: Timestamp,
    /// When it died.
    pub died_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// Where the data comes from, as far as the message says.
    #[serde(default)]
    pub source: Option<Source>,
    /// The UTC date the message belongs to, as far as it says.
    #[serde(default)]
    pub date: Option<Date>,
    /// The meeting the message is about, as far as it says.
    #[serde(default)]
    pub meeting_uuid: Option<MeetingUuid>,
    /// The message's size; 0 in rows of before sizes were kept.
    #[serde(default)]
    pub bytes: u64,
    /// Documents that hold the message instead of `body`; 0: it is in `body`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pieces: u32,
    /// What befell it, the oldest first; of its last 50 events.
    #[serde(default)]
    pub history: Vec<DeadEvent>,
    /// The message, byte for byte, as base64: opaque, so that no mapping can refuse it. Empty where a row was
    /// read without it.
    #[serde(default)]
    pub body: String,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl DeadLetter {
    /// Puts the row into `state` at `now`, and keeps that as history.
    pub fn enter(&mut self, state: DeadState, now: Timestamp, cause: Option<Cause>, queue: Option<Queue>) {
        self.state = state;
        self.changed_at = now;
        self.history.push(DeadEvent { at: now, state, cause, queue, calls: Calls::default() });
        self.history.drain(..self.history.len().saturating_sub(HISTORY));
    }

    /// Keeps the death of a new letter as history: its cause, where it died, and the calls made until then.
    pub fn die(&mut self, calls: Calls) {
        self.enter(DeadState::Dead, self.died_at, Some(self.cause.clone()), Some(self.origin.clone()));
        if let Some(death) = self.history.last_mut() {
            death.calls = calls;
        }
    }

    /// Puts the history of the row that is there before this letter's own.
    pub fn follow(&mut self, row: &Self) {
        self.history.splice(..0, row.history.iter().cloned());
        self.history.drain(..self.history.len().saturating_sub(HISTORY));
    }

    /// API calls made for the message until it last died.
    pub fn calls(&self) -> Calls {
        let death = self.history.iter().rfind(|event| event.state == DeadState::Dead);
        death.map(|death| death.calls).unwrap_or_default()
    }

    /// The message as it was.
    ///
    /// # Errors
    /// When the row was altered by hand and is no longer base64.
    pub fn body_bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&self.body)
    }

    /// The form in which a message's bytes are kept in [`DeadLetter::body`].
    pub fn opaque(body: &[u8]) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CauseClass;

    const OLD: &str = r#"{"id":"a","state":"dead","cause":{"class":"gone","text":"t"},"origin":"ua.documents",
        "attempts":1,"replays":0,"first_seen":"2026-01-01T00:00:00Z","died_at":"2026-01-02T00:00:00Z",
        "changed_at":"2026-01-02T00:00:00Z","body":"AAE="}"#;

    #[test]
    fn a_row_of_before_it_could_be_searched_is_read() {
        let row: DeadLetter = serde_json::from_str(OLD).unwrap();
        assert_eq!((row.source, row.date, row.bytes, row.history.len()), (None, None, 0, 0));
        assert_eq!(row.body_bytes().unwrap(), [0, 1]);
    }

    #[test]
    fn history_is_kept_and_bounded() {
        let mut row: DeadLetter = serde_json::from_str(OLD).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        for second in 0..60 {
            row.enter(DeadState::Replayed, at(second), None, Some(Queue::documents()));
        }
        row.enter(DeadState::Dead, at(60), Some(Cause::new(CauseClass::Gone, "x")), None);
        assert_eq!((row.history.len(), row.history[0].at), (HISTORY, at(11)));
        assert_eq!((row.state, row.changed_at), (DeadState::Dead, at(60)));
        assert_eq!(serde_json::from_str::<DeadLetter>(&serde_json::to_string(&row).unwrap()).unwrap(), row);
    }

    #[test]
    fn every_state_is_written_and_read_by_its_name() {
        for state in DeadState::ALL {
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
            assert_eq!(state.name().parse::<DeadState>().unwrap(), state);
        }
        assert!("alive".parse::<DeadState>().is_err());
    }
}
