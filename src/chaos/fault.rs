//! Faults of the fleet, how often each is drawn, and the count of injected faults.

use std::collections::BTreeMap;
use std::fmt;

use rand::Rng as _;
use rand::rngs::SmallRng;

/// A fault of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A role is killed.
    Kill,
    /// A role is frozen for some seconds.
    Freeze,
    /// The quota leader is frozen until another process takes over, then continues.
    Depose,
    RestartBroker,
    CrashBroker,
    RestartSearch,
    CrashSearch,
    RefuseWrites,
    FullDocuments,
    Poison,
    /// The load balancer answers in place of Elasticsearch.
    Balancer,
    /// A policy destroys waiting jobs.
    Policy,
    /// A foreign template takes precedence over ours.
    Template,
    /// A run is cancelled while it is in progress.
    Cancel,
    /// The clock of a role is two years ahead.
    Clock,
    /// The store always refuses one document, from the beginning.
    Document,
}

impl Fault {
    /// Faults that every storm must have; the others are chosen by the seed or drawn at random.
    const DUE: [Self; 10] = [
        Self::Document,
        Self::Depose,
        Self::Poison,
        Self::Kill,
        Self::Freeze,
        Self::FullDocuments,
        Self::RestartBroker,
        Self::RefuseWrites,
        Self::RestartSearch,
        Self::Balancer,
    ];

    /// Faults that need extra time: a storm has two of these by its seed, and those that `--also` names.
    const BY_SEED: [(&'static str, Self); 4] = [
        ("cancel", Self::Cancel),
        ("template", Self::Template),
        ("policy", Self::Policy),
        ("clock", Self::Clock),
    ];

    /// Returns the required faults of a seed. Four consecutive seeds have each of `BY_SEED` twice.
    pub(crate) fn due(seed: u64, also: &str) -> Vec<Self> {
        let count = Self::BY_SEED.len() as u64;
        let is_drawn = |place: u64| place == seed % count || place == (seed + 1) % count;
        let is_named = |name: &str| also.split(',').any(|word| word == name || word == "all");
        let by_seed =
            (0..).zip(Self::BY_SEED).filter(|(place, (name, _))| is_drawn(*place) || is_named(name));
        Self::DUE.into_iter().chain(by_seed.map(|(_, (_, fault))| fault)).collect()
    }

    /// Draws a fault: kills are cheap and common, restarts of servers slow and rare.
    pub(crate) fn drawn(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..23) {
            0..7 => Self::Kill,
            7..11 => Self::Freeze,
            11 => Self::RestartBroker,
            12 => Self::CrashBroker,
            13 => Self::RestartSearch,
            14 => Self::CrashSearch,
            15 => Self::RefuseWrites,
            16 => Self::FullDocuments,
            17 => Self::Depose,
            18..20 => Self::Balancer,
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
            Self::Balancer => "answers of the load balancer",
            Self::Policy => "destructive policy",
            Self::Template => "foreign template",
            Self::Cancel => "cancel",
            Self::Clock => "wrong clock",
            Self::Document => "refused document",
        }
    }
}

/// Concurrent details of a Zoom worker: 16, and one of the most urgent lane.
const PERMITS: u64 = 17;

/// The roles, by the beginning of their process names. Each must be killed once.
const ROLES: [&str; 4] = ["zoom", "opencast", "index", "schedule"];

/// Number of injected faults of each kind.
#[derive(Debug)]
pub(crate) struct FaultLog {
    due: Vec<Fault>,
    faults: BTreeMap<Fault, u32>,
    killed: BTreeMap<&'static str, u32>,
    /// Maximum number of Zoom details that may be fetched twice: those in progress when their worker lost them.
    repeats: u64,
}

impl FaultLog {
    /// Creates an empty log; `due` faults are required.
    pub(crate) fn new(due: Vec<Fault>) -> Self {
        Self { due, faults: BTreeMap::new(), killed: BTreeMap::new(), repeats: 0 }
    }

    /// Records that `workers` Zoom workers lost all their jobs.
    pub(crate) fn lose_leases(&mut self, workers: u64) {
        self.may_repeat(workers * PERMITS);
    }

    /// Records that `jobs` jobs may be done twice for another reason.
    pub(crate) fn may_repeat(&mut self, jobs: u64) {
        self.repeats += jobs;
    }

    /// Number of details that may be fetched twice.
    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    pub(crate) fn count(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// Counts a kill of the process `name`.
    pub(crate) fn count_killed(&mut self, name: &str) {
        let role = ROLES.into_iter().find(|role| name.starts_with(role));
        role.into_iter().for_each(|role| *self.killed.entry(role).or_default() += 1);
        self.lose_leases(u64::from(name.starts_with("zoom")));
    }

    /// Returns true when no process of this role was killed yet.
    pub(crate) fn spared(&self, name: &str) -> bool {
        ROLES.iter().any(|role| name.starts_with(role) && !self.killed.contains_key(role))
    }

    /// Returns the required faults that are missing.
    pub(crate) fn missing(&self) -> Vec<Fault> {
        let is_struck = |fault: Fault| match fault {
            Fault::Kill => ROLES.iter().all(|role| self.killed.contains_key(role)),
            _ => self.faults.contains_key(&fault),
        };
        self.due.iter().copied().filter(|fault| !is_struck(*fault)).collect()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for FaultLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed: Vec<String> = self.killed.iter().map(|(role, times)| format!("{role} {times}")).collect();
        let all = self.faults.iter().map(|(fault, times)| match fault {
            Fault::Kill => format!("{fault} {times} ({})", killed.join(", ")),
            _ => format!("{fault} {times}"),
        });
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}
