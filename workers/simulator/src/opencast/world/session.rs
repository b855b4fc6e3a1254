//! A session: one person in one browser, watching one episode for consecutive beats.

use super::World;
use super::calendar::{Day, Seat};
use super::episode::uuid;
use super::texts::{self, AGENTS};
use crate::world::{mix, pick, unit};

/// A session at one of its beats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Session {
    key: u64,
    /// Number of beats of the session.
    pub(super) beats: u32,
    /// The current beat.
    pub(super) beat: u32,
    /// Index of the episode; `None`: an unknown episode.
    pub(in super::super) episode: Option<u32>,
    /// Index of the student; `None`: anonymous.
    pub(in super::super) student: Option<u32>,
    pub(in super::super) live: bool,
    odd: Option<Odd>,
}

/// Oddity of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    NoAgent,
    EmptyAgent,
    LongAgent,
    ControlAgent,
    BrokenAddress,
    UnknownEpisode,
    NumberAsSession,
}

const ODDITIES: [Odd; 7] = [
    Odd::NoAgent,
    Odd::EmptyAgent,
    Odd::LongAgent,
    Odd::ControlAgent,
    Odd::BrokenAddress,
    Odd::UnknownEpisode,
    Odd::NumberAsSession,
];

impl Session {
    /// The session at a seat. It covers the lane's hour, or one of two parts of it.
    pub(super) fn at(world: &World, day: &Day, seat: Seat) -> Self {
        let lane = mix(mix(day.seed, 0x5E55), u64::from(seat.hour) << 32 | u64::from(seat.lane));
        let cut = (lane % u64::from(2 * seat.beats)) as u32;
        let (part, beat, beats) = match cut {
            cut if cut < 2 || cut + 2 > seat.beats => (0, seat.beat, seat.beats),
            cut if seat.beat < cut => (1, seat.beat, cut),
            cut => (2, seat.beat - cut, seat.beats - cut),
        };
        Self::derive(world, mix(lane, part), beat, beats)
    }

    fn derive(world: &World, key: u64, beat: u32, beats: u32) -> Self {
        let odd = (unit(mix(key, 1)) < world.odd_share).then(|| pick(&ODDITIES, mix(key, 2)));
        let live = !world.live.is_empty() && unit(mix(key, 3)) < world.live_share;
        let known = !world.episodes.is_empty() && odd != Some(Odd::UnknownEpisode);
        let episode = match (known, live) {
            (false, _) => None,
            (true, true) => Some(pick(&world.live, mix(key, 4))),
            (true, false) => Some((mix(key, 4) % world.episodes.len() as u64) as u32),
        };
        let student =
            (!mix(key, 5).is_multiple_of(25)).then(|| (mix(key, 6) % u64::from(world.students)) as u32);
        Self { key, beats, beat, episode, student, live: live && known, odd }
    }

    pub(super) fn bits(&self, n: u64) -> u64 {
        mix(self.key, 0x100 + n)
    }

    /// Media package id of the episode.
    pub(in super::super) fn mpid<'a>(&self, world: &'a World) -> std::borrow::Cow<'a, str> {
        match self.episode.and_then(|place| world.episodes.get(place as usize)) {
            Some(episode) => (&*episode.mpid).into(),
            None => uuid(self.bits(1)).into(),
        }
    }

    /// Session id: usually like a servlet container's, sometimes digits only.
    pub(in super::super) fn id(&self) -> String {
        let (a, b) = (self.bits(2), self.bits(3));
        match self.odd {
            Some(Odd::NumberAsSession) if a.is_multiple_of(3) => format!("{}", a % 1_000_000),
            Some(Odd::NumberAsSession) if a % 3 == 1 => format!("1{:019}", b % 10_u64.pow(19)),
            Some(Odd::NumberAsSession) => format!("{}e{}", a % 9 + 1, b % 90 + 10),
            _ => format!("node0{a:x}{b:x}"),
        }
    }

    pub(in super::super) fn huid(&self) -> String {
        self.student.map_or_else(|| "anonymous".to_owned(), huid)
    }

    pub(in super::super) fn agent(&self) -> Option<&'static str> {
        match self.odd {
            Some(Odd::NoAgent) => None,
            Some(Odd::EmptyAgent) => Some(""),
            Some(Odd::LongAgent) => Some(texts::LONG_AGENT),
            Some(Odd::ControlAgent) => Some(texts::CONTROL_AGENT),
            _ => Some(pick(&AGENTS, self.bits(4))),
        }
    }

    /// Address as stored by the server: a single one, or the list from `X-Forwarded-For`.
    pub(in super::super) fn address(&self, world: &World) -> String {
        let bits = self.bits(5);
        if self.odd == Some(Odd::BrokenAddress) {
            return pick(&texts::BROKEN_ADDRESSES, bits).to_owned();
        }
        let public = if world.public_addresses {
            let net = pick(&[24_u64, 31, 62, 81, 93, 109, 129, 151, 178, 193, 212], bits);
            format!("{net}.{}.{}.{}", bits >> 8 & 0xFF, bits >> 24 & 0xFF, bits >> 16 & 0xFF)
        } else {
            let net = pick(&["192.0.2", "198.51.100", "203.0.113"], bits);
            format!("{net}.{}", bits >> 16 & 0xFF)
        };
        match bits >> 32 & 15 {
            0 => format!("10.{}.0.{}, {public}", bits >> 40 & 0xFF, bits >> 48 & 0xFF),
            1 => format!("{public}, 10.0.0.7,203.0.113.9"),
            2 => format!("2001:db8::{:x}", bits >> 48),
            3 => format!("192.168.1.{}", bits >> 48 & 0xFF),
            _ => public,
        }
    }
}

/// Id of a student: eight digits, for 1 in 10 with a leading zero.
pub(in super::super) fn huid(student: u32) -> String {
    let number = (u64::from(student) * 7_919 + 1) % 10_000_000;
    if student % 10 == 3 { format!("0{number:07}") } else { format!("8{number:07}") }
}
