//! Names of queues: families of jobs, lanes, documents and dead letters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that is none of those known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a known {what}")]
pub struct UnknownName {
    /// What kind of name was expected.
    pub what: &'static str,
    /// What was found.
    pub name: String,
}

/// Where usage data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Zoom meetings and webinars.
    Zoom,
    /// Opencast lectures.
    Opencast,
}

impl Source {
    /// Every source there is.
    pub const ALL: [Self; 2] = [Self::Zoom, Self::Opencast];

    /// The families of its jobs, in the order in which they are done.
    pub fn families(self) -> &'static [Family] {
        match self {
            Self::Zoom => &[Family::ZOOM_LIST, Family::ZOOM_DETAIL],
            Self::Opencast => &[Family::OPENCAST],
        }
    }

    /// The kind of the jobs that list what there is of a date: once they are complete, the date is known.
    pub fn list_kind(self) -> &'static str {
        match self {
            Self::Zoom => "meetings",
            Self::Opencast => "actions",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zoom => "zoom",
            Self::Opencast => "opencast",
        })
    }
}

impl FromStr for Source {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "zoom" => Ok(Self::Zoom),
            "opencast" => Ok(Self::Opencast),
            _ => Err(UnknownName { what: "source", name: name.to_owned() }),
        }
    }
}

/// Which work goes first. Lanes are queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Yesterday's data: first.
    Daily,
    /// Older data: next.
    Backfill,
    /// Dead letters tried again: last.
    Replay,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Daily, Self::Backfill, Self::Replay];

    /// The lane's part of a queue name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Backfill => "backfill",
            Self::Replay => "replay",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Lane {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|lane| lane.name() == name);
        found.ok_or_else(|| UnknownName { what: "lane", name: name.to_owned() })
    }
}

/// A family of jobs: one kind of worker takes them, from one queue per lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family(&'static str);

impl Family {
    /// Zoom's lists: Resource-intensive calls.
    pub const ZOOM_LIST: Self = Self("zoom.list");
    /// Zoom's details: Heavy calls.
    pub const ZOOM_DETAIL: Self = Self("zoom.detail");
    /// Opencast's actions and episodes.
    pub const OPENCAST: Self = Self("opencast");
    /// Every family there is; the topology declares a queue per family and lane.
    pub const ALL: [Self; 3] = [Self::ZOOM_LIST, Self::ZOOM_DETAIL, Self::OPENCAST];

    /// The family's part of a queue name.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// The family's queues, the most urgent lane first.
    pub fn queues(self) -> [Queue; 3] {
        Lane::ALL.map(|lane| Queue::jobs(self, lane))
    }
}

/// The name of a queue, for example `ua.jobs.zoom.list.daily`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Queue(String);

impl Queue {
    /// The queue of a family's jobs in one lane.
    pub fn jobs(family: Family, lane: Lane) -> Self {
        Self(format!("ua.jobs.{}.{lane}", family.0))
    }

    /// The bounded queue of documents on their way to the index.
    pub fn documents() -> Self {
        Self("ua.documents".to_owned())
    }

    /// The queue of dead letters on their way to the desk.
    pub fn dead() -> Self {
        Self("ua.dead".to_owned())
    }

    /// Every queue a worker may take from; the topology declares exactly these (and the rungs).
    pub fn all() -> Vec<Self> {
        let jobs = Family::ALL.into_iter().flat_map(Family::queues);
        jobs.chain([Self::documents(), Self::dead()]).collect()
    }

    /// A queue by its name, as found in a header or a row. Any name is taken: a message may come from a
    /// queue that is gone, and must still be kept.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The lane of a queue of jobs.
    pub fn lane(&self) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| self.0.ends_with(&format!(".{lane}")))
    }

    /// Where a dead letter of this queue is replayed to: the replay lane of its family, or the queue itself.
    pub fn replay_lane(&self) -> Self {
        match self.lane().and_then(|lane| self.0.strip_suffix(&format!(".{lane}"))) {
            Some(family) if family.starts_with("ua.jobs.") => Self(format!("{family}.{}", Lane::Replay)),
            _ => self.clone(),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_design() {
        assert_eq!(Queue::jobs(Family::ZOOM_LIST, Lane::Daily).as_str(), "ua.jobs.zoom.list.daily");
        assert_eq!(Queue::jobs(Family::OPENCAST, Lane::Backfill).as_str(), "ua.jobs.opencast.backfill");
        assert_eq!(Queue::all().len(), 11);
    }

    #[test]
    fn a_dead_job_is_replayed_in_the_replay_lane_of_its_family() {
        let daily = Queue::jobs(Family::ZOOM_DETAIL, Lane::Daily);
        assert_eq!((daily.lane(), Queue::documents().lane()), (Some(Lane::Daily), None));
        assert_eq!(daily.replay_lane(), Queue::jobs(Family::ZOOM_DETAIL, Lane::Replay));
        assert_eq!(daily.replay_lane().replay_lane(), daily.replay_lane());
        assert_eq!(Queue::documents().replay_lane(), Queue::documents());
    }
}
