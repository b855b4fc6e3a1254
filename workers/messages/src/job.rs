//! A job: one small unit of fetching. The type of its task belongs to the job's source.

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
    /// The run that the job belongs to.
    pub run: RunId,
    /// The lane in which the job was first published.
    pub lane: Lane,
    /// When the job was planned.
    pub planned_at: Timestamp,
    /// The data to fetch.
    pub task: T,
}

impl<T> Job<T> {
    /// Returns the same job for `account`, which its id names.
    #[must_use]
    pub fn of_account(self, account: &str) -> Self {
        Self { id: self.id.of_account(account), ..self }
    }

    /// Creates a job with this program's message version.
    pub fn new(id: JobId, run: RunId, lane: Lane, planned_at: Timestamp, task: T) -> Self {
        Self { version: Version, id, run, lane, planned_at, task }
    }
}

impl Source {
    /// Returns the receipt in state `planned` of a published job of this source. `None` if `job` is not such a job.
    pub fn planned(self, job: &[u8]) -> Option<Receipt> {
        match self {
            Self::Zoom => decode::<Job<zoom::Task>>(job).ok()?.planned().ok(),
            Self::Opencast => decode::<Job<opencast::Task>>(job).ok()?.planned().ok(),
        }
    }
}

/// The fields common to all jobs, for code that sorts jobs without running them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct JobHead {
    /// Same as [`Job::id`].
    pub id: JobId,
    /// Same as [`Job::run`].
    pub run: RunId,
}
