//! Which faults there are and whom they strike. Drawn from a seeded source, so that a run can be repeated.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::world::{MeetingUuid, hash, mix, unit};

/// What a proxy answers whose server is down.
pub(crate) const BAD_GATEWAY: &str =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>simulated</body>\r\n</html>\r\n";
/// What somebody in between answers who wants to be seen first.
pub(crate) const HTML_PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>simulated</body></html>\n";

/// How often a meeting that is not ready is asked for in vain.
const NOT_READY_CALLS: u8 = 2;

/// A way in which the API misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// 429 with the per-second text, though the quota is not spent.
    TooManyRequests,
    /// 500 with a JSON error.
    InternalError,
    /// 502 with an HTML body.
    BadGateway,
    /// No answer for a minute.
    Timeout,
    /// The connection is closed in the middle of the answer.
    Reset,
    /// A complete answer whose JSON ends in the middle.
    TruncatedJson,
    /// An answer (or, one time in four, a 429) without rate-limit headers.
    MissingHeaders,
    /// Rows with "" for start, end and duration; the rate is the share of rows.
    EmptyTimes,
    /// Rows with optional fields null or absent; the rate is the share of rows.
    NullFields,
    /// Details answer 404/3001 at first; the rate is the share of meetings.
    NotReady,
    /// Details answer 404/3001 for ever; the rate is the share of meetings.
    Gone,
    /// Details answer 403 for ever; the rate is the share of meetings that are not gone.
    Forbidden,
    /// 200 with an HTML page in place of the answer.
    HtmlPage,
}

impl Fault {
    /// Every fault there is.
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

    /// The name by which it is asked for and noted in the ledger.
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

    /// Whether a fake Opencast knows it: whole calls are struck, and there is no quota.
    pub fn of_opencast(self) -> bool {
        self.strikes_calls() && !matches!(self, Self::TooManyRequests | Self::MissingHeaders)
    }

    /// Faults that strike a whole call; the others strike rows or meetings.
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

/// A fault and how often it strikes, written `kind=rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultRate {
    /// The fault.
    pub fault: Fault,
    /// From 0 (never) to 1 (always).
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

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseFaultError {
    /// The kind is not known.
    #[error("unknown fault {0:?}: use one of {names}", names = names())]
    Unknown(String),
    /// There is no `=`.
    #[error("fault {0:?} has no rate: write kind=rate, for instance 500=0.02")]
    NoRate(String),
    /// The rate is not a share.
    #[error("fault {0:?} has a bad rate: use a number from 0 to 1")]
    BadRate(String),
}

fn names() -> String {
    Fault::ALL.map(Fault::name).join(", ")
}

/// The rates in force; which meetings they hit follows from the seed.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    seed: u64,
    rates: Vec<FaultRate>,
}

/// The faults in force, with their source of chance.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Rules,
    rng: SmallRng,
    asked: HashMap<MeetingUuid, u8>,
    /// Faults in a row, by the request they struck.
    streaks: HashMap<u64, u32>,
}

/// How the rows of one answer are damaged.
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

    /// The fault that strikes the next call, if any; with several, the first that strikes.
    pub(crate) fn draw(&mut self) -> Option<Fault> {
        let calls = self.rules.rates.iter().filter(|rate| rate.fault.strikes_calls());
        let mut struck = None;
        for rate in calls {
            // Every fault draws on every call: adding one does not shift the luck of the others.
            if unit(self.rng.random()) < rate.rate {
                struck = struck.or(Some(rate.fault));
            }
        }
        struck
    }

    /// The same fault, unless it would be one more than `most` in a row for this request.
    pub(crate) fn at_most(&mut self, struck: Option<Fault>, request: &str, most: u32) -> Option<Fault> {
        let streak = self.streaks.entry(hash(self.rules.seed, request.as_bytes())).or_default();
        let struck = struck.filter(|_| *streak < most);
        *streak = if struck.is_some() { *streak + 1 } else { 0 };
        struck
    }

    /// True one time in four: whether a struck `missing-headers` call is refused, too.
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

    /// The fault that hides the details of a meeting from this request. Counts the request.
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
    /// What keeps the details of a meeting from everybody for ever.
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

    /// 0 keeps a field of a struck row, 1 makes it null, 2 leaves it out.
    pub(crate) fn field(&mut self) -> u8 {
        self.rng.random_range(0..4_u8).saturating_sub(1)
    }
}
