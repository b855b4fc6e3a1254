//! What a perfect harvest of one date holds, computed by looking at every action.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::settings::Dialect;
use super::world::{Action, Day, Episode, Live, Playing, World, huid};

/// Attendance is counted in pieces of so many seconds.
const BUCKET_S: u32 = 300;

/// What a perfect harvest of one date of the server's zone holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The date, in the server's zone.
    pub date: Date,
    /// User actions of the date that have been made by now.
    pub actions: u64,
    /// The sum of their ids.
    pub id_sum: i64,
    /// How many of them name an episode that nobody knows.
    pub of_unknown_episodes: u64,
    /// The media package ids of the known episodes they name, sorted.
    pub episodes: Vec<String>,
    /// Who saw how much of what, sorted by episode and person.
    pub attendance: Vec<Attendance>,
    /// The ids, unless only figures were asked for.
    #[serde(flatten)]
    pub ids: Option<TruthIds>,
}

/// The ids behind the figures of a [`Truth`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TruthIds {
    /// Ids of all actions, ascending.
    pub action_ids: Vec<i64>,
}

/// How much one person saw of one episode on the date: pieces of 300 s with a playing heartbeat in them, in whole per
/// cent of those that the episode has, never more than 100.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Attendance {
    /// The episode.
    pub mpid: String,
    /// The person. Nobody who is unknown is counted.
    pub huid: String,
    /// Of the recording; `None`: it was not watched, or is of no length.
    pub vod: Option<u8>,
    /// Of the live stream; `None`: it was not watched, or there was none. The upstream dialect tells no live stream apart.
    pub live: Option<u8>,
}

/// The live stream of a lecture, as it truly was, whatever workflows that failed say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// The episode.
    pub mpid: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// Since when the recording stands in its place; `None`: not yet.
    pub available: Option<Timestamp>,
}

pub(super) fn streams(world: &World) -> Vec<Stream> {
    let stream = |episode: &Episode| {
        let Live { start, end, available } = episode.live?;
        Some(Stream { mpid: episode.mpid.clone(), start, end, available })
    };
    world.episodes().iter().filter_map(stream).collect()
}

/// What decides a truth beside the world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) date: Date,
    pub(super) ids: bool,
    pub(super) now_ms: i64,
    pub(super) dialect: Dialect,
    /// Whether the server keeps users at all.
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

/// The pieces somebody has seen of an episode: of the recording, and of the stream.
#[derive(Debug, Default)]
struct Seen(HashMap<(u32, u32), [HashSet<u32>; 2]>);

impl Seen {
    fn note(&mut self, action: &Action, dialect: Dialect) {
        let (Some(episode), Some(student)) = (action.session.episode, action.session.student) else { return };
        let stream = match (action.playing, dialect) {
            (Playing::Yes, _) => 0,
            (Playing::Live, Dialect::Dce) => 1,
            // Upstream takes "live" for false.
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
