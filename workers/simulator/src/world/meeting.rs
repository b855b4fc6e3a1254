//! A meeting or webinar instance: a small record from which all other data is derived.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::hosts::Hosts;
use super::mix::{chance, mix, pick, unit};
use super::names::COURSES;
use super::time::slot;
use super::uuid::{Address, EventType, MeetingUuid};

/// Maximum number of people; user ids of a meeting would overflow beyond.
const MOST_PEOPLE: u32 = 3_000;
/// Minimum number of people in a crowd; their participants need several pages.
const CROWD: u32 = 320;
/// Mean number of further people in a crowd.
const MORE_THAN_CROWD: f64 = 150.0;
/// Share of crowds.
const CROWDS: f64 = 1.0 / 400.0;
const ONE_PERSON: f64 = 0.08;

/// A meeting instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meeting {
    pub(crate) uuid: MeetingUuid,
    pub(crate) kind: EventType,
    pub(crate) host: u32,
    /// Meeting number, shared by all instances of a series.
    pub(crate) series: u64,
    pub(crate) meeting_type: u8,
    /// Unix time in seconds.
    pub(crate) start: i64,
    /// Length in seconds.
    pub(crate) length: u32,
    pub(crate) people: u32,
    pub(crate) sessions: u32,
    pub(crate) seed: u64,
}

/// Average sizes of the world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) meetings_per_day: u32,
    pub(crate) participants: f64,
}

impl Meeting {
    pub(crate) fn generate(shape: Shape, hosts: &Hosts, address: Address, midnight: i64) -> Self {
        let uuid = MeetingUuid::issue(shape.seed, address);
        let kind_key = if address.kind == EventType::Webinar { 0x3EB } else { 0x3EE };
        let seed = mix(mix(mix(shape.seed, kind_key), address.day as u64), u64::from(address.index));
        let mut rng = SmallRng::seed_from_u64(seed);
        let slot = slot(address.index, &mut rng);
        let host = rng.random_range(0..hosts.len());
        let (series, meeting_type) = series(shape.seed, hosts, host, address.kind, &mut rng);
        let people = people(shape, address, &mut rng);
        let mut meeting = Self {
            uuid,
            kind: address.kind,
            host,
            series,
            meeting_type,
            start: midnight + i64::from(slot.start),
            length: slot.length,
            people,
            sessions: 0,
            seed,
        };
        meeting.sessions = super::participant::count(&meeting);
        meeting
    }

    pub(crate) fn end(&self) -> i64 {
        self.start + i64::from(self.length)
    }

    /// Returns true for a one-person meeting. `pastOne` lists hold these, `past` lists all others.
    pub(crate) fn one_person(&self) -> bool {
        self.kind == EventType::Meeting && self.people == 1
    }

    /// Topic, derived from the series.
    pub(crate) fn topic(&self) -> String {
        let bits = mix(self.series, 0x70);
        format!("{} {}", pick(&COURSES, bits), 100 + bits % 400)
    }

    /// Returns property `n` of this meeting, true for a share `rate` of all meetings.
    pub(crate) fn has(&self, n: u64, rate: f64) -> bool {
        chance(self.seed, 0x4A5 + n, rate)
    }

    pub(crate) fn bits(&self, n: u64) -> u64 {
        mix(self.seed, 0xB175 + n)
    }

    pub(crate) fn minutes(&self) -> u32 {
        self.length.div_ceil(60)
    }
}

/// Meeting number and type: the host's personal room, one of their recurring series, or a single meeting.
fn series(seed: u64, hosts: &Hosts, host: u32, kind: EventType, rng: &mut SmallRng) -> (u64, u8) {
    let number = |bits: u64| 80_000_000_000 + bits % 19_000_000_000;
    let recurring = mix(mix(seed, 0x5E), u64::from(host) * 4 + rng.random_range(0..3_u64));
    let once = number(rng.random());
    match (kind, rng.random_range(0..100)) {
        (EventType::Webinar, 0..50) => (number(recurring ^ 0x3EB), 9),
        (EventType::Webinar, _) => (once, 5),
        (EventType::Meeting, 0..60) => (number(recurring), 8),
        (EventType::Meeting, 60..75) => (hosts.get(host).personal_room, 4),
        (EventType::Meeting, 75..90) => (once, 2),
        (EventType::Meeting, _) => (once, 1),
    }
}

/// Number of participants: 8 % are one-person meetings, most are small, a few are crowds.
fn people(shape: Shape, address: Address, rng: &mut SmallRng) -> u32 {
    let crowd = rng.random_bool(CROWDS) || (address.index == 0 && shape.holds_a_crowd());
    let one_person = rng.random_bool(ONE_PERSON) || (address.index == 5 && shape.meetings_per_day >= 6);
    if crowd {
        let more = -(1.0 - unit(rng.random())).ln() * MORE_THAN_CROWD;
        return (CROWD + more as u32).min(MOST_PEOPLE);
    }
    if one_person && address.kind == EventType::Meeting {
        return 1;
    }
    // Log-normal distribution; the mean of exp(m + s·z) is exp(m + s²/2).
    let spread = 1.0_f64;
    let middle = shape.ordinary_mean().ln() - spread * spread / 2.0;
    let (a, b) = (1.0 - unit(rng.random()), unit(rng.random()));
    let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
    ((middle + spread * normal).exp().round() as u32).clamp(2, MOST_PEOPLE)
}

impl Shape {
    /// A date with at least 20 meetings always has a crowd.
    fn holds_a_crowd(self) -> bool {
        self.meetings_per_day >= 20
    }

    /// Mean size of meetings that are neither crowds nor one-person, so that the overall mean is `participants`.
    fn ordinary_mean(self) -> f64 {
        let certain = if self.holds_a_crowd() { 1.0 / f64::from(self.meetings_per_day) } else { 0.0 };
        let crowds = CROWDS + certain;
        let taken = crowds * (f64::from(CROWD) + MORE_THAN_CROWD) + ONE_PERSON;
        ((self.participants - taken) / (1.0 - crowds - ONE_PERSON)).max(2.0)
    }
}
