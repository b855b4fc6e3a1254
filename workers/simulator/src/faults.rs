//! Faults, and which calls, rows and meetings they affect. Drawn from a seeded generator, so that runs are
//! reproducible.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::world::{MeetingUuid, hash, mix, unit};

/// A proxy's answer when its server is down.
pub(crate) const BAD_GATEWAY: &str =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>simulated</body>\r\n</html>\r\n";
/// A captive portal's answer.
pub(crate) const HTML_PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>simulated</body></html>\n";

/// Number of requests to which a meeting answers "not ready".
const NOT_READY_CALLS: u8 = 2;

/// An injected misbehaviour of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 429 with the per-second text, although quota is left.
    TooManyRequests,
    /// 500 with a JSON error.
    InternalError,
    /// 502 with an HTML body.
    BadGateway,
    /// No answer for [`crate::ZoomSettings::fault_timeout`].
    Timeout,
    /// The connection is reset in the middle of the answer.
    Reset,
    /// A complete answer whose JSON is cut off.
    TruncatedJson,
    /// An answer, or for 1 in 4 a 429, without rate-limit headers.
    MissingHeaders,
    /// Rows with "" for start, end and duration; the rate is a share of rows.
    EmptyTimes,
    /// Rows with optional fields null or absent; the rate is a share of rows.
    NullFields,
    /// The first two requests for a meeting's details answer 404/3001; the rate is a share of meetings.
    NotReady,
    /// Details always answer 404/3001; the rate is a share of meetings.
    Gone,
    /// Details always answer 403; the rate is a share of the meetings that are not gone.
    Forbidden,
    /// 200 with an HTML page.
    HtmlPage,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 13] = [
        Self::TooManyRequests,
        Self::InternalError,
        Self::BadGateway,
        Self::Timeout,
        Self::Reset,
        Self::TruncatedJson,
        Self::HtmlPage,
        Self::MissingHeaders,
        Self::EmptyTimes,
        Self::NullFields,
        Self::NotReady,
        Self::Gone,
        Self::Forbidden,
    ];

    /// Name of the fault in settings and in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooManyRequests => "429",
            Self::InternalError => "500",
            Self::BadGateway => "502-html",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::TruncatedJson => "truncated-json",
            Self::HtmlPage => "html-200",
            Self::MissingHeaders => "missing-headers",
            Self::EmptyTimes => "empty-times",
            Self::NullFields => "null-fields",
            Self::NotReady => "3001-not-ready",
            Self::Gone => "gone",
            Self::Forbidden => "forbidden",
        }
    }

    /// Returns true for faults that the fake Opencast supports: those of whole calls, except for quotas.
    pub fn of_opencast(self) -> bool {
        self.strikes_calls() && !matches!(self, Self::TooManyRequests | Self::MissingHeaders)
    }

    /// Returns true for faults of a whole call; the others affect rows or meetings.
    fn strikes_calls(self) -> bool {
        !matches!(self, Self::EmptyTimes | Self::NullFields | Self::NotReady | Self::Gone | Self::Forbidden)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| ParseFaultError::Unknown(text.to_owned()))
    }
}

/// A fault and its rate, written `kind=rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultRate {
    /// The fault.
    pub fault: Fault,
    /// Rate from 0 (never) to 1 (always).
    pub rate: f64,
}

impl FromStr for FaultRate {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, rate) = text.split_once('=').ok_or_else(|| ParseFaultError::NoRate(text.to_owned()))?;
        let fault = kind.parse()?;
        let rate = rate.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
        let rate = rate.ok_or_else(|| ParseFaultError::BadRate(text.to_owned()))?;
        Ok(Self { fault, rate })
    }
}

impl fmt::Display for FaultRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.fault, self.rate)
    }
}

/// Error of parsing a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseFaultError {
    /// Unknown kind.
    #[error("unknown fault {0:?}: use one of {names}", names = names())]
    Unknown(String),
    /// No `=`.
    #[error("fault {0:?} has no rate: write kind=rate, for instance 500=0.02")]
    NoRate(String),
    /// The rate is not a number from 0 to 1.
    #[error("fault {0:?} has a bad rate: use a number from 0 to 1")]
    BadRate(String),
}

fn names() -> String {
    Fault::ALL.map(Fault::name).join(", ")
}

/// The current rates. Which meetings they affect follows from the seed.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    seed: u64,
    rates: Vec<FaultRate>,
}

/// The current faults, with their random generator.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Rules,
    rng: SmallRng,
    asked: HashMap<MeetingUuid, u8>,
    /// Consecutive faults by hash of the request.
    streaks: HashMap<u64, u32>,
}

/// Damage to the rows of one answer.
#[derive(Debug)]
pub(crate) struct Damage {
    empty_times: f64,
    null_fields: f64,
    rng: SmallRng,
}

impl Faults {
    pub(crate) fn new(seed: u64, rates: Vec<FaultRate>) -> Self {
        let seed = mix(seed, 0xFA17);
        Self {
            rules: Rules { seed, rates },
            rng: SmallRng::seed_from_u64(seed),
            asked: HashMap::new(),
            streaks: HashMap::new(),
        }
    }

    pub(crate) fn replace(&mut self, rates: Vec<FaultRate>) {
        self.rules.rates = rates;
        self.asked.clear();
    }

    pub(crate) fn rules(&self) -> Rules {
        self.rules.clone()
    }

    /// Draws the fault of the next call. If several occur, the first one wins.
    pub(crate) fn draw(&mut self) -> Option<Fault> {
        let calls = self.rules.rates.iter().filter(|rate| rate.fault.strikes_calls());
        let mut struck = None;
        for rate in calls {
            // Every fault draws on every call, so that adding one does not change the others.
            if unit(self.rng.random()) < rate.rate {
                struck = struck.or(Some(rate.fault));
            }
        }
        struck
    }

    /// Returns `struck`, or `None` after `most` consecutive faults of this request.
    pub(crate) fn at_most(&mut self, struck: Option<Fault>, request: &str, most: u32) -> Option<Fault> {
        let streak = self.streaks.entry(hash(self.rules.seed, request.as_bytes())).or_default();
        let struck = struck.filter(|_| *streak < most);
        *streak = if struck.is_some() { *streak + 1 } else { 0 };
        struck
    }

    /// Decides for 1 in 4 `missing-headers` faults that the call gets a 429.
    pub(crate) fn refuses(&mut self) -> bool {
        self.rng.random_range(0..4) == 0
    }

    pub(crate) fn damage(&mut self) -> Damage {
        Damage {
            empty_times: self.rules.rate(Fault::EmptyTimes),
            null_fields: self.rules.rate(Fault::NullFields),
            rng: SmallRng::seed_from_u64(self.rng.random()),
        }
    }

    /// Returns the fault that hides a meeting's details from this request. Counts the request.
    pub(crate) fn hides(&mut self, uuid: MeetingUuid) -> Option<Fault> {
        let for_ever = self.rules.for_ever(uuid);
        if for_ever.is_some() {
            return for_ever;
        }
        if !self.rules.holds(Fault::NotReady, uuid) {
            return None;
        }
        let asked = self.asked.entry(uuid).or_default();
        *asked = asked.saturating_add(1);
        (*asked <= NOT_READY_CALLS).then_some(Fault::NotReady)
    }
}

impl Rules {
    /// Returns the fault that permanently hides a meeting's details.
    pub(crate) fn for_ever(&self, uuid: MeetingUuid) -> Option<Fault> {
        [Fault::Gone, Fault::Forbidden].into_iter().find(|fault| self.holds(*fault, uuid))
    }

    fn holds(&self, fault: Fault, uuid: MeetingUuid) -> bool {
        let key = mix(self.seed, fault as u64);
        unit(hash(key, uuid.bytes())) < self.rate(fault)
    }

    fn rate(&self, fault: Fault) -> f64 {
        self.rates.iter().filter(|rate| rate.fault == fault).map(|rate| rate.rate).fold(0.0, f64::max)
    }
}

impl Damage {
    pub(crate) fn none() -> Self {
        Self { empty_times: 0.0, null_fields: 0.0, rng: SmallRng::seed_from_u64(0) }
    }

    pub(crate) fn empties(&mut self) -> bool {
        self.empty_times > 0.0 && unit(self.rng.random()) < self.empty_times
    }

    pub(crate) fn nulls(&mut self) -> bool {
        self.null_fields > 0.0 && unit(self.rng.random()) < self.null_fields
    }

    /// For a field of a damaged row: 0 keeps it (2 in 4), 1 makes it null, 2 omits it.
    pub(crate) fn field(&mut self) -> u8 {
        self.rng.random_range(0..4_u8).saturating_sub(1)
    }
}
