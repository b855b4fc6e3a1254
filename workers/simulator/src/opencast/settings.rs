//! Settings of a fake Opencast. The defaults make a small world without faults.

use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::faults::FaultRate;
use crate::settings::SettingsError;

/// Maximum number of actions per date; keeps ids of different dates apart.
pub(super) const MOST_ACTIONS: u32 = 5_000_000;

/// Settings of a fake Opencast.
#[derive(Debug, Clone)]
pub struct OpencastSettings {
    /// Address to listen on. The default is 127.0.0.1; other addresses are for a container of its own.
    pub address: Ipv4Addr,
    /// Port to listen on; 0 picks a free one.
    pub port: u16,
    /// Seed of the world.
    pub seed: u64,
    /// Major version, 5 to 17. Determines serialisation, paths and the format of a search.
    pub generation: u8,
    /// Dialect of user tracking.
    pub dialect: Dialect,
    /// Accepted kinds of credentials.
    pub auth: Auth,
    /// Search, info and user tracking answer without credentials, as they do by default in Opencast.
    pub anonymous_reads: bool,
    /// The account with all rights.
    pub credentials: Credentials,
    /// Lifetime of a digest nonce.
    pub nonce_lifetime: Duration,
    /// The server's time zone.
    pub timezone: TimeZone,
    /// Number of recorded lectures.
    pub episodes: u32,
    /// Number of courses.
    pub series: u32,
    /// Number of viewers.
    pub students: u32,
    /// User actions per date.
    pub actions_per_day: u32,
    /// Number of dates before the start date with user actions.
    pub history_days: u16,
    /// Share of live sessions and of live episodes.
    pub live_share: f64,
    /// Share of sessions and of episodes with an oddity.
    pub odd_share: f64,
    /// Draws viewers' addresses from public ranges. Otherwise they are private or from the documentation ranges,
    /// which no location database contains.
    pub public_addresses: bool,
    /// Serves user tracking; otherwise its paths are unknown.
    pub usertracking: bool,
    /// Answer of `/usertracking/detailenabled`.
    pub detail: bool,
    /// Replaces users, addresses and sessions by "-omitted-".
    pub omitted: bool,
    /// A `day` starts and ends with the current second of the clock, like upstream: its first minute lacks earlier
    /// seconds, its last minute later ones. Upstream compares finer than whole seconds.
    pub ragged_day: bool,
    /// Order of actions; neither dialect guarantees one.
    pub disorder: Disorder,
    /// Maximum number of actions per answer; `None` is unlimited, like upstream.
    pub page_limit: Option<u32>,
    /// Faults to inject: faults of whole calls, except those of quotas.
    pub faults: Vec<FaultRate>,
    /// How long a call with [`crate::Fault::Timeout`] hangs.
    pub fault_timeout: Duration,
    /// Start time of the clock, which runs at real speed. `None` is the real time.
    pub now: Option<Timestamp>,
}

impl Default for OpencastSettings {
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

impl OpencastSettings {
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

    /// Returns true if the serialiser keeps attributes as text: up to generation 7.
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

/// Dialect of user tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The DCE fork: `start` and `end`, and `isPlaying` as 0, 1 or 2.
    Dce,
    /// The released Opencast: `day`, and `isPlaying` as a boolean.
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

/// Accepted kinds of credentials; other kinds are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// None are required: every path answers.
    Anonymous,
    /// Basic only.
    Basic,
    /// Digest only.
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

/// Order of rows in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disorder {
    /// By id.
    Stable,
    /// Newest first: rows added between two pages shift all later rows.
    Newest,
    /// Near their position, but neighbours swap on every call: some rows at the border of two pages appear twice and
    /// others not at all, until the pages are read again.
    Local,
    /// A new random order on every call: only a single page is complete.
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

/// The account with all rights.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password.
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
