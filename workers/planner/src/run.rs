//! The record of a run: request, price and state, one row per run in the store's index `runs`. Independent of how rows
//! are written.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{JobId, Lane, RunId};
use serde::{Deserialize, Serialize};

use crate::{Plan, Price};

/// State of a run's plan. The jobs have their own receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Its jobs are being published. If it stays in this state, the publisher was stopped.
    Publishing,
    /// Its jobs are published.
    Published,
    /// Cancelled: its waiting jobs are removed from the queues.
    Cancelled,
}

impl RunState {
    /// Returns the name used in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Command or role that planned a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// An operator, with `ua plan`.
    Plan,
    /// An operator, with `ua run`.
    Run,
    /// The schedule.
    Schedule,
}

impl Origin {
    /// Returns the name used in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Run => "run",
            Self::Schedule => "schedule",
        }
    }
}

/// A request in the form common to all sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The run.
    pub run: RunId,
    /// The lane of its jobs.
    pub lane: Lane,
    /// The dates.
    pub dates: Vec<Date>,
    /// Number of single meetings.
    pub meetings: u64,
    /// Number of single episodes.
    pub episodes: u64,
    /// Jobs of no date. Their receipts also belong to the run.
    pub picked: Vec<JobId>,
}

/// A run. Readers ignore unknown fields, so that an older `ua` can read newer rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Id of the run and of the row.
    pub run: RunId,
    /// State of the plan.
    pub state: RunState,
    /// Command or role that planned the run.
    pub origin: Origin,
    /// The firing of the schedule that the run was planned for.
    pub slot: Option<Timestamp>,
    /// The lane of its jobs.
    pub lane: Lane,
    /// First date.
    pub from: Option<Date>,
    /// Last date.
    pub to: Option<Date>,
    /// Number of requested dates.
    pub dates: u64,
    /// Number of requested meetings.
    pub meetings: u64,
    /// Number of requested episodes.
    #[serde(default)]
    pub episodes: u64,
    /// Number of jobs that the plan published. Lists publish more.
    pub jobs: u64,
    /// When the run was planned.
    pub planned_at: Timestamp,
    /// When the state last changed.
    pub changed_at: Timestamp,
    /// The price when the run was planned.
    pub price: Price,
}

impl RunRecord {
    /// Creates the record of a plan before it is published.
    pub fn new(now: Timestamp, asked: &Asked, plan: &Plan, origin: Origin, slot: Option<Timestamp>) -> Self {
        let Asked { run, lane, dates, meetings, episodes, .. } = asked;
        Self {
            run: run.clone(),
            state: RunState::Publishing,
            origin,
            slot,
            lane: *lane,
            from: dates.iter().min().copied(),
            to: dates.iter().max().copied(),
            dates: dates.len() as u64,
            meetings: *meetings,
            episodes: *episodes,
            jobs: plan.jobs.len() as u64,
            planned_at: now,
            changed_at: now,
            price: plan.price.clone(),
        }
    }

    /// Returns the record in a later state.
    #[must_use]
    pub fn into_state(self, state: RunState, now: Timestamp) -> Self {
        Self { state, changed_at: now.max(self.planned_at), ..self }
    }

    /// Returns the row's external version. A cancelled run stays cancelled, because a publisher still in progress
    /// writes an older version.
    pub fn version(&self) -> i64 {
        let planned = self.planned_at.as_millisecond();
        match self.state {
            RunState::Publishing => planned,
            RunState::Published => planned + 1,
            RunState::Cancelled => self.changed_at.as_millisecond().max(planned + 2),
        }
    }
}
