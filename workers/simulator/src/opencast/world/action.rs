//! A user action: what a session's player reports at one beat.

use super::World;
use super::calendar::Day;
use super::session::Session;
use super::texts::EVENTS;
use crate::world::{mix, pick};

/// Distance between the first ids of consecutive dates.
const IDS_PER_DAY: i64 = 10_000_000;
const BEAT_S: u32 = 30;

/// A user action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Action {
    pub(in super::super) id: i64,
    /// Unix milliseconds.
    pub(in super::super) created_ms: i64,
    pub(in super::super) session: Session,
    pub(in super::super) kind: &'static str,
    /// Seconds from the start of the episode.
    pub(in super::super) inpoint: u32,
    /// Equals `inpoint` except for footprints.
    pub(in super::super) outpoint: u32,
    pub(in super::super) playing: Playing,
}

/// State of the player.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Playing {
    No,
    Yes,
    Live,
}

impl Action {
    pub(super) fn derive(world: &World, day: &Day, place: u32) -> Self {
        let session = Session::at(world, day, day.seat(place));
        let bits = mix(session.bits(7), u64::from(session.beat));
        let paused = pause(&session).contains(&session.beat);
        let kind = kind(&session, bits, paused);
        let inpoint = position(world, &session);
        let length = if kind == "FOOTPRINT" { 5 + (bits >> 20) as u32 % 25 } else { 0 };
        Self {
            id: i64::from(day.number) * IDS_PER_DAY + i64::from(place) + 1,
            created_ms: day.created_ms(place),
            session,
            kind,
            inpoint,
            outpoint: inpoint + length,
            playing: match (paused || kind == "PAUSE", session.live) {
                (true, _) => Playing::No,
                (false, true) => Playing::Live,
                (false, false) => Playing::Yes,
            },
        }
    }
}

/// The beats at which the player is paused; empty for most sessions.
fn pause(session: &Session) -> std::ops::Range<u32> {
    if !session.bits(8).is_multiple_of(5) {
        return 0..0;
    }
    let middle = session.beats / 2;
    middle..middle + session.beats / 6
}

/// Type of the event at a beat, usually a heartbeat.
fn kind(session: &Session, bits: u64, paused: bool) -> &'static str {
    match (session.beat, bits % 100) {
        (0, _) => "PLAY",
        (beat, _) if beat + 1 == session.beats && session.beats > 3 => "PAUSE",
        (_, 0..=3) => "SEEK",
        (_, 4..=6) if !paused => "FOOTPRINT",
        (_, 7..=11) => pick(&EVENTS, bits >> 8),
        _ => "HEARTBEAT",
    }
}

/// Position of the player: a start position, then 30 s per beat without pause. Sessions that start late run past the
/// end, like players that keep running.
fn position(world: &World, session: &Session) -> u32 {
    let episode = session.episode.and_then(|place| world.episodes.get(place as usize));
    let length = episode.map_or(3_600, |episode| (episode.duration_ms / 1_000).max(1) as u32);
    let pause = pause(session);
    let stood = session.beat.clamp(pause.start, pause.end) - pause.start;
    // Half of the sessions start at 0.
    let start =
        if session.bits(9).is_multiple_of(2) { 0 } else { (session.bits(10) % u64::from(length)) as u32 };
    start + (session.beat - stood) * BEAT_S
}
