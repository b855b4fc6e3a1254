//! The record of a run: what was planned, at which price, and what became of it. One row per run in the store's
//! index `runs`. Must not know how rows are written.

use jiff::Timestamp;
use jiff::civil::Date;
use messages::{Lane, RunId};
use serde::{Deserialize, Serialize};

use crate::{Plan, Price, Wanted};

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
    pub fn new(
        now: Timestamp,
        wanted: &Wanted,
        plan: &Plan,
        origin: Origin,
        slot: Option<Timestamp>,
    ) -> Self {
        Self {
            run: wanted.run.clone(),
            state: RunState::Publishing,
            origin,
            slot,
            lane: wanted.lane(now),
            from: wanted.dates.iter().min().copied(),
            to: wanted.dates.iter().max().copied(),
            dates: wanted.dates.len() as u64,
            meetings: wanted.meeting_uuids.len() as u64,
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
