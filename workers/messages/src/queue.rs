//! Names of sources, lanes, job families and queues.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Error for an unknown name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a known {what}")]
pub struct UnknownName {
    /// The kind of name that was expected.
    pub what: &'static str,
    /// The name that was found.
    pub name: String,
}

/// A system that delivers usage data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Zoom meetings and webinars.
    Zoom,
    /// Opencast lectures.
    Opencast,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 2] = [Self::Zoom, Self::Opencast];

    /// Returns the source's job families, list jobs first.
    pub fn families(self) -> &'static [Family] {
        match self {
            Self::Zoom => &[Family::ZOOM_LIST, Family::ZOOM_DETAIL],
            Self::Opencast => &[Family::OPENCAST],
        }
    }

    /// Returns the kind of the source's list jobs. A date is covered once its list jobs are complete.
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

/// Priority of a job. Each lane of a family is a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Yesterday's data: first.
    Daily,
    /// Older data: second.
    Backfill,
    /// Replayed dead letters: last.
    Replay,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Daily, Self::Backfill, Self::Replay];

    /// Returns the lane's part of a queue name.
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

/// A family of jobs: one kind of worker consumes it, from one queue per lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family(&'static str);

impl Family {
    /// Zoom lists: Resource-intensive calls.
    pub const ZOOM_LIST: Self = Self("zoom.list");
    /// Zoom details: Heavy calls.
    pub const ZOOM_DETAIL: Self = Self("zoom.detail");
    /// Opencast user actions and episodes.
    pub const OPENCAST: Self = Self("opencast");
    /// All families. The topology declares one queue per family and lane.
    pub const ALL: [Self; 3] = [Self::ZOOM_LIST, Self::ZOOM_DETAIL, Self::OPENCAST];

    /// Returns the family's part of a queue name.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Returns the family's queues, the most urgent lane first.
    pub fn queues(self) -> [Queue; 3] {
        Lane::ALL.map(|lane| Queue::jobs(self, lane))
    }
}

/// Name of a queue, for example `ua.jobs.zoom.list.daily`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Queue(String);

impl Queue {
    /// Returns the queue of a family's jobs in one lane.
    pub fn jobs(family: Family, lane: Lane) -> Self {
        Self(format!("ua.jobs.{}.{lane}", family.0))
    }

    /// Returns the bounded queue of documents for the index role.
    pub fn documents() -> Self {
        Self("ua.documents".to_owned())
    }

    /// Returns the queue of dead letters for the desk.
    pub fn dead() -> Self {
        Self("ua.dead".to_owned())
    }

    /// Returns every queue a worker may consume. The topology declares exactly these, and the rungs.
    pub fn all() -> Vec<Self> {
        let jobs = Family::ALL.into_iter().flat_map(Family::queues);
        jobs.chain([Self::documents(), Self::dead()]).collect()
    }

    /// Creates a queue name from a header or a row. Accepts any name, because messages of removed queues must be kept.
    pub fn named(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the lane, if this is a job queue.
    pub fn lane(&self) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| self.0.ends_with(&format!(".{lane}")))
    }

    /// Returns the queue for replays of this queue's dead letters: the family's replay lane, or the queue itself.
    pub fn replay_lane(&self) -> Self {
        match self.lane().and_then(|lane| self.0.strip_suffix(&format!(".{lane}"))) {
            Some(family) if family.starts_with("ua.jobs.") => Self(format!("{family}.{}", Lane::Replay)),
            _ => self.clone(),
        }
    }

    /// Returns the name as text.
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
