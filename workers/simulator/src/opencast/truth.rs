//! The truth: what a perfect harvest of one date holds, computed from every action.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::settings::Dialect;
use super::world::{Action, Day, Episode, Live, Playing, World, huid};

/// Seconds per piece of attendance.
const BUCKET_S: u32 = 300;

/// Content of a perfect harvest of one date in the server's zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The date, in the server's zone.
    pub date: Date,
    /// User actions of the date up to now.
    pub actions: u64,
    /// Sum of their ids.
    pub id_sum: i64,
    /// Number of actions that name an unknown episode.
    pub of_unknown_episodes: u64,
    /// Sorted media package ids of the known episodes.
    pub episodes: Vec<String>,
    /// Attendance, sorted by episode and person.
    pub attendance: Vec<Attendance>,
    /// The ids, if requested.
    #[serde(flatten)]
    pub ids: Option<TruthIds>,
}

/// The ids counted in a [`Truth`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TruthIds {
    /// Ids of all actions, ascending.
    pub action_ids: Vec<i64>,
}

/// Attendance of one person in one episode on the date: the share of pieces of 300 s with a playing heartbeat, in
/// whole per cent, at most 100.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Attendance {
    /// Media package id of the episode.
    pub mpid: String,
    /// The person; anonymous viewers are not counted.
    pub huid: String,
    /// Per cent of the recording; `None` if it was not watched or has no length.
    pub vod: Option<u8>,
    /// Per cent of the live stream; `None` if it was not watched, does not exist, or the dialect is upstream, which
    /// does not mark it.
    pub live: Option<u8>,
}

/// The true times of a lecture's live stream, whatever failed workflows say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// Media package id of the episode.
    pub mpid: String,
    /// Start of the stream.
    pub start: Timestamp,
    /// End of the stream.
    pub end: Timestamp,
    /// Time at which the recording replaced the stream; `None`: not yet.
    pub available: Option<Timestamp>,
}

pub(super) fn streams(world: &World) -> Vec<Stream> {
    let stream = |episode: &Episode| {
        let Live { start, end, available } = episode.live?;
        Some(Stream { mpid: episode.mpid.clone(), start, end, available })
    };
    world.episodes().iter().filter_map(stream).collect()
}

/// Parameters of a truth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) date: Date,
    pub(super) ids: bool,
    pub(super) now_ms: i64,
    pub(super) dialect: Dialect,
    /// The server stores no users.
    pub(super) omitted: bool,
}

pub(super) fn truth(world: &World, question: Question) -> Truth {
    let mut truth = Truth {
        date: question.date,
        actions: 0,
        id_sum: 0,
        of_unknown_episodes: 0,
        episodes: Vec::new(),
        attendance: Vec::new(),
        ids: question.ids.then(TruthIds::default),
    };
    let Some(day) = world.day(question.date) else { return truth };
    let (mut named, mut seen) = (BTreeSet::new(), Seen::default());
    for action in actions(world, &day, question.now_ms) {
        truth.actions += 1;
        truth.id_sum += action.id;
        if let Some(ids) = &mut truth.ids {
            ids.action_ids.push(action.id);
        }
        match action.session.episode {
            Some(episode) => drop(named.insert(episode)),
            None => truth.of_unknown_episodes += 1,
        }
        if !question.omitted {
            seen.note(&action, question.dialect);
        }
    }
    truth.episodes =
        named.iter().filter_map(|place| Some(world.episodes().get(*place as usize)?.mpid.clone())).collect();
    truth.episodes.sort_unstable();
    truth.attendance = seen.attendance(world);
    truth
}

fn actions(world: &World, day: &Day, now_ms: i64) -> impl Iterator<Item = Action> {
    (0..day.before(now_ms.saturating_add(1))).map(move |place| world.action(day, place))
}

/// Watched pieces by episode and student: of the recording, and of the live stream.
#[derive(Debug, Default)]
struct Seen(HashMap<(u32, u32), [HashSet<u32>; 2]>);

impl Seen {
    fn note(&mut self, action: &Action, dialect: Dialect) {
        let (Some(episode), Some(student)) = (action.session.episode, action.session.student) else { return };
        let stream = match (action.playing, dialect) {
            (Playing::Yes, _) => 0,
            (Playing::Live, Dialect::Dce) => 1,
            // Upstream serialises "live" as false.
            (Playing::Live, Dialect::Upstream) | (Playing::No, _) => return,
        };
        if action.kind == "HEARTBEAT" {
            self.0.entry((episode, student)).or_default()[stream].insert(action.inpoint / BUCKET_S);
        }
    }

    fn attendance(&self, world: &World) -> Vec<Attendance> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter_map(|((episode, student), [vod, live])| {
                let episode = world.episodes().get(*episode as usize)?;
                let vod = percent(vod.len(), episode.duration_ms);
                let live = percent(live.len(), episode.live_ms().unwrap_or(0));
                let known = vod.is_some() || live.is_some();
                known.then(|| Attendance { mpid: episode.mpid.clone(), huid: huid(*student), vod, live })
            })
            .collect();
        all.sort_unstable();
        all
    }
}

fn percent(pieces: usize, length_ms: i64) -> Option<u8> {
    let whole = u64::try_from(length_ms).ok()?.div_ceil(u64::from(BUCKET_S) * 1_000);
    if pieces == 0 || whole == 0 {
        return None;
    }
    u8::try_from((100 * pieces as u64 / whole).min(100)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attendance_is_whole_per_cent_and_never_more_than_all() {
        assert_eq!(percent(1, 240_000), Some(100));
        assert_eq!(percent(2, 240_000), Some(100));
        assert_eq!(percent(2, 900_000), Some(66));
        assert_eq!(percent(2, 900_001), Some(50));
        assert_eq!((percent(0, 900_000), percent(2, 0)), (None, None));
    }
}
