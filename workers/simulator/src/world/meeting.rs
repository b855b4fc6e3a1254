//! One meeting or webinar instance: a small fixed-size record from which everything else is derived on demand.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::hosts::Hosts;
use super::mix::{chance, mix, pick, unit};
use super::names::COURSES;
use super::time::slot;
use super::uuid::{Address, Kind, MeetingUuid};

/// More sessions than this would run over the user ids of one meeting.
const MOST_PEOPLE: u32 = 3_000;
/// What makes a meeting's participants need more than one page.
const CROWD: u32 = 320;
/// How many more than that come to a crowd, in the mean.
const MORE_THAN_CROWD: f64 = 150.0;
/// The share of crowds, and that of one-person meetings.
const CROWDS: f64 = 1.0 / 400.0;
const ONE_PERSON: f64 = 0.08;

/// A meeting instance that took place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meeting {
    pub(crate) uuid: MeetingUuid,
    pub(crate) kind: Kind,
    pub(crate) host: u32,
    /// The meeting number; shared by all instances of a series.
    pub(crate) series: u64,
    pub(crate) meeting_type: u8,
    /// Unix seconds.
    pub(crate) start: i64,
    /// Seconds.
    pub(crate) length: u32,
    pub(crate) people: u32,
    pub(crate) sessions: u32,
    pub(crate) seed: u64,
}

/// What the world looks like on average.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) meetings_per_day: u32,
    pub(crate) participants: f64,
}

impl Meeting {
    pub(crate) fn generate(shape: Shape, hosts: &Hosts, address: Address, midnight: i64) -> Self {
        let uuid = MeetingUuid::issue(shape.seed, address);
        let kind_key = if address.kind == Kind::Webinar { 0x3EB } else { 0x3EE };
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

    /// One-person meetings stand in the `pastOne` lists, all others in the `past` lists.
    pub(crate) fn one_person(&self) -> bool {
        self.kind == Kind::Meeting && self.people == 1
    }

    /// The topic belongs to the series, with the odd one out.
    pub(crate) fn topic(&self) -> String {
        let bits = mix(self.series, 0x70);
        format!("{} {}", pick(&COURSES, bits), 100 + bits % 400)
    }

    /// Property number `n` of this meeting, true for a share `rate` of all meetings.
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

/// The meeting number and type: personal room, one of the host's recurring series, or used once.
fn series(seed: u64, hosts: &Hosts, host: u32, kind: Kind, rng: &mut SmallRng) -> (u64, u8) {
    let number = |bits: u64| 80_000_000_000 + bits % 19_000_000_000;
    let recurring = mix(mix(seed, 0x5E), u64::from(host) * 4 + rng.random_range(0..3_u64));
    let once = number(rng.random());
    match (kind, rng.random_range(0..100)) {
        (Kind::Webinar, 0..50) => (number(recurring ^ 0x3EB), 9),
        (Kind::Webinar, _) => (once, 5),
        (Kind::Meeting, 0..60) => (number(recurring), 8),
        (Kind::Meeting, 60..75) => (hosts.get(host).personal_room, 4),
        (Kind::Meeting, 75..90) => (once, 2),
        (Kind::Meeting, _) => (once, 1),
    }
}

/// How many people came: one in twelve is a one-person meeting, most are small, a few are crowds.
fn people(shape: Shape, address: Address, rng: &mut SmallRng) -> u32 {
    let crowd = rng.random_bool(CROWDS) || (address.index == 0 && shape.holds_a_crowd());
    let one_person = rng.random_bool(ONE_PERSON) || (address.index == 5 && shape.meetings_per_day >= 6);
    if crowd {
        let more = -(1.0 - unit(rng.random())).ln() * MORE_THAN_CROWD;
        return (CROWD + more as u32).min(MOST_PEOPLE);
    }
    if one_person && address.kind == Kind::Meeting {
        return 1;
    }
    // Log-normal, with its long tail; the mean of exp(m + s*z) is exp(m + s*s/2).
    let spread = 1.0_f64;
    let middle = shape.ordinary_mean().ln() - spread * spread / 2.0;
    let (a, b) = (1.0 - unit(rng.random()), unit(rng.random()));
    let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
    ((middle + spread * normal).exp().round() as u32).clamp(2, MOST_PEOPLE)
}

impl Shape {
    /// A date that is not tiny has a crowd for certain.
    fn holds_a_crowd(self) -> bool {
        self.meetings_per_day >= 20
    }

    /// The mean of meetings that are neither crowds nor one-person, so that the mean of all is as asked.
    fn ordinary_mean(self) -> f64 {
        let certain = if self.holds_a_crowd() { 1.0 / f64::from(self.meetings_per_day) } else { 0.0 };
        let crowds = CROWDS + certain;
        let taken = crowds * (f64::from(CROWD) + MORE_THAN_CROWD) + ONE_PERSON;
        ((self.participants - taken) / (1.0 - crowds - ONE_PERSON)).max(2.0)
    }
}
