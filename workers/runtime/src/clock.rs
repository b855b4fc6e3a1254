//! The only place that reads the time of day. Code that decides takes the time as a value.
//!
//! Compares this machine's clock with other clocks. A machine with a wrong clock would write versions that outrank all
//! later ones, and give up dates that it considers old. One differing clock may be that of a proxy; when two differ,
//! this machine's clock is wrong.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Difference above which two clocks disagree.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Number of disagreeing clocks at which this machine's clock counts as wrong.
const ENOUGH: usize = 2;
/// Age at which an observation expires: the machine may sleep meanwhile.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

static OFFSET_MS: AtomicI64 = AtomicI64::new(0);
static HEARD: Mutex<Peers> = Mutex::new(Peers([None; 4]));

/// Returns the time in whole milliseconds: stores drop smaller units, and a stored time must equal the original.
#[expect(clippy::disallowed_methods, reason = "this is the place all others are sent to")]
pub fn now() -> Timestamp {
    let now = Timestamp::now().as_millisecond().saturating_add(OFFSET_MS.load(Ordering::Relaxed));
    Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX)
}

/// Sets this process's clock ahead of the machine's, for tests.
#[doc(hidden)]
pub fn set_ahead(by: SignedDuration) {
    OFFSET_MS.store(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::Relaxed);
}

/// A clock to compare this machine's with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The quota leader's.
    Leader,
    /// Zoom's, from the `Date` header of its answers.
    Zoom,
    /// Opencast's, from the `Date` header of its answers.
    Opencast,
    /// The store's.
    Store,
}

impl Peer {
    const ALL: [Self; 4] = [Self::Leader, Self::Zoom, Self::Opencast, Self::Store];

    fn name(self) -> &'static str {
        match self {
            Self::Leader => "the quota leader's",
            Self::Zoom => "Zoom's",
            Self::Opencast => "Opencast's",
            Self::Store => "the store's",
        }
    }
}

/// Records what a peer's clock shows now.
pub fn heard(peer: Peer, theirs: Timestamp) {
    peers(|peers| peers.0[peer as usize] = Some(Heard { theirs, at: Instant::now() }));
}

/// Returns why this machine's clock counts as wrong, if it does.
pub fn doubt() -> Option<Doubt> {
    let now = now();
    peers(|peers| peers.doubt(now, Instant::now()))
}

/// Returns how far this machine's clock is ahead of a peer's; `None` without an observation in the last hour.
pub fn ahead_of(peer: Peer) -> Option<SignedDuration> {
    let now = now();
    peers(|peers| peers.ahead_of(peer, now, Instant::now()))
}

/// Returns true when an observation of the last hour agrees with this machine's clock.
pub fn is_confirmed_by(peer: Peer) -> bool {
    ahead_of(peer).is_some_and(|ahead| ahead.abs() <= TOLERANCE)
}

fn peers<T>(work: impl FnOnce(&mut Peers) -> T) -> T {
    work(&mut HEARD.lock().unwrap_or_else(PoisonError::into_inner))
}

/// At least two clocks that disagree with this machine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// How far this machine's clock is ahead of each.
    ahead: Vec<(Peer, SignedDuration)>,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the clock of this machine is wrong: it is ")?;
        for (place, (peer, ahead)) in self.ahead.iter().enumerate() {
            let and = if place == 0 { "" } else { " and " };
            write!(f, "{and}{} {}", difference(*ahead), peer.name())?;
        }
        f.write_str("; set it (`timedatectl`), and work goes on by itself")
    }
}

/// Formats a difference of clocks, for example `730 days ahead of`.
pub fn difference(ahead: SignedDuration) -> String {
    let seconds = ahead.abs().as_secs();
    let (size, unit) = match seconds {
        172_800.. => (86_400, "days"),
        7_200.. => (3_600, "hours"),
        120.. => (60, "minutes"),
        _ => (1, "seconds"),
    };
    let number = (seconds + size / 2) / size;
    format!("{number} {unit} {}", if ahead.is_negative() { "behind" } else { "ahead of" })
}

/// An observation of a peer's clock.
#[derive(Debug, Clone, Copy)]
struct Heard {
    theirs: Timestamp,
    at: Instant,
}

/// The last observation of each peer.
#[derive(Debug)]
struct Peers([Option<Heard>; 4]);

impl Peers {
    /// Adds monotonic time to the observation, so that one from before a clock correction stays valid.
    fn ahead_of(&self, peer: Peer, now: Timestamp, at: Instant) -> Option<SignedDuration> {
        let heard = self.0[peer as usize]?;
        let since = at.saturating_duration_since(heard.at);
        let theirs = heard.theirs.checked_add(since).ok()?;
        (since < FORGOTTEN).then(|| now.duration_since(theirs))
    }

    fn doubt(&self, now: Timestamp, at: Instant) -> Option<Doubt> {
        let known = Peer::ALL.into_iter().filter_map(|peer| Some((peer, self.ahead_of(peer, now, at)?)));
        let ahead: Vec<_> = known.filter(|(_, ahead)| ahead.abs() > TOLERANCE).collect();
        (ahead.len() >= ENOUGH).then_some(Doubt { ahead })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn peers(theirs: [Option<&str>; 4], heard: Instant) -> Peers {
        Peers(theirs.map(|theirs| theirs.map(|text| Heard { theirs: at(text), at: heard })))
    }

    #[test]
    fn one_clock_that_differs_proves_nothing_and_two_do() {
        let (begin, now) = (Instant::now(), at("2028-11-29T12:00:00Z"));
        let (right, wrong) = (Some("2028-11-29T12:04:59Z"), Some("2026-11-30T12:00:00Z"));
        for none in [
            [None; 4],
            [right; 4],
            [wrong, None, None, None],
            [right, wrong, right, right],
            [None, None, right, wrong],
        ] {
            assert_eq!(peers(none, begin).doubt(now, begin), None, "{none:?}");
        }
        let doubt = peers([right, wrong, None, wrong], begin).doubt(now, begin).unwrap();
        assert_eq!(
            doubt.to_string(),
            "the clock of this machine is wrong: it is 730 days ahead of Zoom's and 730 days ahead of the store's; \
             set it (`timedatectl`), and work goes on by itself"
        );
        // Two sources are two servers.
        let doubt = peers([None, wrong, wrong, None], begin).doubt(now, begin).unwrap().to_string();
        assert!(doubt.contains("ahead of Zoom's and 730 days ahead of Opencast's"), "{doubt}");
        let behind = Some("2028-11-29T12:05:01Z");
        let doubt = peers([behind, None, None, behind], begin).doubt(now, begin).unwrap().to_string();
        assert!(
            doubt.contains("5 minutes behind the quota leader's and 5 minutes behind the store's"),
            "{doubt}"
        );
    }

    #[test]
    fn a_clock_that_was_put_right_is_not_doubted_any_more() {
        let begin = Instant::now();
        let heard = peers([Some("2026-11-30T12:00:00Z"), None, None, Some("2026-11-30T12:00:00Z")], begin);
        let later = begin + Duration::from_secs(600);
        assert!(heard.doubt(at("2028-11-30T12:10:00Z"), later).is_some());
        assert_eq!(heard.doubt(at("2026-11-30T12:10:00Z"), later), None, "nothing was heard since");
        let long_ago = begin + FORGOTTEN;
        assert_eq!(heard.doubt(at("2028-11-30T13:00:00Z"), long_ago), None);
    }
}
