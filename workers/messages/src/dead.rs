//! Dead letters: messages that cannot be processed, stored with their cause until an operator replays or drops them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Calls, Cause, MeetingUuid, Queue, Source, UnknownName};

/// Maximum number of events in a row's history. The oldest are removed first.
const HISTORY: usize = 50;

/// State of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadState {
    /// Waits for an operator.
    Dead,
    /// Published again by an operator; the row stays as history.
    Replayed,
    /// Dropped by an operator; the row stays as history.
    Dropped,
}

impl DeadState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Dead, Self::Replayed, Self::Dropped];

    /// Returns the name used in rows and filters.
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

/// A change of state of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadEvent {
    /// Time of the change.
    pub at: Timestamp,
    /// The new state.
    pub state: DeadState,
    /// Cause of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The queue in which the message failed, or to which it was replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// API calls made for the message until it failed, so that a replay continues the count.
    #[serde(default, skip_serializing_if = "Calls::is_none")]
    pub calls: Calls,
}

/// A row of the store's index `deadletters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// Id of the message and of the row.
    pub id: String,
    /// Current state.
    pub state: DeadState,
    /// Cause of the last failure.
    pub cause: Cause,
    /// The queue in which the message failed. Replays go to its replay lane.
    pub origin: Queue,
    /// Total number of attempts.
    pub attempts: u32,
    /// Number of earlier replays.
    pub replays: u32,
    /// When the message was first published.
    pub first_seen: Timestamp,
    /// When the message last failed.
    pub died_at: Timestamp,
    /// When the state last changed.
    pub changed_at: Timestamp,
    /// The source of the data, if the message names it.
    #[serde(default)]
    pub source: Option<Source>,
    /// The UTC date the message belongs to, if it names one.
    #[serde(default)]
    pub date: Option<Date>,
    /// The meeting the message is about, if it names one.
    #[serde(default)]
    pub meeting_uuid: Option<MeetingUuid>,
    /// Size of the message; 0 in rows of versions that did not record it.
    #[serde(default)]
    pub bytes: u64,
    /// Number of documents that hold the message; 0 if `body` holds it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pieces: u32,
    /// The last 50 changes of state, oldest first.
    #[serde(default)]
    pub history: Vec<DeadEvent>,
    /// The message as base64, byte for byte, so that no mapping can refuse it. Empty if the row was read without it.
    #[serde(default)]
    pub body: String,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl DeadLetter {
    /// Sets the state and appends it to the history.
    pub fn enter(&mut self, state: DeadState, now: Timestamp, cause: Option<Cause>, queue: Option<Queue>) {
        self.state = state;
        self.changed_at = now;
        self.history.push(DeadEvent { at: now, state, cause, queue, calls: Calls::default() });
        self.history.drain(..self.history.len().saturating_sub(HISTORY));
    }

    /// Appends the failure of a new letter to the history, with the API calls made until then.
    pub fn die(&mut self, calls: Calls) {
        self.enter(DeadState::Dead, self.died_at, Some(self.cause.clone()), Some(self.origin.clone()));
        if let Some(death) = self.history.last_mut() {
            death.calls = calls;
        }
    }

    /// Prepends the history of the existing row.
    pub fn follow(&mut self, row: &Self) {
        self.history.splice(..0, row.history.iter().cloned());
        self.history.drain(..self.history.len().saturating_sub(HISTORY));
    }

    /// Returns the API calls made for the message until its last failure.
    pub fn calls(&self) -> Calls {
        let death = self.history.iter().rfind(|event| event.state == DeadState::Dead);
        death.map(|death| death.calls).unwrap_or_default()
    }

    /// Decodes the message.
    ///
    /// # Errors
    /// Returns an error if the row was edited and is no longer valid base64.
    pub fn body_bytes(&self) -> Result<Vec<u8>, base64::DecodeError> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&self.body)
    }

    /// Encodes a message for [`DeadLetter::body`].
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
