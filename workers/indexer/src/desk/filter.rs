//! Filter for dead letters.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{CauseClass, DeadState, MeetingUuid, Queue, Source};
use store::{DocumentKind, Query};

/// Filter for dead letters; `None` matches all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// State.
    pub state: Option<DeadState>,
    /// Class of the cause.
    pub class: Option<CauseClass>,
    /// Source.
    pub source: Option<Source>,
    /// Queue in which the letter died.
    pub origin: Option<Queue>,
    /// UTC date.
    pub date: Option<Date>,
    /// Meeting.
    pub meeting_uuid: Option<MeetingUuid>,
    /// Earliest time of death.
    pub since: Option<Timestamp>,
}

impl Filter {
    /// True if only `state` may be set.
    pub fn is_everything(&self) -> bool {
        let Self { state: _, class, source, origin, date, meeting_uuid, since } = self;
        class.is_none()
            && source.is_none()
            && origin.is_none()
            && date.is_none()
            && meeting_uuid.is_none()
            && since.is_none()
    }

    /// Returns one query per state, because each index of the local store begins with the state.
    pub(super) fn queries(&self) -> Vec<Query> {
        let states = self.state.map_or(DeadState::ALL.to_vec(), |state| vec![state]);
        states.into_iter().map(|state| self.query(state)).collect()
    }

    pub(super) fn query(&self, state: DeadState) -> Query {
        let mut query = Query::all(DocumentKind::Deadletters).with("state", state);
        if let Some(class) = self.class {
            query = query.with("cause.class", class);
        }
        if let Some(source) = self.source {
            query = query.with("source", source);
        }
        if let Some(origin) = &self.origin {
            query = query.with("origin", origin);
        }
        if let Some(date) = self.date {
            query = query.with("date", date);
        }
        if let Some(uuid) = &self.meeting_uuid {
            query = query.with("meeting_uuid", uuid);
        }
        if let Some(since) = self.since {
            query.ranges.push(("died_at", Some(since.to_string()), None));
        }
        query
    }
}
