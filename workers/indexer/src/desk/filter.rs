//! Which dead letters are asked for.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{CauseClass, DeadState, MeetingUuid, Queue, Source};
use store::{Kind, Query};

/// Which dead letters are asked for; what is `None` does not count.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<DeadState>,
    /// Only of this class.
    pub class: Option<CauseClass>,
    /// Only of this source.
    pub source: Option<Source>,
    /// Only those that died in this queue.
    pub origin: Option<Queue>,
    /// Only of this UTC date.
    pub date: Option<Date>,
    /// Only about this meeting.
    pub meeting_uuid: Option<MeetingUuid>,
    /// Only those that died then or later.
    pub since: Option<Timestamp>,
}

impl Filter {
    /// True when it leaves nothing out but what is not in a state.
    pub fn is_everything(&self) -> bool {
        let Self { state: _, class, source, origin, date, meeting_uuid, since } = self;
        class.is_none()
            && source.is_none()
            && origin.is_none()
            && date.is_none()
            && meeting_uuid.is_none()
            && since.is_none()
    }

    /// The questions to the store: one per state, since by its state every index of the local file begins.
    pub(super) fn queries(&self) -> Vec<Query> {
        let states = self.state.map_or(DeadState::ALL.to_vec(), |state| vec![state]);
        states.into_iter().map(|state| self.query(state)).collect()
    }

    pub(super) fn query(&self, state: DeadState) -> Query {
        let mut query = Query::all(Kind::Deadletters).with("state", state);
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
