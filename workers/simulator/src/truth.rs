//! The truth: what a perfect harvest of one date holds, for either source.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::faults::Fault;
use crate::settings::Source;
use crate::world::{Meeting, World, sessions};

/// Content of a perfect harvest of one date. Excludes sessions of `gone` and `forbidden` meetings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// UTC date on which the meetings started.
    pub date: Date,
    /// Meetings that have ended, including one-person meetings.
    pub meetings: u64,
    /// Retrievable participant sessions of those meetings.
    pub sessions: u64,
    /// One-person meetings among `meetings`.
    pub one_person: u64,
    /// Webinars that have ended.
    pub webinars: u64,
    /// Retrievable participant sessions of those webinars.
    pub webinar_sessions: u64,
    /// The ids, if requested.
    #[serde(flatten)]
    pub ids: Option<TruthIds>,
}

/// The ids counted in a [`Truth`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TruthIds {
    /// Listed meetings and webinars whose details always answer "does not exist".
    pub gone: Vec<String>,
    /// Listed meetings and webinars whose details are always refused.
    pub forbidden: Vec<String>,
    /// Uuids of all `meetings`.
    pub meeting_uuids: Vec<String>,
    /// `"<uuid>/<user_id>"` of all `sessions`.
    pub session_ids: Vec<String>,
    /// Total duration of `sessions`, in seconds.
    pub session_seconds: u64,
    /// Uuids of all `webinars`.
    pub webinar_uuids: Vec<String>,
    /// `"<uuid>/<user_id>"` of all `webinar_sessions`.
    pub webinar_session_ids: Vec<String>,
}

/// Parameters of a truth.
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

/// Counts the retrievable sessions of one meeting, and collects ids if requested.
fn held(meeting: &Meeting, question: &Question<'_>, webinar: bool, ids: &mut TruthIds) -> u64 {
    let for_ever = (question.for_ever)(meeting);
    // The Reports have no participants of one-person meetings.
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
