//! What can befall the fleet, how often each is drawn, and the count of what was struck.

use std::collections::BTreeMap;
use std::fmt;

use rand::Rng as _;
use rand::rngs::SmallRng;

/// What befalls the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
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
    /// The load balancer answers in place of Elasticsearch.
    Balancer,
    /// A policy destroys waiting jobs.
    Policy,
    /// A template of others takes the place of ours.
    Template,
    /// A run is cancelled while it is worked on.
    Cancel,
    /// The clock of a role is two years ahead.
    Clock,
    /// The store refuses one document for ever; from the beginning on.
    Document,
}

impl Fault {
    /// Those that every storm has to have; the others come by chance.
    pub(crate) const DUE: [Self; 9] = [
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

    /// Those that a storm has when `--also` names them.
    pub(crate) const ALSO: [(&'static str, Self); 5] = [
        ("policy", Self::Policy),
        ("template", Self::Template),
        ("cancel", Self::Cancel),
        ("clock", Self::Clock),
        ("document", Self::Document),
    ];

    /// Killing is cheap and common, servers come back slowly.
    pub(crate) fn drawn(rng: &mut SmallRng) -> Self {
        match rng.random_range(0..24) {
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
            20 => Self::Clock,
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

/// The roles, as the names of their processes begin. Each has to be killed once.
const ROLES: [&str; 4] = ["zoom", "opencast", "index", "schedule"];

/// How often each was struck.
#[derive(Debug)]
pub(crate) struct FaultLog {
    due: Vec<Fault>,
    faults: BTreeMap<Fault, u32>,
    killed: BTreeMap<&'static str, u32>,
}

impl FaultLog {
    /// None yet, of those that are due.
    pub(crate) fn new(due: Vec<Fault>) -> Self {
        Self { due, faults: BTreeMap::new(), killed: BTreeMap::new() }
    }

    /// True for one that the storm has to have.
    pub(crate) fn is_due(&self, fault: Fault) -> bool {
        self.due.contains(&fault)
    }

    pub(crate) fn count(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    /// The process of this name was killed.
    pub(crate) fn count_killed(&mut self, name: &str) {
        let role = ROLES.into_iter().find(|role| name.starts_with(role));
        role.into_iter().for_each(|role| *self.killed.entry(role).or_default() += 1);
    }

    /// True when no process of the role of this one was killed yet.
    pub(crate) fn spared(&self, name: &str) -> bool {
        ROLES.iter().any(|role| name.starts_with(role) && !self.killed.contains_key(role))
    }

    /// Those that had to be struck and were not.
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
