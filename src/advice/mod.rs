//! Advice: the current bottleneck, and the useful number of workers per role. Pure: observations in, sentences out.

mod fetch;
mod index;
mod observed;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use observed::{Observed, Part};

use crate::units;

/// The bottleneck of a role, or of the whole flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// None: there is nothing to do, or the role keeps up.
    Nothing,
    /// Messages wait and no worker runs.
    NoWorkers,
    /// Every worker is on hold.
    Hold,
    /// The account's quota.
    Quota,
    /// The API's latency, or too few workers to use the quota.
    Latency,
    /// The broker.
    Broker,
    /// The store.
    Store,
    /// The workers' own speed.
    Workers,
    /// Unknown: measured for too short a time.
    Unknown,
}

impl Bound {
    /// Returns its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::NoWorkers => "no_workers",
            Self::Hold => "hold",
            Self::Quota => "quota",
            Self::Latency => "latency",
            Self::Broker => "broker",
            Self::Store => "store",
            Self::Workers => "workers",
            Self::Unknown => "unknown",
        }
    }

    /// Every bottleneck, in order of priority.
    pub const ALL: [Self; 9] = [
        Self::NoWorkers,
        Self::Hold,
        Self::Store,
        Self::Workers,
        Self::Broker,
        Self::Quota,
        Self::Latency,
        Self::Unknown,
        Self::Nothing,
    ];
}

/// Advice for one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleAdvice {
    /// The role.
    pub role: &'static str,
    /// Its bottleneck.
    pub bound: Bound,
    /// Messages waiting.
    pub waiting: u64,
    /// Messages in progress.
    pub in_progress: u64,
    /// Workers with this role.
    pub workers: u64,
    /// Useful number of workers; 0 when there is nothing to do.
    pub useful: u64,
    /// The advice as a sentence.
    pub sentence: String,
}

/// Advice for all roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// Bottleneck of the whole flow.
    pub bound: Bound,
    /// Broken parts, as sentences.
    pub broken: Vec<String>,
    /// Planned jobs that are in no queue and not in progress.
    pub lost: u64,
    /// Dead letters that wait for an operator.
    pub dead: u64,
    /// Advice per role.
    pub roles: Vec<RoleAdvice>,
    /// Messages parked for another attempt.
    pub parked: u64,
}

impl Advice {
    /// Returns the sentences by priority: broken parts, lost jobs, dead letters, waiting work and its bottleneck.
    /// "Nothing to do" appears only without any of these.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = self.broken.clone();
        if self.lost > 0 {
            said.push(format!(
                "{} planned and in no queue: `ua plan` with the same dates publishes what is missing",
                are(self.lost, "job")
            ));
        }
        if self.dead > 0 {
            said.push(format!(
                "{} for an operator: `ua dlq list` shows causes and next steps",
                wait(self.dead, "dead letter")
            ));
        }
        let busy = self.roles.iter().filter(|role| role.is_busy());
        said.extend(busy.map(|role| role.sentence.clone()));
        let paused = said.iter().any(|sentence| sentence.contains("parked for later"));
        if self.parked > 0 && !paused {
            said.push(format!("{} parked for another attempt", are(self.parked, "message")));
        }
        if said.is_empty() {
            said.push("nothing to do: no job waits, and none is in progress".to_owned());
        }
        said
    }
}

impl RoleAdvice {
    /// True when the role has work or a bottleneck.
    fn is_busy(&self) -> bool {
        self.bound != Bound::Nothing || self.waiting > 0 || self.in_progress > 0
    }
}

/// Derives the advice from the observations.
pub fn advise(observed: &Observed) -> Advice {
    let index = index::advise(observed);
    let mut roles: Vec<RoleAdvice> =
        observed.fetch.iter().map(|part| fetch::advise(part, observed.parked, &index)).collect();
    roles.push(index);
    let bound = Bound::ALL.into_iter().find(|bound| roles.iter().any(|role| role.bound == *bound));
    let idle = observed.parked == 0 && roles.iter().all(|role| role.waiting == 0 && role.in_progress == 0);
    Advice {
        bound: bound.unwrap_or(Bound::Nothing),
        broken: observed.broken.clone(),
        // A planned job that is not lost waits, is in progress or parked, or its receipt is on the way to the store.
        lost: if idle && observed.silent == 0 { observed.planned } else { 0 },
        dead: observed.dead,
        roles,
        parked: observed.parked,
    }
}

/// `1 job is`, `2 jobs are`.
fn are(count: u64, noun: &str) -> String {
    format!("{} {}", units::some(count, noun), if count == 1 { "is" } else { "are" })
}

/// `1 dead letter waits`, `2 dead letters wait`.
fn wait(count: u64, noun: &str) -> String {
    format!("{} {}", units::some(count, noun), if count == 1 { "waits" } else { "wait" })
}

/// `1 runs`, `6 run`.
fn run(workers: u64) -> String {
    format!("{} {}", units::count(workers), if workers == 1 { "runs" } else { "run" })
}

/// `1 worker is enough, 6 run; more will not be faster`.
fn enough(useful: u64, workers: u64) -> String {
    if workers <= useful {
        return format!("{}; more will not be faster", run(workers));
    }
    let are = if useful == 1 { "is" } else { "are" };
    format!("{} {are} enough, {}; more will not be faster", units::some(useful, "worker"), run(workers))
}
