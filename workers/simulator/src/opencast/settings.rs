//! What a fake Opencast can be told, with defaults that make a small and fault-free world.

use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::faults::FaultRate;
use crate::settings::SettingsError;

/// The most actions of a date: ids of one date stay apart from those of the next.
pub(super) const MOST_ACTIONS: u32 = 5_000_000;

/// Everything a fake Opencast is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on: 127.0.0.1, unless it is alone in a container.
    pub address: Ipv4Addr,
    /// The port there; 0 takes any free one.
    pub port: u16,
    /// Decides the world, together with the sizes below.
    pub seed: u64,
    /// The major version, 5 to 17: decides serialisation, paths and the shape of a search.
    pub generation: u8,
    /// How user actions are asked for and told.
    pub dialect: Dialect,
    /// Which credentials are accepted.
    pub auth: Auth,
    /// Whether search, info and user tracking answer everybody, as they do unless somebody closed them.
    pub anonymous_reads: bool,
    /// The account that may do everything.
    pub credentials: Credentials,
    /// How long the nonce of a digest challenge is good.
    pub nonce_lifetime: Duration,
    /// The server's time zone.
    pub timezone: TimeZone,
    /// Recorded lectures.
    pub episodes: u32,
    /// Courses they belong to.
    pub series: u32,
    /// People who watch.
    pub students: u32,
    /// User actions on every date.
    pub actions_per_day: u32,
    /// Dates before that of the start of which the table of actions tells.
    pub history_days: u16,
    /// The share of sessions, and of episodes, that are live.
    pub live_share: f64,
    /// The share of sessions, and of episodes, that are odd in one way or another.
    pub odd_share: f64,
    /// Whether viewers have addresses of the public internet, by chance. Otherwise all are private or of the ranges
    /// reserved for documentation, of which no file of places knows anything.
    pub public_addresses: bool,
    /// Whether the user tracking is there at all; without it its paths are unknown.
    pub usertracking: bool,
    /// What `/usertracking/detailenabled` answers.
    pub detail: bool,
    /// Whether the server keeps no users, addresses and sessions ("-omitted-").
    pub omitted: bool,
    /// Whether a `day` begins and ends with the second of the minute that the clock shows when it is asked for: of its
    /// first minute only what came at that second or later is there, of its last only what came up to it. So it is
    /// upstream; here to the whole second.
    pub ragged_day: bool,
    /// In which order actions are told: nothing promises one, in either dialect.
    pub disorder: Disorder,
    /// The most actions in one answer, whatever the caller asks for; `None`: no such limit, as upstream.
    pub page_limit: Option<u32>,
    /// Faults to inject; of the kinds that strike a whole call, without those of quotas.
    pub faults: Vec<FaultRate>,
    /// How long a call stricken by [`crate::Fault::Timeout`] hangs.
    pub fault_timeout: Duration,
    /// What the clock shows at the start; it runs on from there. `None` is the real time.
    pub now: Option<Timestamp>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST,
            port: 0,
            seed: 1,
            generation: 15,
            dialect: Dialect::Upstream,
            auth: Auth::Both,
            anonymous_reads: true,
            credentials: Credentials::default(),
            nonce_lifetime: Duration::from_secs(300),
            timezone: TimeZone::UTC,
            episodes: 60,
            series: 8,
            students: 150,
            actions_per_day: 5_000,
            history_days: 200,
            live_share: 0.2,
            odd_share: 0.1,
            public_addresses: false,
            usertracking: true,
            detail: true,
            omitted: false,
            ragged_day: true,
            disorder: Disorder::Local,
            page_limit: None,
            faults: Vec::new(),
            fault_timeout: Duration::from_secs(60),
            now: None,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let share = |share: f64| (0.0..=1.0).contains(&share);
        let wrong = [
            (!(5..=17).contains(&self.generation), "the generation must be between 5 and 17"),
            (self.episodes > 100_000, "episodes must be at most 100000"),
            (!(1..=100_000).contains(&self.series), "series must be between 1 and 100000"),
            (!(1..=1_000_000).contains(&self.students), "students must be between 1 and 1000000"),
            (self.actions_per_day > MOST_ACTIONS, "actions per day must be at most 5000000"),
            (!share(self.live_share), "the share of live sessions must be between 0 and 1"),
            (!share(self.odd_share), "the share of oddities must be between 0 and 1"),
            (self.page_limit == Some(0), "the page limit must be at least 1"),
            (self.nonce_lifetime.is_zero(), "the lifetime of nonces must be more than nothing"),
            (self.credentials.user.contains(':'), "a user name must not hold a colon"),
        ];
        match wrong.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, text)) => Err(SettingsError(text)),
            None => check_faults(&self.faults),
        }
    }

    /// Whether the serialiser leaves attributes text: up to generation 7.
    pub(super) fn attributes_are_text(&self) -> bool {
        self.generation <= 7
    }
}

pub(super) fn check_faults(faults: &[FaultRate]) -> Result<(), SettingsError> {
    if faults.iter().all(|rate| rate.fault.of_opencast()) {
        return Ok(());
    }
    Err(SettingsError(
        "opencast knows the faults 500, 502-html, timeout, reset, truncated-json and html-200 only",
    ))
}

/// How user actions are asked for and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The fork with `start` and `end`, and `isPlaying` as 0, 1 or 2.
    Dce,
    /// The released Opencast: `day`, no order, `isPlaying` as a bool.
    Upstream,
}

impl FromStr for Dialect {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dce" => Ok(Self::Dce),
            "upstream" => Ok(Self::Upstream),
            _ => Err(SettingsError("the dialect must be dce or upstream")),
        }
    }
}

/// Which credentials are accepted; those of another kind are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// None are needed: every path answers everybody.
    Anonymous,
    /// Basic.
    Basic,
    /// Digest.
    Digest,
    /// Basic and Digest.
    Both,
}

impl Auth {
    pub(super) fn basic(self) -> bool {
        matches!(self, Self::Basic | Self::Both)
    }

    pub(super) fn digest(self) -> bool {
        matches!(self, Self::Digest | Self::Both)
    }
}

impl FromStr for Auth {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anonymous" => Ok(Self::Anonymous),
            "basic" => Ok(Self::Basic),
            "digest" => Ok(Self::Digest),
            "both" => Ok(Self::Both),
            _ => Err(SettingsError("auth must be anonymous, basic, digest or both")),
        }
    }
}

/// In which order rows come that nobody asked to be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disorder {
    /// By id, always.
    Stable,
    /// The newest first: what is added while pages are read shifts all that is behind.
    Newest,
    /// Near their place, neighbours changing places with every call: some rows at the border of two pages come twice
    /// and others not at all, until the pages are read again.
    Local,
    /// Anywhere, anew with every call: only a single page holds everything.
    Full,
}

impl FromStr for Disorder {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "stable" => Ok(Self::Stable),
            "newest" => Ok(Self::Newest),
            "local" => Ok(Self::Local),
            "full" => Ok(Self::Full),
            _ => Err(SettingsError("the disorder must be stable, newest, local or full")),
        }
    }
}

/// The account that may do everything.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { user: "simulated_system_account".to_owned(), password: "simulated-password".to_owned() }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
