//! A job: one small unit of fetching. What it asks for is its task, a type of the source it is for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::codec::Version;
use crate::{JobId, Lane, Receipt, RunId, Source, decode, opencast, zoom};

/// A job with its task `T`, for example [`crate::zoom::Task`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job<T> {
    version: Version,
    /// Deterministic: the same work has the same id.
    pub id: JobId,
    /// The run that asked for it.
    pub run: RunId,
    /// The lane in which it was first published.
    pub lane: Lane,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// What to fetch.
    pub task: T,
}

impl<T> Job<T> {
    /// The same job for an account: its id names it.
    #[must_use]
    pub fn of_account(self, account: &str) -> Self {
        Self { id: self.id.of_account(account), ..self }
    }

    /// A job of this program's version.
    pub fn new(id: JobId, run: RunId, lane: Lane, planned_at: Timestamp, task: T) -> Self {
        Self { version: Version, id, run, lane, planned_at, task }
    }
}

impl Source {
    /// The receipt of a job of this source as long as it is not begun, from the job as it was published; `None` for what
    /// is no job of it.
    pub fn planned(self, job: &[u8]) -> Option<Receipt> {
        match self {
            Self::Zoom => decode::<Job<zoom::Task>>(job).ok()?.planned().ok(),
            Self::Opencast => decode::<Job<opencast::Task>>(job).ok()?.planned().ok(),
        }
    }
}

/// What every job says of itself, whatever its task: for those who sort jobs and do none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobHead {
    /// As [`Job::id`].
    pub id: JobId,
    /// As [`Job::run`].
    pub run: RunId,
}
