//! Priority of jobs that wait for the same token: the job that started first, and a job of a more urgent lane as if it
//! had started some minutes earlier. So jobs of many calls finish one after the other. If they took turns, all of them
//! would be in progress for as long as all together take. Independent of what the jobs wait for.

use std::time::{Duration, Instant};

use messages::{Lane, Queue};

tokio::task_local! {
    static PRIORITY: JobPriority;
}

/// Head start of a job over those of the next lane. From the first lane to the last it is less than a caller's longest
/// wait (10 minutes), so that urgent jobs never starve a lane.
pub(crate) const ADVANTAGE: Duration = Duration::from_secs(240);

/// A job's priority; the smaller goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobPriority(Instant);

impl JobPriority {
    /// Returns the priority of a job of this queue that starts now. A job without a lane is urgent.
    pub(crate) fn of(queue: &Queue) -> Self {
        let lane = queue.lane().and_then(|lane| Lane::ALL.iter().position(|known| *known == lane));
        Self::started(Instant::now(), lane.unwrap_or(0))
    }

    /// Returns the priority of a job that started at `at`, by the index of its lane.
    pub(crate) fn started(at: Instant, lane: usize) -> Self {
        Self((0..lane).fold(at, |at, _| at + ADVANTAGE))
    }

    /// Runs a job's work with this priority.
    pub(crate) async fn scope<T>(self, work: impl Future<Output = T>) -> T {
        PRIORITY.scope(self, work).await
    }

    /// Returns the priority of the current job; outside of a job, that of an urgent one that starts now.
    pub(crate) fn current() -> Self {
        PRIORITY.try_with(|priority| *priority).unwrap_or_else(|_| Self(Instant::now()))
    }

    /// Age in milliseconds, less the head starts of more urgent lanes; negative for a young job of a lane that is not
    /// urgent.
    pub(crate) fn age_ms(self) -> i64 {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        millis(self.0.elapsed()) - millis(self.0.saturating_duration_since(Instant::now()))
    }
}
