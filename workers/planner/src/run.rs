//! The record of a run: what was planned, at which price, and what became of it. One row per run in the store's
//! index `runs`. Must not know how rows are written.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{JobId, Lane, RunId};
use serde::{Deserialize, Serialize};

use crate::{Plan, Price};

/// How far a run has come, as far as its plan goes; its jobs have receipts of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Its jobs are being published; if it stays so, whoever published them was stopped in the middle.
    Publishing,
    /// Its jobs are published.
    Published,
    /// It is cancelled: what of it still waits is taken out.
    Cancelled,
}

impl RunState {
    /// The state as it stands in the rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publishing => "publishing",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Who planned a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// An operator, with `ua plan`.
    Plan,
    /// An operator, with `ua run`.
    Run,
    /// The clock.
    Schedule,
}

impl Origin {
    /// The origin as it stands in the rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Run => "run",
            Self::Schedule => "schedule",
        }
    }
}

/// What was asked for, whatever the source: what a run is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The run.
    pub run: RunId,
    /// The lane of its jobs.
    pub lane: Lane,
    /// The dates.
    pub dates: Vec<Date>,
    /// How many single meetings.
    pub meetings: u64,
    /// How many single episodes.
    pub episodes: u64,
    /// Jobs that belong to none of the dates: their receipts are the run's all the same.
    pub picked: Vec<JobId>,
}

/// A run. Not of a fixed shape for ever: a field that an older `ua` does not know is left aside by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id; also the row's.
    pub run: RunId,
    /// How far its plan has come.
    pub state: RunState,
    /// Who planned it.
    pub origin: Origin,
    /// The firing of the schedule that it was planned for.
    pub slot: Option<Timestamp>,
    /// The lane of its jobs.
    pub lane: Lane,
    /// The first of its dates.
    pub from: Option<Date>,
    /// The last of its dates.
    pub to: Option<Date>,
    /// How many dates were wanted.
    pub dates: u64,
    /// How many single meetings were wanted.
    pub meetings: u64,
    /// How many single episodes were wanted.
    #[serde(default)]
    pub episodes: u64,
    /// Jobs that the plan published; lists publish more.
    pub jobs: u64,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When it came into its state.
    pub changed_at: Timestamp,
    /// What it was to cost.
    pub price: Price,
}

impl RunRecord {
    /// The record of a plan that is about to be published.
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

    /// The same in a later state.
    #[must_use]
    pub fn into_state(self, state: RunState, now: Timestamp) -> Self {
        Self { state, changed_at: now.max(self.planned_at), ..self }
    }

    /// The external version of the row. A cancelled run stays cancelled: whoever is still publishing it writes an
    /// older version.
    pub fn version(&self) -> i64 {
        let planned = self.planned_at.as_millisecond();
        match self.state {
            RunState::Publishing => planned,
            RunState::Published => planned + 1,
            RunState::Cancelled => self.changed_at.as_millisecond().max(planned + 2),
        }
    }
}
