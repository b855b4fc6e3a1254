//! What a perfect harvest of one date holds, by either source.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::faults::Fault;
use crate::settings::Source;
use crate::world::{Meeting, World, sessions};

/// What a perfect harvest of one date holds. Sessions of `gone` and `forbidden` meetings are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The UTC date on which all of it began.
    pub date: Date,
    /// Meetings that have ended, one-person meetings included.
    pub meetings: u64,
    /// Participant sessions of those meetings that can be had.
    pub sessions: u64,
    /// One-person meetings among `meetings`.
    pub one_person: u64,
    /// Webinars that have ended.
    pub webinars: u64,
    /// Participant sessions of those webinars that can be had.
    pub webinar_sessions: u64,
    /// The ids, unless only figures were asked for.
    #[serde(flatten)]
    pub ids: Option<TruthIds>,
}

/// The ids behind the figures of a [`Truth`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TruthIds {
    /// Meetings and webinars that are listed but whose details answer "does not exist" for ever.
    pub gone: Vec<String>,
    /// Meetings and webinars that are listed but whose details are refused for ever.
    pub forbidden: Vec<String>,
    /// Uuids of all `meetings`.
    pub meeting_uuids: Vec<String>,
    /// `"<uuid>/<user_id>"` of all `sessions`.
    pub session_ids: Vec<String>,
    /// How long they were in all, in seconds.
    pub session_seconds: u64,
    /// Uuids of all `webinars`.
    pub webinar_uuids: Vec<String>,
    /// `"<uuid>/<user_id>"` of all `webinar_sessions`.
    pub webinar_session_ids: Vec<String>,
}

/// What decides a truth beside the world.
pub(crate) struct Question<'a> {
    pub(crate) date: Date,
    pub(crate) source: Source,
    pub(crate) ids: bool,
    pub(crate) webinars: bool,
    pub(crate) now: Timestamp,
    pub(crate) for_ever: &'a dyn Fn(&Meeting) -> Option<Fault>,
}

pub(crate) fn truth(world: &World, question: &Question<'_>) -> Truth {
    let day = world.day(question.date);
    let mut ids = TruthIds::default();
    let mut tally = |meetings: &[Meeting], webinars: bool| {
        let mut figures = (0, 0, 0);
        for meeting in meetings.iter().filter(|meeting| meeting.end() <= question.now.as_second()) {
            figures.0 += 1;
            figures.2 += u64::from(meeting.one_person());
            figures.1 += held(meeting, question, webinars, &mut ids);
        }
        figures
    };
    let (meetings, sessions, one_person) = tally(&day.meetings, false);
    let (webinars, webinar_sessions, _) =
        if question.webinars { tally(&day.webinars, true) } else { Default::default() };
    let ids = question.ids.then_some(ids);
    Truth { date: question.date, meetings, sessions, one_person, webinars, webinar_sessions, ids }
}

/// Counts the sessions of one meeting that can be had, and notes the ids when they are wanted.
fn held(meeting: &Meeting, question: &Question<'_>, webinar: bool, ids: &mut TruthIds) -> u64 {
    let for_ever = (question.for_ever)(meeting);
    // The Reports know no participants of one-person meetings.
    let none = for_ever.is_some() || (question.source == Source::Report && meeting.one_person());
    if question.ids {
        let uuid = meeting.uuid.text();
        match for_ever {
            Some(Fault::Gone) => ids.gone.push(uuid.clone()),
            Some(_) => ids.forbidden.push(uuid.clone()),
            None => {}
        }
        let held = if none { Vec::new() } else { sessions(meeting) };
        let seconds: u64 = held.iter().map(|session| u64::from(session.leave - session.join)).sum();
        let held = held.iter().map(|session| format!("{uuid}/{}", session.user_id));
        let (uuids, sessions) = if webinar {
            (&mut ids.webinar_uuids, &mut ids.webinar_session_ids)
        } else {
            (&mut ids.meeting_uuids, &mut ids.session_ids)
        };
        sessions.extend(held);
        uuids.push(uuid);
        ids.session_seconds += if webinar { 0 } else { seconds };
    }
    if none { 0 } else { u64::from(meeting.sessions) }
}
