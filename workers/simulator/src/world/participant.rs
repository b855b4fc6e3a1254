//! Participants of a meeting and their sessions, including reconnects and breakout rooms.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::hosts::{Hosts, member_id, member_name};
use super::meeting::Meeting;
use super::mix::{chance, mix};
use super::uuid::EventType;

/// User id of a meeting's first join.
const FIRST_USER_ID: u32 = 16_778_240;
const USER_ID_STEP: u32 = 1_024;
/// Top byte of a user id: 1 in the main room, n + 3 in breakout room n.
const ROOM_SHIFT: u32 = 24;
/// Members of the account per host.
const MEMBERS_PER_HOST: u32 = 20;

/// Reason of the end of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Left,
    HostEnded,
    Dropped,
    Network,
    Failover,
    ToBreakout,
    FromBreakout,
    Admitted,
}

/// A session, from join to leave. Times are seconds since the meeting's start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) person: u32,
    pub(crate) user_id: u32,
    pub(crate) join: u32,
    pub(crate) leave: u32,
    /// Number of the breakout room; 0 is the main room.
    pub(crate) room: u8,
    pub(crate) waiting: bool,
    /// Increases when the person leaves and returns; the same across reconnects and room changes.
    pub(crate) visit: u8,
    pub(crate) reason: Reason,
}

/// A person in one meeting.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// Empty for guests.
    pub(crate) email: String,
    /// Zoom user id; `None` for guests.
    pub(crate) member_id: Option<String>,
    pub(crate) host: bool,
    pub(crate) seed: u64,
}

/// All sessions of a meeting, ordered by join.
pub(crate) fn sessions(meeting: &Meeting) -> Vec<Session> {
    let mut all = Vec::with_capacity(meeting.sessions as usize);
    for person in 0..meeting.people {
        stays(meeting, person, |session| all.push(session));
    }
    all.sort_by_key(|session| (session.join, session.person, session.leave));
    for (order, session) in all.iter_mut().enumerate() {
        let top = if session.room == 0 { 0 } else { (u32::from(session.room) + 2) << ROOM_SHIFT };
        session.user_id = FIRST_USER_ID + order as u32 * USER_ID_STEP + top;
    }
    all
}

/// Number of sessions of a meeting.
pub(crate) fn count(meeting: &Meeting) -> u32 {
    let mut count = 0;
    for person in 0..meeting.people {
        stays(meeting, person, |_| count += 1);
    }
    count
}

/// The person with number `index` in a meeting.
pub(crate) fn person(world_seed: u64, hosts: &Hosts, meeting: &Meeting, index: u32) -> Person {
    let seed = mix(meeting.seed, 0x9E0 + u64::from(index));
    if index == 0 {
        let host = hosts.get(meeting.host);
        let (name, email) = (host.display_name.clone(), host.email.clone());
        return Person { name, email, member_id: Some(host.id.clone()), host: true, seed };
    }
    let member = (mix(seed, 1) % u64::from(hosts.len() * MEMBERS_PER_HOST)) as u32;
    let (first, last) = member_name(world_seed, member);
    if chance(seed, 2, 0.35) {
        let name = if chance(seed, 3, 0.2) { first.to_owned() } else { format!("{first} {last} (guest)") };
        return Person { name, email: String::new(), member_id: None, host: false, seed };
    }
    let email = if member < hosts.len() {
        hosts.get(member).email.clone()
    } else {
        format!("student{member}@example.edu")
    };
    let member_id = Some(member_id(world_seed, member));
    Person { name: format!("{first} {last}"), email, member_id, host: false, seed }
}

/// Emits the sessions of one person in order of time.
fn stays(meeting: &Meeting, person: u32, mut emit: impl FnMut(Session)) {
    let mut rng = SmallRng::seed_from_u64(mix(meeting.seed, u64::from(person)));
    let length = meeting.length;
    let host = person == 0;
    let mut join = if host { 0 } else { rng.random_range(0..=length / 6) };
    let leave = leave_of(length, join, host, &mut rng);
    let ending = if leave == length && !host { Reason::HostEnded } else { ending(&mut rng) };
    let mut send = |join, leave, room, waiting, visit, reason| {
        emit(Session { person, user_id: 0, join, leave, room, waiting, visit, reason });
    };
    if !host && meeting.kind == EventType::Meeting && meeting.has(1, 0.15) && rng.random_bool(0.6) {
        let admitted = (join + rng.random_range(5..60)).min(leave - 1);
        send(join, admitted, 0, true, 0, Reason::Admitted);
        join = admitted;
    }
    let stay = leave - join;
    let breakout = meeting.kind == EventType::Meeting && meeting.people > 3 && meeting.has(2, 0.05);
    let cut = join + stay / 3 + rng.random_range(0..=stay / 4);
    match rng.random_range(0..100) {
        0..70 if breakout => {
            let room = 1 + (person % 4) as u8;
            let back = cut + (leave - cut) / 2;
            send(join, cut, 0, false, 0, Reason::ToBreakout);
            send(cut, back, room, false, 0, Reason::FromBreakout);
            send(back, leave, 0, false, 0, ending);
        }
        70..84 => {
            let back = (cut + rng.random_range(0..60)).min(leave);
            let reason = if rng.random_bool(0.5) { Reason::Dropped } else { Reason::Network };
            send(join, cut, 0, false, 0, reason);
            send(back, leave, 0, false, 0, ending);
        }
        84..89 => {
            let back = (cut + rng.random_range(30..600)).min(leave);
            send(join, cut, 0, false, 0, Reason::Left);
            send(back, leave, 0, false, 1, ending);
        }
        _ => send(join, leave, 0, false, 0, ending),
    }
}

/// Leave time: the host stays to the end, 40 % of the others too, and 1 in 10 of the rest may leave early.
fn leave_of(length: u32, join: u32, host: bool, rng: &mut SmallRng) -> u32 {
    if host || rng.random_bool(0.4) {
        return length;
    }
    let least = join + (length - join) / 4;
    if rng.random_bool(0.1) {
        rng.random_range(least..=length)
    } else {
        length - rng.random_range(0..=length / 10)
    }
}

fn ending(rng: &mut SmallRng) -> Reason {
    match rng.random_range(0..100) {
        0..90 => Reason::Left,
        90..94 => Reason::Dropped,
        94..98 => Reason::Network,
        _ => Reason::Failover,
    }
}
