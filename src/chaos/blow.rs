//! What can befall the fleet, how often each is drawn, and the count of what was struck.

use std::collections::BTreeMap;
use std::fmt;

use rand::Rng as _;
use rand::rngs::SmallRng;

/// What befalls the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blow {
    /// A role ends without a word.
    Kill,
    /// A role stands still for some seconds.
    Freeze,
    /// Whoever keeps the quota stands still for so long that another takes over, and then goes on.
    Depose,
    RestartBroker,
    CrashBroker,
    RestartSearch,
    CrashSearch,
    RefuseWrites,
    FullDocuments,
    Poison,
}

impl Blow {
    /// Those that every storm has to have; the others come by chance.
    pub(crate) const DUE: [Self; 8] = [
        Self::Depose,
        Self::Poison,
        Self::Kill,
        Self::Freeze,
        Self::FullDocuments,
        Self::RestartBroker,
        Self::RefuseWrites,
        Self::RestartSearch,
    ];

    /// Killing is cheap and common, servers come back slowly.
    pub(crate) fn drawn(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..21) {
            0..7 => Self::Kill,
            7..11 => Self::Freeze,
            11 => Self::RestartBroker,
            12 => Self::CrashBroker,
            13 => Self::RestartSearch,
            14 => Self::CrashSearch,
            15 => Self::RefuseWrites,
            16 => Self::FullDocuments,
            17 => Self::Depose,
            _ => Self::Poison,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Freeze => "freeze",
            Self::Depose => "depose the leader",
            Self::RestartBroker => "restart RabbitMQ",
            Self::CrashBroker => "crash RabbitMQ",
            Self::RestartSearch => "restart Elasticsearch",
            Self::CrashSearch => "crash Elasticsearch",
            Self::RefuseWrites => "refuse writes",
            Self::FullDocuments => "full documents",
            Self::Poison => "poison",
        }
    }
}

/// How often each was struck.
#[derive(Debug, Default)]
pub(crate) struct Struck(BTreeMap<Blow, u32>);

impl Struck {
    pub(crate) fn count(&mut self, blow: Blow) {
        *self.0.entry(blow).or_default() += 1;
    }

    /// Those that had to be struck and were not.
    pub(crate) fn missing(&self) -> Vec<Blow> {
        Blow::DUE.into_iter().filter(|blow| !self.0.contains_key(blow)).collect()
    }
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|(blow, times)| format!("{blow} {times}")).collect();
        f.write_str(&all.join(", "))
    }
}
